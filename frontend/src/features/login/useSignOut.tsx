/**
 * Signing out leaves nothing behind: strokes are sent first, then the journal, its key and the browser's storage go.
 * What cannot be sent is asked about; another person's unsent strokes in this browser are left alone.
 */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { asProblem, countUnsent, drainAll, openedJournal, signOut } from "../../api";
import { say, t } from "../../ui";

const patience_ms = 5000;

/** `signOut` to be called by a button, and the dialog to be shown somewhere; `onDone` when nobody is signed in any more. */
export function useSignOut(onDone: () => void): { signOut: () => void; dialog: ReactNode } {
  const [unsent, setUnsent] = useState(0);
  const fail = (error: unknown) => say(asProblem(error).detail, "error");
  const leave = async () => {
    const journal = await openedJournal();
    const { others } = (await journal?.count()) ?? { others: 0 };
    await journal?.wipe();
    await signOut(others > 0);
    onDone();
  };
  const ask = async () => {
    setUnsent(0);
    await drainAll(patience_ms);
    const journal = await openedJournal();
    const left = Math.max(countUnsent(), (await journal?.count())?.mine ?? 0);
    if (left > 0) setUnsent(left);
    else await leave();
  };
  const dialog = (
    <Modal opened={unsent > 0} onClose={() => setUnsent(0)} title={t.save.unsentTitle} centered>
      <Stack data-testid="sign-out-unsent">
        <Text size="sm">{t.save.unsent(unsent)}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => void ask().catch(fail)}>
            {t.save.sendFirst}
          </Button>
          <Button color="red" onClick={() => void leave().catch(fail)}>
            {t.save.discard}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
  return { signOut: () => void ask().catch(fail), dialog };
}
