/** Experts: people whose way of drawing matters, with or without an account. */
import { Badge, Button, Modal, Select, Stack, Table, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { asProblem, createExpert, type ExpertOut, expertsQuery, updateExpert, useAction, usersQuery } from "../../api";
import { ActionsHead, ConfirmByName, EmptyState, Page, Problem, t, Waiting } from "../../ui";

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

function EditExpert({ expert, onClose }: { expert: ExpertOut; onClose: () => void }) {
  const [name, setName] = useState(expert.name);
  const [description, setDescription] = useState(expert.description);
  const save = useAction(updateExpert, { stale: ["experts", "project-experts"], shownInPlace: true, onDone: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.run(expert.id, { name: name.trim(), description: description.trim() });
  };
  return (
    <Modal opened onClose={onClose} title={t.experts.editOf(expert.name)}>
      <form onSubmit={submit}>
        <Stack>
          {save.problem && <Problem problem={save.problem} />}
          <TextInput
            label={t.projects.name}
            required
            maxLength={200}
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Textarea
            label={t.projects.description}
            maxLength={2000}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Button type="submit" loading={save.busy} disabled={name.trim() === ""}>
            {t.shell.save}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

function AddExpert({ choices, onClose }: { choices: Choice[]; onClose: () => void }) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [userId, setUserId] = useState<string | null>(null);
  const create = useAction(createExpert, { stale: ["experts"], shownInPlace: true, onDone: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.run({ name: name.trim(), description: description.trim(), user_id: userId });
  };
  return (
    <Modal opened onClose={onClose} title={t.experts.add}>
      <form onSubmit={submit}>
        <Stack>
          {create.problem && <Problem problem={create.problem} />}
          <TextInput
            label={t.projects.name}
            required
            maxLength={200}
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Textarea
            label={t.projects.description}
            maxLength={2000}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Select
            label={t.experts.account}
            description={t.experts.accountHint}
            clearable
            searchable
            data={choices}
            value={userId}
            onChange={setUserId}
          />
          <Button type="submit" loading={create.busy} disabled={name.trim() === ""}>
            {t.experts.add}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
