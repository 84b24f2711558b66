/**
 * Whether somebody is at work in this tab, so that the server's idle sign-out means what it says.
 *
 * Requests made without a person's recent act (polls, refetches after an event) carry a header that the server does
 * not count as a gesture. Work that needs no request, such as scrolling through slices, is reported: the first gesture
 * at once, those that follow together, with the age of the last, so that a late report never makes idleness shorter.
 */

export const backgroundHeader = "x-consilium-background";

const recent_ms = 10_000;
const longestPeriod_ms = 60_000;
const gestures = ["pointerdown", "keydown", "wheel"] as const;

let lastGesture = Number.NEGATIVE_INFINITY;

/** True when the page itself asks, not its reader. */
export function isBackground(): boolean {
  return Date.now() - lastGesture > recent_ms;
}

/** Milliseconds between two reports: a sixth of the idle time, at most a minute. */
export function reportPeriod_ms(idle_s: number): number {
  return Math.min(longestPeriod_ms, (1000 * idle_s) / 6);
}

/**
 * Watch for gestures until the returned function is called. `report` is told how many seconds ago the last one was
 * made, at most once in a period of `idle_s`, after how long without any the server signs this person out.
 */
export function watchPresence(idle_s: number, report: (secondsAgo: number) => void): () => void {
  let reported = Number.NEGATIVE_INFINITY;
  let due: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    due = undefined;
    reported = Date.now();
    report(Math.max(0, reported - lastGesture) / 1000);
  };
  const note = () => {
    lastGesture = Date.now();
    due ??= setTimeout(tell, Math.max(0, reported + reportPeriod_ms(idle_s) - lastGesture));
  };
  for (const gesture of gestures) window.addEventListener(gesture, note, { capture: true, passive: true });
  return () => {
    clearTimeout(due);
    for (const gesture of gestures) window.removeEventListener(gesture, note, { capture: true });
  };
}
