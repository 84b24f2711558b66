/** A list of jobs, newest first, kept live by the event stream. */
import { Button, Stack } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { asProblem, type JobOut, jobsQuery } from "../../api";
import { EmptyState, Problem, t, Waiting } from "../../ui";
import { JobCard } from "./JobCard";

export function JobsList({ projectId, state }: { projectId: string | null; state: JobOut["state"] | null }) {
  const jobs = useInfiniteQuery(jobsQuery({ projectId, state }));
  const all = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  if (jobs.error) return <Problem problem={asProblem(jobs.error)} retry={() => void jobs.refetch()} />;
  if (jobs.isPending) return <Waiting />;
  if (all.length === 0) return <EmptyState title={t.jobs.none} next={t.jobs.noneNext} />;
  return (
    <Stack gap="sm">
      {all.map((job) => (
        <JobCard key={job.id} job={job} />
      ))}
      {jobs.hasNextPage && (
        <Button variant="default" loading={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
          {t.shell.more}
        </Button>
      )}
    </Stack>
  );
}
