/** Whose way of drawing matters here: the experts, their progress, adding one and asking them to read. */
import { Badge, Button, Checkbox, Group, Progress, Select, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { addProjectExpert, asProblem, expertsQuery, type ProjectOut, projectExpertsQuery, useAction } from "../../api";
import { ActionsHead, EmptyState, Problem, t, Waiting } from "../../ui";
import { ExpertMenu } from "./ExpertMenu";

export function ExpertsTab({ project, manages }: { project: ProjectOut; manages: boolean }) {
  const experts = useQuery(projectExpertsQuery(project.id));
  if (experts.error) return <Problem problem={asProblem(experts.error)} retry={() => void experts.refetch()} />;
  if (experts.isPending) return <Waiting />;
  return (
    <Stack>
      {experts.data.items.length === 0 && <EmptyState title={t.project.noExperts} next={t.project.noExpertsNext} />}
      {experts.data.items.length > 0 && (
        <Table.ScrollContainer minWidth={480}>
          <Table verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.project.expert}</Table.Th>
                <Table.Th>{t.project.kind}</Table.Th>
                <Table.Th>{t.project.reads}</Table.Th>
                {manages && <ActionsHead width={48} />}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {experts.data.items.map((expert) => (
                <Table.Tr key={expert.expert_id} data-testid="expert-row">
                  <Table.Td>
                    <bdi>{expert.name}</bdi>
                  </Table.Td>
                  <Table.Td>
                    <ExpertKind simulated={expert.simulated} linked={expert.user_id !== null} />
                  </Table.Td>
                  <Table.Td>
                    <Group gap={8}>
                      <Progress
                        w={120}
                        color="teal"
                        value={expert.assignments > 0 ? (100 * expert.submitted) / expert.assignments : 0}
                        aria-label={t.worklist.progress}
                      />
                      <Text size="sm" className="tabular">
                        {t.worklist.done(expert.submitted, expert.assignments)}
                      </Text>
                    </Group>
                  </Table.Td>
                  {manages && (
                    <Table.Td>
                      <ExpertMenu project={project} expert={{ id: expert.expert_id, name: expert.name }} />
                    </Table.Td>
                  )}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {manages && <AddExpert projectId={project.id} present={experts.data.items.map((expert) => expert.expert_id)} />}
    </Stack>
  );
}

export function ExpertKind({ simulated, linked }: { simulated: boolean; linked: boolean }) {
  const words = simulated ? t.simulated.expert : linked ? t.experts.hasAccount : t.experts.nameOnly;
  return (
    <Badge variant="outline" color={simulated ? "yellow" : linked ? "azure" : "gray"} tt="none">
      {words}
    </Badge>
  );
}

function AddExpert({ projectId, present }: { projectId: string; present: readonly string[] }) {
  const experts = useQuery(expertsQuery);
  const [expertId, setExpertId] = useState<string | null>(null);
  const [assign, setAssign] = useState(true);
  const add = useAction(addProjectExpert, {
    stale: ["project-experts", "project", "assignments", "styles"],
    onDone: () => setExpertId(null),
  });
  const choices = (experts.data?.items ?? []).filter((expert) => !present.includes(expert.id));
  return (
    <Group align="end">
      <Select
        label={t.project.addExpert}
        placeholder={experts.data && choices.length === 0 ? t.project.noOtherExperts : t.project.chooseExpert}
        data={choices.map((expert) => ({ value: expert.id, label: expert.name }))}
        searchable
        value={expertId}
        onChange={setExpertId}
        w={280}
      />
      <Checkbox
        label={t.project.assignAll}
        checked={assign}
        onChange={(event) => setAssign(event.currentTarget.checked)}
        mb={8}
      />
      <Button disabled={!expertId} loading={add.busy} onClick={() => expertId && add.run(projectId, expertId, assign)}>
        {t.project.add}
      </Button>
    </Group>
  );
}
