/** Asks for the reason before a person lets something go live. */
import { Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useAction } from "../../api";
import { FormDialog, say, t } from "../../ui";

type PromoteProps = {
  title: string;
  body: string;
  /** What is live afterwards, as it is called. */
  what: string;
  act: (reason: string) => Promise<unknown>;
  onClose: () => void;
};

export function PromoteDialog({ title, body, what, act, onClose }: PromoteProps) {
  const [reason, setReason] = useState("");
  const onDone = () => {
    say(t.models.isLive(what), "good");
    onClose();
  };
  const promote = useAction(act, { stale: ["styles", "models", "assignments"], shownInPlace: true, onDone });
  return (
    <FormDialog
      title={title}
      act={t.models.confirm}
      busy={promote.busy}
      problem={promote.problem}
      ready={reason.trim() !== ""}
      onSubmit={() => promote.run(reason.trim())}
      onClose={onClose}
    >
      <Text size="sm">{body}</Text>
      <Textarea
        label={t.models.reason}
        required
        maxLength={1000}
        data-autofocus
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
