/** Experts: people whose way of drawing matters, with or without an account. */
import { Badge, Button, Select, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";
import { asProblem, createExpert, type ExpertOut, expertsQuery, updateExpert, useAction, usersQuery } from "../../api";
import {
  ActionsHead,
  ConfirmByName,
  EmptyState,
  FormDialog,
  NameFields,
  Page,
  Problem,
  t,
  trimmed,
  Waiting,
} from "../../ui";

export function ExpertsPage() {
  const experts = useQuery(expertsQuery);
  const users = useQuery(usersQuery);
  const [adding, setAdding] = useState(false);
  const choices = (users.data?.items ?? []).map((user) => ({ value: user.id, label: user.display_name || user.name }));
  const add = (
    <Button leftSection={<UserPlus size={16} />} data-testid="add-expert" onClick={() => setAdding(true)}>
      {t.experts.add}
    </Button>
  );
  return (
    <Page title={t.nav.experts} actions={add}>
      <Text c="dimmed" size="sm" maw={720}>
        {t.experts.what}
      </Text>
      {experts.error && <Problem problem={asProblem(experts.error)} retry={() => void experts.refetch()} />}
      {experts.isPending && !experts.error && <Waiting />}
      {experts.data?.items.length === 0 && <EmptyState title={t.experts.none} next={t.experts.noneNext} action={add} />}
      {experts.data && experts.data.items.length > 0 && <Experts experts={experts.data.items} choices={choices} />}
      {adding && <AddExpert choices={choices} onClose={() => setAdding(false)} />}
    </Page>
  );
}

type Choice = { value: string; label: string };

function Experts({ experts, choices }: { experts: readonly ExpertOut[]; choices: Choice[] }) {
  const update = useAction(updateExpert, { stale: ["experts", "project-experts", "session"] });
  const [editing, setEditing] = useState<ExpertOut | null>(null);
  const [unlinking, setUnlinking] = useState<ExpertOut | null>(null);
  return (
    <Table.ScrollContainer minWidth={640}>
      {editing && <EditExpert expert={editing} onClose={() => setEditing(null)} />}
      {unlinking && <Unlink expert={unlinking} onClose={() => setUnlinking(null)} />}
      <Table verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.project.expert}</Table.Th>
            <Table.Th>{t.projects.description}</Table.Th>
            <Table.Th w={240}>{t.experts.account}</Table.Th>
            <ActionsHead width={80} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {experts.map((expert) => (
            <Table.Tr key={expert.id}>
              <Table.Td>
                <bdi>{expert.name}</bdi>
              </Table.Td>
              <Table.Td>
                <Text size="sm" c="dimmed">
                  {expert.description}
                </Text>
              </Table.Td>
              <Table.Td>
                {expert.simulated ? (
                  <Badge color="yellow" variant="outline" tt="none">
                    {t.simulated.expert}
                  </Badge>
                ) : (
                  <Select
                    aria-label={t.experts.accountOf(expert.name)}
                    size="xs"
                    clearable
                    searchable
                    placeholder={t.experts.nameOnly}
                    data={choices}
                    value={expert.user_id}
                    onChange={(userId) =>
                      userId === null ? setUnlinking(expert) : update.run(expert.id, { user_id: userId })
                    }
                  />
                )}
              </Table.Td>
              <Table.Td>
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t.experts.editOf(expert.name)}
                  onClick={() => setEditing(expert)}
                >
                  {t.experts.edit}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Unlink({ expert, onClose }: { expert: ExpertOut; onClose: () => void }) {
  const unlink = useAction(updateExpert, {
    stale: ["experts", "project-experts", "session"],
    shownInPlace: true,
    onDone: onClose,
  });
  return (
    <ConfirmByName
      title={t.experts.unlinkTitle(expert.name)}
      consequence={t.experts.unlinkWhat}
      name={expert.name}
      act={t.experts.unlink}
      busy={unlink.busy}
      problem={unlink.problem}
      onConfirm={() => unlink.run(expert.id, { user_id: null })}
      onClose={onClose}
    />
  );
}

const longest = { name: 200, description: 2000 };

function EditExpert({ expert, onClose }: { expert: ExpertOut; onClose: () => void }) {
  const [naming, setNaming] = useState({ name: expert.name, description: expert.description });
  const save = useAction(updateExpert, { stale: ["experts", "project-experts"], shownInPlace: true, onDone: onClose });
  return (
    <FormDialog
      title={t.experts.editOf(expert.name)}
      act={t.shell.save}
      busy={save.busy}
      problem={save.problem}
      ready={naming.name.trim() !== ""}
      onSubmit={() => save.run(expert.id, trimmed(naming))}
      onClose={onClose}
    >
      <NameFields value={naming} onChange={setNaming} longest={longest} />
    </FormDialog>
  );
}

function AddExpert({ choices, onClose }: { choices: Choice[]; onClose: () => void }) {
  const [naming, setNaming] = useState({ name: "", description: "" });
  const [userId, setUserId] = useState<string | null>(null);
  const create = useAction(createExpert, { stale: ["experts"], shownInPlace: true, onDone: onClose });
  return (
    <FormDialog
      title={t.experts.add}
      act={t.experts.add}
      busy={create.busy}
      problem={create.problem}
      ready={naming.name.trim() !== ""}
      onSubmit={() => create.run({ ...trimmed(naming), user_id: userId })}
      onClose={onClose}
    >
      <NameFields value={naming} onChange={setNaming} longest={longest} />
      <Select
        label={t.experts.account}
        description={t.experts.accountHint}
        clearable
        searchable
        data={choices}
        value={userId}
        onChange={setUserId}
      />
    </FormDialog>
  );
}
