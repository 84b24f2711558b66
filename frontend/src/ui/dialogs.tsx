/** How dialogs end, and the ones that only ask: the way back stands first, what acts stands last, both to the right. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
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
