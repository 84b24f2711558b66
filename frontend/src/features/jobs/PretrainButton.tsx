/** Starts learning from all experts of a project; the job then shows itself in the jobs tab. */
import { Button, Menu } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronDown, GraduationCap } from "lucide-react";
import { useSearchParams } from "react-router";
import { createJob, jobsQuery, useAction } from "../../api";
import { say, t } from "../../ui";

export function PretrainButton({ projectId }: { projectId: string }) {
  const [, setSearch] = useSearchParams();
  const jobs = useInfiniteQuery(jobsQuery({ projectId, state: null }));
  const runs = jobs.data?.pages
    .flatMap((page) => page.items)
    .some((job) => job.kind === "pretrain" && (job.state === "queued" || job.state === "running"));
  const start = useAction(createJob, {
    stale: ["jobs"],
    onDone: () => {
      say(t.jobs.pretrainStarted, "good");
      setSearch({ tab: "jobs" });
    },
  });
  return (
    <Button.Group>
      <Button
        variant="default"
        leftSection={<GraduationCap size={16} />}
        loading={start.busy}
        disabled={runs ?? false}
        data-testid="start-pretraining"
        onClick={() => start.run({ kind: "pretrain", project_id: projectId })}
      >
        {runs ? t.jobs.pretrainRuns : t.jobs.pretrain}
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="default"
            px={8}
            disabled={runs || start.busy}
            aria-label={t.jobs.pretrainMethod}
            data-testid="pretraining-method"
          >
            <ChevronDown size={16} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {Object.entries(t.jobs.methods).map(([method, name]) => (
            <Menu.Item
              key={method}
              onClick={() => start.run({ kind: "pretrain", project_id: projectId, params: { method } })}
            >
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Button.Group>
  );
}
