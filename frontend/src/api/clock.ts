/** The outbox's clock in a browser: real time, and pauses that end early when the network or the person comes back. */
import type { OutboxClock } from "./outbox";

const sleepers = new Set<() => void>();

/** End every pause now: somebody signed in again, or waits for what is left to be sent. */
export function endPauses(): void {
  for (const wake of [...sleepers]) wake();
}

export const browserClock: OutboxClock = {
  now: () => new Date(),
  random: () => Math.random(),
  pause: (ms) =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        window.removeEventListener("online", wake);
        sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      window.addEventListener("online", wake);
      sleepers.add(wake);
    }),
};
