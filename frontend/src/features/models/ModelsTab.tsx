/** Shared model versions; each expert's style with its curve, its history, its gate in words, and the way back. */
import { Group, NumberInput, Stack, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import {
  asProblem,
  jobsQuery,
  learningCurvesQuery,
  modelsQuery,
  nextPersonalisationsQuery,
  type StyleOut,
  sessionQuery,
  stylesQuery,
  withdrawnLineageQuery,
} from "../../api";
import { EmptyState, Problem, t, Waiting } from "../../ui";
import { Evaluation } from "./Evaluation";
import { ExpertStyles } from "./ExpertStyles";
import { Streams } from "./Streams";
import { Versions } from "./Versions";

/** firstGoal: the project's, in Dice points, which the field lets one depart from. */
type Props = { projectId: string; firstGoal: number; personalises: boolean; manages: boolean };

export function ModelsTab({ projectId, firstGoal, personalises, manages }: Props) {
  const models = useQuery(modelsQuery(projectId));
  const styles = useQuery(stylesQuery(projectId));
  const [goal, setGoal] = useState(firstGoal);
  const [askedGoal] = useDebouncedValue(goal, 300);
  const curves = useQuery(learningCurvesQuery(projectId, askedGoal));
  const next = useQuery(nextPersonalisationsQuery(projectId));
  const withdrawn = useQuery(withdrawnLineageQuery(projectId));
  const jobs = useInfiniteQuery(jobsQuery({ projectId, state: null }));
  const ownId = useQuery(sessionQuery).data?.expert_id ?? null;
  const learning = (jobs.data?.pages ?? [])
    .flatMap((page) => page.items)
    .filter((job) => job.kind === "personalise" && (job.state === "queued" || job.state === "running"));
  const error = models.error ?? styles.error ?? curves.error ?? next.error ?? withdrawn.error;
  if (error) {
    const retry = () => void Promise.all([models, styles, curves, next, withdrawn].map((query) => query.refetch()));
    return <Problem problem={asProblem(error)} retry={retry} />;
  }
  if (!models.data || !styles.data || !curves.data || !withdrawn.data) return <Waiting />;
  if (models.data.items.length === 0)
    return <EmptyState title={t.models.none} next={manages ? t.models.noneNext : t.models.noneReader} />;
  return (
    <Stack gap="xl">
      <section>
        <Title order={2} mb="sm">
          {t.models.versions}
        </Title>
        <Versions models={models.data.items} withdrawn={withdrawn.data.items} manages={manages} />
      </section>
      <section>
        <Group justify="space-between" align="flex-end" mb="sm">
          <Title order={2}>{t.models.styles}</Title>
          <NumberInput
            label={t.models.goal}
            data-testid="goal"
            w={150}
            min={1}
            max={99}
            clampBehavior="strict"
            decimalScale={1}
            value={goal}
            onChange={(value) => typeof value === "number" && value > 0 && setGoal(value)}
          />
        </Group>
        <Stack gap="sm">
          {byExpert(styles.data.items, ownId).map(([expertId, own]) => (
            <ExpertStyles
              key={expertId}
              styles={own}
              models={models.data.items}
              isLearning={learning.some((job) => job.expert_id === expertId)}
              next={next.data?.items.find((one) => one.expert_id === expertId)}
              withdrawn={withdrawn.data.items}
              personalises={personalises}
              curve={curves.data.items.find((one) => one.expert_id === expertId)}
              goal={askedGoal}
              manages={manages}
            />
          ))}
        </Stack>
      </section>
      <Streams projectId={projectId} />
      <Evaluation projectId={projectId} manages={manages} />
    </Stack>
  );
}

/** Styles by expert, newest first; my own before the others', who are in the order of their names. */
function byExpert(styles: readonly StyleOut[], ownId: string | null): [string, [StyleOut, ...StyleOut[]]][] {
  const groups = new Map<string, [StyleOut, ...StyleOut[]]>();
  for (const style of [...styles].sort((a, b) => b.number - a.number)) {
    const known = groups.get(style.expert_id);
    if (known) known.push(style);
    else groups.set(style.expert_id, [style]);
  }
  return [...groups].sort(
    ([, [a]], [, [b]]) =>
      Number(b.expert_id === ownId) - Number(a.expert_id === ownId) ||
      a.expert_name.localeCompare(b.expert_name, "en", { numeric: true }),
  );
}
