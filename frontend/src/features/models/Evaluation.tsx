/** How the live styles do on readings that nothing has learnt from, beside the controls; and the way to ask anew. */
import { Button, Group, Table, Text, Title, Tooltip } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Ruler } from "lucide-react";
import {
  asProblem,
  createJob,
  type EvaluatedOut,
  evaluationQuery,
  jobsQuery,
  type StyleOut,
  stylesQuery,
  useAction,
} from "../../api";
import { Problem, say, t } from "../../ui";

const columns = ["live", "nearest", "average", "others"] as const;

export function Evaluation({ projectId, manages }: { projectId: string; manages: boolean }) {
  const newest = useQuery(evaluationQuery(projectId));
  const jobs = useInfiniteQuery(jobsQuery({ projectId, state: null }));
  const last = jobs.data?.pages.flatMap((page) => page.items).find((job) => job.kind === "evaluate");
  const runs = last?.state === "queued" || last?.state === "running";
  const start = useAction(createJob, { stale: ["jobs"], onDone: () => say(t.models.evaluationStarted, "good") });
  const found = newest.data?.evaluation;
  return (
    <section>
      <Group justify="space-between" mb="sm">
        <Title order={2}>{t.models.evaluation}</Title>
        {manages && (
          <Button
            variant="default"
            leftSection={<Ruler size={16} />}
            loading={start.busy}
            disabled={runs}
            data-testid="start-evaluation"
            onClick={() => start.run({ kind: "evaluate", project_id: projectId })}
          >
            {runs ? t.models.evaluationRuns : t.models.evaluate}
          </Button>
        )}
      </Group>
      {newest.error && <Problem problem={asProblem(newest.error)} retry={() => void newest.refetch()} />}
      {last?.state === "failed" && last.error && (
        <Text size="sm" mb="sm" data-testid="evaluation-failed">
          {last.error.message} {last.error.remedy}
        </Text>
      )}
      {found ? (
        <>
          <Rows projectId={projectId} experts={found.experts} />
          <Text size="sm" c="dimmed" mt="xs">
            {t.models.evaluatedAt(t.units.dateTime(found.finished_at))}
          </Text>
        </>
      ) : (
        <Text size="sm" c="dimmed">
          {t.models.noEvaluation}
        </Text>
      )}
    </section>
  );
}

function Rows({ projectId, experts }: { projectId: string; experts: readonly EvaluatedOut[] }) {
  const styles = useQuery(stylesQuery(projectId)).data?.items ?? [];
  const originOf = (styleId: string) => styles.find((style) => style.id === styleId)?.origin;
  return (
    <Table.ScrollContainer minWidth={820}>
      <Table verticalSpacing={6} data-testid="evaluation">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.models.reader}</Table.Th>
            <Table.Th>{t.models.unseen}</Table.Th>
            {columns.map((name) => (
              <Table.Th key={name}>{t.models.candidates[name]}</Table.Th>
            ))}
            <Table.Th>{t.models.leadOverClosest}</Table.Th>
            <Table.Th>{t.models.surface}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {experts.map((row) => (
            <Table.Tr key={row.expert_id}>
              <Table.Td>
                <bdi>{row.expert_name}</bdi>
              </Table.Td>
              <Table.Td>{t.models.judgedBy(row.cases, row.patients, row.assisted)}</Table.Td>
              {columns.map((name) => (
                <Table.Td key={name} className="tabular">
                  <Figure of={row.candidates[name]} />
                </Table.Td>
              ))}
              <Table.Td className="tabular">{leadWords(row, originOf(row.style_id))}</Table.Td>
              <Table.Td className="tabular">{t.models.distances(row.candidates.live, row.unit)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** How far the live style leads the colleague's row it began from; one from pretraining began from none, the average style neither. */
function leadWords({ leads }: EvaluatedOut, origin: StyleOut["origin"] | undefined): string {
  if (leads.nearest) return t.models.lead(leads.nearest);
  return origin === "pretrained" ? t.models.ownRow : "–";
}

function Figure({ of: agreement }: { of: EvaluatedOut["candidates"][string] | undefined }) {
  if (!agreement) return <>–</>;
  return (
    <Tooltip label={t.models.interval(agreement.dice.low, agreement.dice.high, agreement.cases)}>
      <span>{agreement.dice.mean.toFixed(1)}</span>
    </Tooltip>
  );
}
