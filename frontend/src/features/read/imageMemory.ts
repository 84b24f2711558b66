/**
 * How much memory one case may take in this browser, image and drawing together: what the reader allows under their
 * account, else a quarter of what the browser says the computer has. Browsers other than Chromium's, and pages over plain
 * HTTP, say nothing: then it counts as a small office PC.
 */
import type { Habits } from "./habits";

const MIB = 1024 * 1024;
const SHARE = 0.25;
const UNKNOWN_GIB = 4;

/** The habit's id, a number of MiB. */
export const memoryHabit = "image-memory-mib";
export const leastMib = 16;

/** `deviceGib`: `navigator.deviceMemory`, where there is one. */
export function budgetMib(habits: Habits, deviceGib: number | undefined): number {
  const chosen = habits[memoryHabit];
  if (typeof chosen === "number" && chosen >= leastMib) return chosen;
  return SHARE * (deviceGib ?? UNKNOWN_GIB) * 1024;
}

export function budgetBytes(habits: Habits): number {
  return budgetMib(habits, deviceGib()) * MIB;
}

/** GiB of the computer, rounded; undefined where the browser does not say. */
export function deviceGib(): number | undefined {
  return (navigator as Navigator & { readonly deviceMemory?: number }).deviceMemory;
}
