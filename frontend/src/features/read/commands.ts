/**
 * Which key means what (VIEWER.md, section 7). Pure: the event's facts in, a command out, so it is tested without a
 * browser. Letters go by `key`, digits and brackets by `code`, because AZERTY needs Shift for digits and German
 * keyboards AltGr for brackets. Nothing fires in text fields; nothing uses Alt.
 */
import type { ToolName } from "../../engine";

export type Press = {
  key: string;
  code: string;
  ctrl: boolean;
  shift: boolean;
  alt: boolean;
  /** The focus is where text is typed. */
  typing: boolean;
};

export type Command =
  | { do: "tool"; tool: ToolName }
  | {
      do:
        | "swap-tools"
        | "previous-label"
        | "next-label"
        | "toggle-experts"
        | "toggle-proposal"
        | "hide"
        | "zoom-while-held";
    }
  | { do: "label"; position: number }
  | { do: "background" }
  | { do: "brush-size"; factor: number }
  | { do: "slice"; by: number }
  | { do: "end-slice"; end: "first" | "last" }
  | { do: "drawn-slice"; direction: 1 | -1 }
  | { do: "opacity"; by: number }
  | { do: "preset"; index: number }
  | { do: "move"; right: number; down: number }
  | { do: "tool-at-crosshair" | "reset" | "maximise" | "undo" | "redo" | "cancel" | "save" | "submit" | "shortcuts" }
  | { do: "accept"; scope: "active" | "all" };

const letters: Record<string, Command> = {
  b: { do: "tool", tool: "brush" },
  e: { do: "tool", tool: "eraser" },
  f: { do: "tool", tool: "fill" },
  c: { do: "tool", tool: "crosshair" },
  d: { do: "tool", tool: "window" },
  x: { do: "swap-tools" },
  q: { do: "previous-label" },
  w: { do: "next-label" },
  g: { do: "toggle-experts" },
  p: { do: "toggle-proposal" },
  o: { do: "hide" },
  z: { do: "zoom-while-held" },
  r: { do: "reset" },
  m: { do: "maximise" },
  ",": { do: "opacity", by: -0.1 },
  ".": { do: "opacity", by: 0.1 },
};

const named: Record<string, Command> = {
  ArrowUp: { do: "slice", by: 1 },
  ArrowDown: { do: "slice", by: -1 },
  PageUp: { do: "slice", by: 10 },
  PageDown: { do: "slice", by: -10 },
  Home: { do: "end-slice", end: "first" },
  End: { do: "end-slice", end: "last" },
  ArrowLeft: { do: "drawn-slice", direction: -1 },
  ArrowRight: { do: "drawn-slice", direction: 1 },
  Escape: { do: "cancel" },
};

const directions: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The command of a key press, or null when the key is not ours. */
export function commandFor(press: Press): Command | null {
  if (press.typing || press.alt) return null;
  const arrow = directions[press.key];
  if (press.shift && arrow) {
    const step = press.ctrl ? 10 : 1;
    return { do: "move", right: arrow[0] * step, down: arrow[1] * step };
  }
  return press.ctrl ? withCtrl(press) : withoutCtrl(press);
}

function withCtrl({ key, shift }: Press): Command | null {
  const letter = key.toLowerCase();
  if (letter === "z") return { do: shift ? "redo" : "undo" };
  if (letter === "y") return { do: "redo" };
  if (letter === "s") return { do: "save" };
  if (key === "Enter") return { do: "submit" };
  return null;
}

function withoutCtrl({ key, code, shift }: Press): Command | null {
  const digit = /^Digit(\d)$/.exec(code)?.[1];
  if (digit) return digitCommand(Number(digit), shift);
  if (code === "BracketLeft") return { do: "brush-size", factor: 1 / 1.15 };
  if (code === "BracketRight") return { do: "brush-size", factor: 1.15 };
  if (key === "Enter") return { do: "accept", scope: shift ? "all" : "active" };
  if (key === "?") return { do: "shortcuts" };
  if (shift && code === "Space") return { do: "tool-at-crosshair" };
  if (shift && key.toLowerCase() === "f") return { do: "tool", tool: "fill3d" };
  if (shift) return null;
  return letters[key.toLowerCase()] ?? named[key] ?? null;
}

function digitCommand(digit: number, shift: boolean): Command | null {
  if (shift) return digit >= 1 && digit <= 5 ? { do: "preset", index: digit - 1 } : null;
  return digit === 0 ? { do: "background" } : { do: "label", position: digit - 1 };
}
