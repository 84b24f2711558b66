/** One job: what it does, how far it is, why it failed and what to do about it; its curve when it learns. */
import { Alert, Badge, Button, Card, Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import {
  cancelJob,
  createJob,
  expertsQuery,
  imageQuery,
  type JobOut,
  projectsQuery,
  sessionQuery,
  useAction,
} from "../../api";
import { say, t } from "../../ui";
import { LossCurve } from "./LossCurve";

const stateColour = { queued: "gray", running: "azure", done: "teal", failed: "red", cancelled: "dark" } as const;

export function JobCard({ job }: { job: JobOut }) {
  const learns = job.kind === "pretrain" || job.kind === "personalise";
  const [asked, setAsked] = useState<boolean | null>(null);
  const curve = asked ?? (learns && job.state === "running");
  const live = job.state === "queued" || job.state === "running";
  return (
    <Card withBorder bg="var(--ui-card)" p="sm" data-testid="job-card" data-kind={job.kind} data-state={job.state}>
      <Stack gap={8}>
        <Group justify="space-between">
          <Group gap={10}>
            <Text fw={600}>{"inspect" in job.params ? t.jobs.inspection : t.jobs.kinds[job.kind]}</Text>
            <Badge variant="light" color={stateColour[job.state]} tt="none">
              {t.jobs.states[job.state]}
            </Badge>
            <JobPlace job={job} />
          </Group>
          <Group gap={8}>
            {learns && job.started_at && (
              <Button size="compact-sm" variant="subtle" onClick={() => setAsked(!curve)}>
                {curve ? t.jobs.hideCurve : t.jobs.showCurve}
              </Button>
            )}
            {live && <CancelButton job={job} />}
            {(job.state === "failed" || job.state === "cancelled") && <AgainButton job={job} />}
          </Group>
        </Group>
        <JobProgress job={job} />
        {job.error && (
          <Alert color="red" variant="outline" title={job.error.message}>
            {job.error.remedy}
          </Alert>
        )}
        {curve && <LossCurve jobId={job.id} live={job.state === "running"} />}
      </Stack>
    </Card>
  );
}

function JobPlace({ job }: { job: JobOut }) {
  const images = useJobImages(job);
  const projects = useQuery(projectsQuery);
  const experts = useQuery(expertsQuery);
  const words = [
    projects.data?.items.find((project) => project.id === job.project_id)?.name,
    images,
    experts.data?.items.find((expert) => expert.id === job.expert_id)?.name,
    t.units.dateTime(job.created_at),
    job.attempt > 1 ? t.jobs.attempt(job.attempt) : undefined,
  ].filter(Boolean);
  return (
    <Text size="sm" c="dimmed">
      <bdi>{words.join(" · ")}</bdi>
    </Text>
  );
}

/** What a prediction is of: its one image by name, several by their number. */
function useJobImages({ kind, params }: JobOut): string | undefined {
  const asked = kind === "predict" && Array.isArray(params.image_ids) ? params.image_ids : [];
  const [first] = asked;
  const only = asked.length === 1 && typeof first === "string" ? first : null;
  const image = useQuery({ ...imageQuery(only ?? ""), enabled: only !== null });
  return asked.length > 1 ? t.jobs.images(asked.length) : image.data?.name;
}

function JobProgress({ job }: { job: JobOut }) {
  if (job.state === "queued")
    return <Text size="sm">{job.queue_position ? t.jobs.place(job.queue_position) : t.jobs.waiting}</Text>;
  if (job.state !== "running") {
    if (job.state !== "done" || !job.started_at || !job.finished_at) return null;
    const seconds = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
    return (
      <Text size="sm" c="dimmed">
        {t.jobs.took(t.units.duration(seconds))}
      </Text>
    );
  }
  const { progress } = job;
  const share = progress && progress.steps > 0 ? (100 * progress.step) / progress.steps : 0;
  const left = progress?.seconds_left;
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {progress
            ? progress.message ||
              t.jobs.step(t.jobs.phases[progress.phase] ?? progress.phase, progress.step, progress.steps)
            : t.jobs.starting}
        </Text>
        <Text size="sm" c="dimmed" className="tabular" data-testid="time-left">
          {left === null || left === undefined ? t.jobs.estimating : t.jobs.left(t.units.duration(left))}
        </Text>
      </Group>
      <Progress value={share} aria-label={t.imports.progress} />
    </Stack>
  );
}

/** What a person may ask for a second time. An import is begun again with its files, a prediction where it is shown. */
const repeatable = ["pretrain", "personalise", "predict"] as const;

function AgainButton({ job }: { job: JobOut }) {
  const again = useAction(createJob, { stale: ["jobs"], onDone: () => say(t.jobs.askedAgain, "good") });
  const kind = repeatable.find((one) => one === job.kind);
  if (!kind || !job.project_id) return null;
  const wish = { kind, project_id: job.project_id, expert_id: job.expert_id, params: job.params };
  return (
    <Button size="compact-sm" variant="default" loading={again.busy} onClick={() => again.run(wish)}>
      {t.jobs.again}
    </Button>
  );
}

function CancelButton({ job }: { job: JobOut }) {
  const session = useQuery(sessionQuery);
  const cancel = useAction(cancelJob, { stale: ["jobs", "job"] });
  if (!session.data) return null;
  return (
    <Button
      size="compact-sm"
      variant="default"
      disabled={job.cancel_requested}
      loading={cancel.busy}
      onClick={() => cancel.run(job.id)}
    >
      {job.cancel_requested ? t.jobs.cancelling : t.jobs.cancel}
    </Button>
  );
}
