/** What who runs the project can do about one of its experts: ask for all images, take reads back, take the expert out. */
import { ActionIcon, Menu } from "@mantine/core";
import { EllipsisVertical } from "lucide-react";
import { useState } from "react";
import { createAssignments, type ProjectOut, removeProjectExpert, useAction, withdrawReads } from "../../api";
import { say, t } from "../../ui";
import { ReasonDialog } from "./ReasonDialog";

const stale = ["assignments", "project", "projects", "project-experts"];

type Props = { project: ProjectOut; expert: { id: string; name: string } };

export function ExpertMenu({ project, expert }: Props) {
  const [open, setOpen] = useState<"withdraw" | "remove" | null>(null);
  const close = () => setOpen(null);
  const ask = useAction(createAssignments, { stale, onDone: ({ created }) => say(t.project.asked(created), "good") });
  const told = ({ withdrawn }: { withdrawn: number }) => {
    say(t.project.withdrawn(withdrawn), "good");
    close();
  };
  const withdraw = useAction(withdrawReads, { stale, shownInPlace: true, onDone: told });
  const remove = useAction(removeProjectExpert, { stale, shownInPlace: true, onDone: told });
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.project.moreOf(expert.name)}>
            <EllipsisVertical size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => ask.run(project.id, null, [expert.id])}>{t.project.assignAll}</Menu.Item>
          <Menu.Item onClick={() => setOpen("withdraw")}>{t.project.withdrawUnfinished}</Menu.Item>
          <Menu.Item onClick={() => setOpen("remove")}>{t.project.removeExpert}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === "withdraw" && (
        <ReasonDialog
          title={t.project.withdrawAllTitle(expert.name)}
          consequence={`${t.project.withdrawWhat} ${t.project.submittedStays}`}
          act={t.project.withdraw}
          busy={withdraw.busy}
          problem={withdraw.problem}
          onConfirm={(reason) => withdraw.run(project.id, null, [expert.id], reason)}
          onClose={close}
        />
      )}
      {open === "remove" && (
        <ReasonDialog
          title={t.project.removeExpertTitle(expert.name)}
          consequence={t.project.removeExpertWhat}
          act={t.project.removeExpert}
          busy={remove.busy}
          problem={remove.problem}
          onConfirm={(reason) => remove.run(project.id, expert.id, reason)}
          onClose={close}
        />
      )}
    </>
  );
}
