/**
 * Ends an idle session on the screen when the server ends it: a warning before, extended by any key or click, then the
 * dialog that hides the images. The server's count is the truth, because another tab may be at work; where it cannot be
 * reached in time, the images are hidden all the same.
 */
import { Button, Modal, Stack, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { askSession, isProblem, noteGesture, type SessionOut } from "../../api";
import { t } from "../../ui";

const longestWarning_s = 120;
/** How often the server is asked while the warning stands: another tab may be at work. */
const askAgain_s = 5;

type Props = { session: SessionOut; onEnded: () => void };

/** Seconds of warning before a session of this length ends: two minutes, but at most half of it. */
export function warning_s(idle_s: number): number {
  return Math.min(longestWarning_s, idle_s / 2);
}

export function IdleWatch({ session, onEnded }: Props) {
  const { idle_seconds: idle_s, idle_seconds_left: firstLeft_s } = session;
  const [left_s, setLeft] = useState<number | null>(null);
  const ended = useRef(onEnded);
  ended.current = onEnded;
  const extend = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (idle_s === null) return;
    const now_s = () => performance.now() / 1000;
    let end_s = now_s() + (firstLeft_s ?? idle_s);
    let asked_s = Number.NEGATIVE_INFINITY;
    const ask = async () => {
      asked_s = now_s();
      try {
        const { idle_seconds_left } = await askSession();
        end_s = now_s() + (idle_seconds_left ?? idle_s);
      } catch (error) {
        if (isProblem(error, 401)) end_s = now_s();
      }
    };
    const look = async () => {
      if (end_s - now_s() <= warning_s(idle_s) && now_s() - asked_s > askAgain_s) await ask();
      const left = end_s - now_s();
      setLeft(left > warning_s(idle_s) ? null : Math.max(0, Math.ceil(left)));
      if (left <= 0) ended.current();
    };
    const stay = async () => {
      // A report that fails changes nothing: the next look asks the server again.
      await noteGesture(0).catch(() => undefined);
      await ask();
      await look();
    };
    extend.current = () => void stay();
    const timer = setInterval(() => void look(), 1000);
    return () => clearInterval(timer);
  }, [idle_s, firstLeft_s]);

  const isWarning = left_s !== null && left_s > 0;
  useEffect(() => {
    if (!isWarning) return;
    const stay = () => extend.current();
    const gestures = ["keydown", "pointerdown"] as const;
    for (const gesture of gestures) window.addEventListener(gesture, stay, { capture: true, once: true });
    return () => {
      for (const gesture of gestures) window.removeEventListener(gesture, stay, { capture: true });
    };
  }, [isWarning]);

  return (
    <Modal opened={isWarning} onClose={() => undefined} withCloseButton={false} title={t.login.idleTitle} centered>
      <Stack data-testid="idle-warning">
        <Text size="sm">{t.login.idle(left_s ?? 0)}</Text>
        <Button data-autofocus>{t.login.stay}</Button>
      </Stack>
    </Modal>
  );
}
