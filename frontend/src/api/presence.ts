/**
 * Whether somebody is at work in this tab, so that the server's idle sign-out means what it says.
 *
 * Requests made without a person's recent act (polls, refetches after an event) carry a header that the server does
 * not count as a gesture. Work that needs no request, such as scrolling through slices, is reported once a minute.
 */

export const backgroundHeader = "x-consilium-background";

const recent_ms = 10_000;
const report_ms = 60_000;
const gestures = ["pointerdown", "keydown", "wheel"] as const;

let lastGesture = 0;

/** True when the page itself asks, not its reader. */
export function isBackground(): boolean {
  return Date.now() - lastGesture > recent_ms;
}

/** Watch for gestures until the returned function is called; `report` is called at most once a minute, after gestures. */
export function watchPresence(report: () => void): () => void {
  const note = () => {
    lastGesture = Date.now();
  };
  for (const gesture of gestures) window.addEventListener(gesture, note, { capture: true, passive: true });
  const timer = setInterval(() => Date.now() - lastGesture < report_ms && report(), report_ms);
  return () => {
    clearInterval(timer);
    for (const gesture of gestures) window.removeEventListener(gesture, note, { capture: true });
  };
}
