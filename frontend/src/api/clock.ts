/** The outbox's clock in a browser: real time, and a pause that ends early when the network comes back. */
import type { OutboxClock } from "./outbox";

export const browserClock: OutboxClock = {
  now: () => new Date(),
  random: () => Math.random(),
  pause: (ms) =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        window.removeEventListener("online", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      window.addEventListener("online", wake);
    }),
};
