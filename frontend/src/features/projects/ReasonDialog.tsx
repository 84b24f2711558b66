/** Asks why, before something that others will notice; says what will happen and what stays. The reason goes to the audit. */
import { Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import type { ApiProblem } from "../../api";
import { DialogButtons, Problem, t } from "../../ui";

type Props = {
  title: string;
  consequence: string;
  act: string;
  busy: boolean;
  problem: ApiProblem | null;
  onConfirm: (reason: string) => void;
  onClose: () => void;
  /** False while something else in the dialog is still to be chosen. */
  ready?: boolean;
  children?: ReactNode;
};

export function ReasonDialog({
  title,
  consequence,
  act,
  busy,
  problem,
  onConfirm,
  onClose,
  ready = true,
  children,
}: Props) {
  const [reason, setReason] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onConfirm(reason.trim());
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{consequence}</Text>
          {children}
          {problem && <Problem problem={problem} />}
          <TextInput
            label={t.project.reason}
            description={t.project.reasonHint}
            maxLength={1000}
            autoComplete="off"
            data-autofocus
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <DialogButtons onBack={onClose}>
            <Button type="submit" loading={busy} disabled={!ready}>
              {act}
            </Button>
          </DialogButtons>
        </Stack>
      </form>
    </Modal>
  );
}
