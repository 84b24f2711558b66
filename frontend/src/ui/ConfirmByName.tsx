/** Asks for the object's name before something that cannot simply be undone, and says what will happen. */
import { Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { DialogButtons } from "./dialogs";
import { Problem } from "./parts";
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

export function ConfirmByName({ title, consequence, name, act, busy, problem, onConfirm, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() === name) onConfirm();
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{consequence}</Text>
          {problem && <Problem problem={problem} />}
          <TextInput
            label={t.shell.typeName(name)}
            autoComplete="off"
            data-autofocus
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <DialogButtons onBack={onClose}>
            <Button type="submit" color="red" loading={busy} disabled={typed.trim() !== name}>
              {act}
            </Button>
          </DialogButtons>
        </Stack>
      </form>
    </Modal>
  );
}
