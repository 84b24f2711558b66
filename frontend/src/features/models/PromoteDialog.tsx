/** Asks for the reason before a person lets something go live. */
import { Button, Modal, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useAction } from "../../api";
import { Problem, t } from "../../ui";

type PromoteProps = { title: string; body: string; act: (reason: string) => Promise<unknown>; onClose: () => void };

export function PromoteDialog({ title, body, act, onClose }: PromoteProps) {
  const [reason, setReason] = useState("");
  const promote = useAction(act, { stale: ["styles", "models", "assignments"], shownInPlace: true, onDone: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    promote.run(reason.trim());
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{body}</Text>
          {promote.problem && <Problem problem={promote.problem} />}
          <Textarea
            label={t.models.reason}
            required
            maxLength={1000}
            data-autofocus
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <Button type="submit" disabled={reason.trim() === ""} loading={promote.busy}>
            {t.models.confirm}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
