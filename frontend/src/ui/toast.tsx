/**
 * Short notices in a polite live region, so screen readers hear what eyes see (WCAG 4.1.3).
 * Each can be closed and goes by itself, an error later than the rest and never while it is pointed at or focused: it must not
 * cover a control for good. Errors leave with the page they were about.
 */
import { CloseButton } from "@mantine/core";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useLocation } from "react-router";
import classes from "./Shell.module.css";
import { t } from "./strings";

export type Tone = "info" | "good" | "error";
type Toast = { id: number; tone: Tone; text: string };

const linger_ms = { info: 6000, good: 6000, error: 10_000 } as const;
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
  publish([...toasts.slice(-3), { id: nextId++, tone, text }]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: leaving a page is the occasion, not something to be read
  useEffect(() => () => publish(toasts.filter((toast) => toast.tone !== "error")), [pathname]);
  return (
    <div className={classes.toasts} role="status" aria-live="polite" aria-label={t.shell.notices}>
      {shown.map((toast) => (
        <Notice key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function Notice({ toast }: { toast: Toast }) {
  const { id, tone, text } = toast;
  const [isPointedAt, setPointedAt] = useState(false);
  const [isFocused, setFocused] = useState(false);
  const isHeld = isPointedAt || isFocused;
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(() => dismiss(id), linger_ms[tone]);
    return () => clearTimeout(timer);
  }, [id, tone, isHeld]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: nothing is done by pointing or focusing; it only waits
    <div
      className={classes.toast}
      data-tone={tone}
      onPointerEnter={() => setPointedAt(true)}
      onPointerLeave={() => setPointedAt(false)}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <span style={{ flex: 1 }}>{text}</span>
      <CloseButton className={classes.close} aria-label={t.shell.close} onClick={() => dismiss(id)} />
    </div>
  );
}
