/** Starts learning from all experts of a project; the job then shows itself in the jobs tab. */
import { Button } from "@mantine/core";
import { GraduationCap } from "lucide-react";
import { useSearchParams } from "react-router";
import { createJob, useAction } from "../../api";
import { say, t } from "../../ui";

export function PretrainButton({ projectId }: { projectId: string }) {
  const [, setSearch] = useSearchParams();
  const start = useAction(createJob, {
    stale: ["jobs"],
    onDone: () => {
      say(t.jobs.pretrainStarted, "good");
      setSearch({ tab: "jobs" });
    },
  });
  return (
    <Button
      variant="default"
      leftSection={<GraduationCap size={16} />}
      loading={start.busy}
      data-testid="start-pretraining"
      onClick={() => start.run({ kind: "pretrain", project_id: projectId })}
    >
      {t.jobs.pretrain}
    </Button>
  );
}
