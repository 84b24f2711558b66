/** Asks for the object's name before something that cannot simply be undone, and says what will happen. */
import { Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { FormDialog } from "./dialogs";
import { t } from "./strings";

type Props = {
  title: string;
  /** What will happen, in a sentence. */
  consequence: ReactNode;
  name: string;
  act: string;
  busy: boolean;
  problem: { title: string; detail: string } | null;
  onConfirm: () => void;
  onClose: () => void;
};

export function ConfirmByName({ consequence, name, onConfirm, ...dialog }: Props) {
  const [typed, setTyped] = useState("");
  return (
    <FormDialog {...dialog} isGrave ready={typed.trim() === name} onSubmit={onConfirm}>
      <Text size="sm">{consequence}</Text>
      <TextInput
        label={t.shell.typeName(name)}
        autoComplete="off"
        data-autofocus
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
