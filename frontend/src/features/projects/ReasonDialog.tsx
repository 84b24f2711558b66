/** Asks why, before something that others will notice; says what will happen and what stays. The reason goes to the audit. */
import { Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import type { ApiProblem } from "../../api";
import { FormDialog, t } from "../../ui";

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

export function ReasonDialog({ consequence, onConfirm, children, ...dialog }: Props) {
  const [reason, setReason] = useState("");
  return (
    <FormDialog {...dialog} onSubmit={() => onConfirm(reason.trim())}>
      <Text size="sm">{consequence}</Text>
      {children}
      <TextInput
        label={t.project.reason}
        description={t.project.reasonHint}
        maxLength={1000}
        autoComplete="off"
        data-autofocus
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
