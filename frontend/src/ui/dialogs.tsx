/** Dialogs that are filled in, and those that only ask: the way back stands first, what acts stands last, both to the right. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { Problem } from "./parts";
import { t } from "./strings";

type ButtonsProps = {
  onBack: () => void;
  /** What the way back is called; "Cancel" where the question has no better word. */
  back?: string;
  /** True where Enter, pressed before reading, must change nothing. */
  isBackFocused?: boolean;
  /** The button or buttons that act. */
  children: ReactNode;
};

export function DialogButtons({ onBack, back = t.shell.cancel, isBackFocused = false, children }: ButtonsProps) {
  return (
    <Group justify="flex-end">
      <Button variant="default" onClick={onBack} {...(isBackFocused ? { "data-autofocus": true } : {})}>
        {back}
      </Button>
      {children}
    </Group>
  );
}

type QuestionProps = {
  opened: boolean;
  title: string;
  words: string;
  back: string;
  onBack: () => void;
  size?: "md" | "lg";
  children: ReactNode;
};

/** Asked before a gesture does more than its maker may mean; Enter and Escape both lead back. */
export function Question({ opened, title, words, back, onBack, size = "md", children }: QuestionProps) {
  return (
    <Modal opened={opened} onClose={onBack} title={title} size={size}>
      <Stack>
        <Text size="sm">{words}</Text>
        <DialogButtons back={back} onBack={onBack} isBackFocused>
          {children}
        </DialogButtons>
      </Stack>
    </Modal>
  );
}

type FormProps = {
  title: string;
  /** What the button that sends the form is called. */
  act: string;
  busy: boolean;
  problem: { title: string; detail: string } | null;
  /** False while something is still to be filled in. */
  ready?: boolean;
  /** True where what it does cannot simply be undone. */
  isGrave?: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
};

/** Filled in and sent by its button or by Enter; what the server refuses stands above the buttons, and the form stays. */
export function FormDialog(props: FormProps) {
  const { title, act, busy, problem, ready = true, isGrave = false, onSubmit, onClose, children } = props;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onSubmit();
  };
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          {children}
          {problem && <Problem problem={problem} />}
          <DialogButtons onBack={onClose}>
            <Button type="submit" loading={busy} disabled={!ready} {...(isGrave ? { color: "red" } : {})}>
              {act}
            </Button>
          </DialogButtons>
        </Stack>
      </form>
    </Modal>
  );
}
