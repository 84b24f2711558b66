/**
 * Short notices in a polite live region, so screen readers hear what eyes see (WCAG 4.1.3).
 * Errors stay until closed: a doctor who looked at the image must not miss them.
 */
import { CloseButton } from "@mantine/core";
import { useSyncExternalStore } from "react";
import classes from "./Shell.module.css";
import { t } from "./strings";

export type Tone = "info" | "good" | "error";
type Toast = { id: number; tone: Tone; text: string };

const linger_ms = 6000;
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function publish(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function dismiss(id: number): void {
  publish(toasts.filter((toast) => toast.id !== id));
}

/** Say something once; the same sentence shown twice in a row is kept as one. */
export function say(text: string, tone: Tone = "info"): void {
  if (toasts.some((toast) => toast.text === text)) return;
  const id = nextId++;
  publish([...toasts.slice(-3), { id, tone, text }]);
  if (tone !== "error") setTimeout(() => dismiss(id), linger_ms);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className={classes.toasts} role="status" aria-live="polite" aria-label={t.shell.notices}>
      {shown.map((toast) => (
        <div key={toast.id} className={classes.toast} data-tone={toast.tone}>
          <span style={{ flex: 1 }}>{toast.text}</span>
          <CloseButton size="sm" aria-label={t.shell.close} onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
