/** Binds the keyboard to the open case. A command that is held ends when its key is let go or the focus leaves. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { preferencesQuery } from "../../api";
import type { CommandId } from "./commands";
import { entryFor, type Keymap, keymapOf, printed } from "./keymap";
import { pressOf } from "./press";
import { releaseHeld, runCommand } from "./runCommand";
import type { ReadSession } from "./session";
import { useRead } from "./store";

/** The keys of the person who is signed in; the defaults until the server has told. */
export function useKeymap(): Keymap {
  const shortcuts = useQuery(preferencesQuery).data?.shortcuts;
  return useMemo(() => keymapOf(shortcuts ?? {}), [shortcuts]);
}

/** The keys of one command as printed, for hints beside buttons; empty where it is switched off or there is none. */
export function useKeyHint(id: CommandId | null): string {
  const keymap = useKeymap();
  return [...keymap].flatMap(([chord, entry]) => (entry.id === id ? [printed(chord)] : [])).join(", ");
}

export function useCommands(session: ReadSession | null, submit: () => void): void {
  const keymap = useKeymap();
  useEffect(() => {
    if (!session) return;
    let heldCode: string | null = null;
    const down = (event: KeyboardEvent) => {
      const entry = entryFor(pressOf(event), keymap);
      if (!entry || keptByControl(event)) return;
      event.preventDefault();
      if (event.repeat && !entry.repeats) return;
      if (entry.held) heldCode = event.code;
      runCommand({ session, state: useRead.getState(), submit }, entry.command);
    };
    const release = () => {
      heldCode = null;
      releaseHeld(session);
    };
    const up = (event: KeyboardEvent) => {
      if (event.code === heldCode) release();
    };
    // Before anybody else: an open tooltip keeps Esc for itself, and it was not the tooltip that Esc was meant for.
    window.addEventListener("keydown", down, true);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", release);
    return () => {
      window.removeEventListener("keydown", down, true);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", release);
    };
  }, [session, submit, keymap]);
}

/** Buttons and sliders keep the keys that work them, so that a page can be used from the keyboard as everywhere. */
function keptByControl(event: KeyboardEvent): boolean {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (!target || event.ctrlKey || event.metaKey) return false;
  if (target.closest("button, a")) return event.key === "Enter" || event.code === "Space";
  if (target.closest('[role="slider"], input')) return /^(Arrow|Page|Home|End)/.test(event.key);
  return false;
}
