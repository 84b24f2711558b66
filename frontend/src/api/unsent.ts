/** Outboxes with something left to send, of the open case and of cases already left: the tab must not close over them. */
import type { Outbox } from "./outbox";

const busy = new Set<Outbox>();

export function trackOutbox(outbox: Outbox): void {
  busy.add(outbox);
}

export function forgetOutbox(outbox: Outbox): void {
  busy.delete(outbox);
}

/** Strokes of this tab which the server has not acknowledged. */
export function countUnsent(): number {
  let unsent = 0;
  for (const outbox of busy) unsent += outbox.waiting;
  return unsent;
}
