/** Binds the keyboard to the open case. Keys held (O hides, Z zooms) end with their release or when the focus leaves. */
import { useEffect } from "react";
import { type Command, commandFor, type Press } from "./commands";
import { releaseHeld, runCommand } from "./runCommand";
import type { ReadSession } from "./session";
import { useRead } from "./store";

const repeating: readonly Command["do"][] = ["slice", "move", "drawn-slice", "brush-size", "opacity", "undo", "redo"];
const textFields = 'input:not([type="range"]):not([type="checkbox"]), textarea, select, [role="dialog"], [role="menu"]';

export function useCommands(session: ReadSession | null, submit: () => void): void {
  useEffect(() => {
    if (!session) return;
    const down = (event: KeyboardEvent) => {
      const command = commandFor(pressOf(event));
      if (!command || keptByControl(event)) return;
      event.preventDefault();
      if (event.repeat && !repeating.includes(command.do)) return;
      runCommand({ session, state: useRead.getState(), submit }, command);
    };
    const up = (event: KeyboardEvent) => {
      if (["o", "z"].includes(event.key.toLowerCase())) releaseHeld(session);
    };
    const blur = () => releaseHeld(session);
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", blur);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", blur);
    };
  }, [session, submit]);
}

function pressOf(event: KeyboardEvent): Press {
  const target = event.target instanceof HTMLElement ? event.target : null;
  const typing = Boolean(target?.isContentEditable || target?.closest(textFields));
  const { key, code, shiftKey: shift, altKey: alt } = event;
  return { key, code, ctrl: event.ctrlKey || event.metaKey, shift, alt, typing };
}

/** Buttons and sliders keep the keys that work them, so that a page can be used from the keyboard as everywhere. */
function keptByControl(event: KeyboardEvent): boolean {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (!target || event.ctrlKey || event.metaKey) return false;
  if (target.closest("button, a")) return event.key === "Enter" || event.code === "Space";
  if (target.closest('[role="slider"], input')) return /^(Arrow|Page|Home|End)/.test(event.key);
  return false;
}
