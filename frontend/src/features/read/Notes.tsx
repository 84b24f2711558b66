/** What the doctor must know about their strokes beside the save state, and what they can do about it. */
import { Button, CloseButton, Group, Text } from "@mantine/core";
import { useState } from "react";
import { asProblem } from "../../api";
import { say, t } from "../../ui";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

/** Another window changed this case: how much, and where. Stays until read; lies over the views, so nothing moves under a pen. */
export function MergeNote() {
  const session = useSession();
  const note = useRead((state) => state.note);
  if (!note) return null;
  const { text, at } = note;
  return (
    <Group gap="xs" className={classes.note} role="status" data-testid="merge-note" wrap="nowrap">
      <Text size="sm" style={{ flex: 1 }}>
        {text}
      </Text>
      {at && (
        <Button size="compact-xs" variant="default" onClick={() => session.viewer.goTo(at)}>
          {t.read.showPlace}
        </Button>
      )}
      <CloseButton size="sm" aria-label={t.shell.close} onClick={() => useRead.setState({ note: null })} />
    </Group>
  );
}

/** The ways on after a refusal. */
export function Remedies() {
  const session = useSession();
  const save = useRead((state) => state.save);
  const mismatch = useRead((state) => state.mismatch);
  const [busy, setBusy] = useState(false);
  const differs = mismatch !== null || (save.kind === "refused" && save.code === "checksum-mismatch");
  const go = (way: Promise<void>, done: string) => {
    setBusy(true);
    way
      .then(() => say(done, "good"))
      .catch((error: unknown) => say(asProblem(error).detail, "error"))
      .finally(() => setBusy(false));
  };
  if (differs)
    return (
      <Button
        size="compact-xs"
        loading={busy}
        onClick={() => go(session.saveAsRevision(), t.save.forked)}
        data-testid="save-as-revision"
      >
        {t.save.fork}
      </Button>
    );
  if (save.kind !== "refused") return null;
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={() => session.sendAgain()}>
        {t.save.again}
      </Button>
      <Button
        size="compact-xs"
        variant="default"
        loading={busy}
        onClick={() => go(session.takeBackRefused(), t.save.takenBack)}
        data-testid="take-back-refused"
      >
        {t.save.takeBack}
      </Button>
    </>
  );
}

/** Shown for as long as it is true (VIEWER.md, section 8). */
export function Unprotected() {
  const isShown = useRead((state) => !state.isProtected && !state.facts?.readOnly);
  if (!isShown) return null;
  return (
    <Text size="xs" c="yellow" data-testid="unprotected">
      {t.save.unprotected}
    </Text>
  );
}
