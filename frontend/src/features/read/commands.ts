/**
 * Everything the keyboard can do on the reading screen, as one table: a stable id, what it does, its default keys
 * (VIEWER.md, section 7). Ids are kept on the server with a person's own keys, so they are never renamed.
 * A new command is one line here, its words in `ui/strings/keys.ts` and its handler in `runCommand.ts`.
 */
import type { ToolName } from "../../engine";

/** "Ctrl+Shift+Z": what `keymap.ts` makes of a key press. */
export type Chord = string;

export type Command =
  | { do: "tool"; tool: ToolName }
  | {
      do:
        | "ask"
        | "propagate"
        | "next-proposed"
        | "swap-tools"
        | "previous-label"
        | "next-label"
        | "toggle-experts"
        | "toggle-proposal"
        | "toggle-uncertainty"
        | "toggle-disagreement"
        | "opinions"
        | "hide"
        | "zoom-while-held";
    }
  | { do: "dispute"; direction: 1 | -1 }
  | { do: "copy-slice"; direction: 1 | -1 }
  | { do: "toggle-range" | "drop-corner" }
  | { do: "label"; position: number }
  | { do: "background" }
  | { do: "brush-size"; factor: number }
  | { do: "slice"; by: number }
  | { do: "end-slice"; end: "first" | "last" }
  | { do: "drawn-slice"; direction: 1 | -1 }
  | { do: "opacity"; by: number }
  | { do: "preset"; index: number }
  | { do: "move"; right: number; down: number }
  | { do: "tool-at-crosshair" | "reset" | "maximise" | "undo" | "redo" | "cancel" }
  | { do: "picture" | "save" | "submit" | "shortcuts" }
  | { do: "accept"; scope: "active" | "all" };

export type CommandEntry = {
  id: string;
  command: Command;
  keys: readonly Chord[];
  group: "tools" | "layers" | "views" | "case";
  /** Shown as one line of the sheet together with the others of its family. */
  family?: "labels" | "presets" | "crosshair" | "crosshair10";
  /** Goes on while the key stays down. */
  repeats?: true;
  /** Lasts until the key is let go. */
  held?: true;
};

export const commands = [
  { id: "brush", command: { do: "tool", tool: "brush" }, keys: ["B"], group: "tools" },
  { id: "eraser", command: { do: "tool", tool: "eraser" }, keys: ["E"], group: "tools" },
  { id: "threshold", command: { do: "tool", tool: "threshold" }, keys: ["T"], group: "tools" },
  { id: "polygon", command: { do: "tool", tool: "polygon" }, keys: ["P"], group: "tools" },
  { id: "lasso", command: { do: "tool", tool: "lasso" }, keys: ["L"], group: "tools" },
  { id: "scissors", command: { do: "tool", tool: "scissors" }, keys: ["S"], group: "tools" },
  { id: "fill", command: { do: "tool", tool: "fill" }, keys: ["F"], group: "tools" },
  { id: "fill3d", command: { do: "tool", tool: "fill3d" }, keys: ["Shift+F"], group: "tools" },
  { id: "holes", command: { do: "tool", tool: "holes" }, keys: ["H"], group: "tools" },
  { id: "holes3d", command: { do: "tool", tool: "holes3d" }, keys: ["Shift+H"], group: "tools" },
  { id: "islands", command: { do: "tool", tool: "islands" }, keys: ["K"], group: "tools" },
  { id: "smooth", command: { do: "tool", tool: "smooth" }, keys: ["Shift+S"], group: "tools" },
  { id: "grow", command: { do: "tool", tool: "grow" }, keys: ["+"], group: "tools" },
  { id: "shrink", command: { do: "tool", tool: "shrink" }, keys: ["-"], group: "tools" },
  { id: "interpolate", command: { do: "tool", tool: "interpolate" }, keys: ["N"], group: "tools" },
  { id: "propagate", command: { do: "propagate" }, keys: ["Shift+N"], group: "tools" },
  { id: "ask", command: { do: "ask" }, keys: ["A"], group: "tools" },
  { id: "copy-to-next", command: { do: "copy-slice", direction: 1 }, keys: ["Shift+PageUp"], group: "tools" },
  { id: "copy-to-previous", command: { do: "copy-slice", direction: -1 }, keys: ["Shift+PageDown"], group: "tools" },
  { id: "drop-corner", command: { do: "drop-corner" }, keys: ["Backspace"], group: "tools" },
  { id: "value-range", command: { do: "toggle-range" }, keys: ["I"], group: "tools" },
  { id: "crosshair", command: { do: "tool", tool: "crosshair" }, keys: ["C"], group: "tools" },
  { id: "window", command: { do: "tool", tool: "window" }, keys: ["D"], group: "tools" },
  { id: "ruler", command: { do: "tool", tool: "ruler" }, keys: ["Y"], group: "tools" },
  { id: "swap-tools", command: { do: "swap-tools" }, keys: ["X"], group: "tools" },
  { id: "smaller-brush", command: { do: "brush-size", factor: 1 / 1.15 }, keys: ["["], group: "tools", repeats: true },
  { id: "larger-brush", command: { do: "brush-size", factor: 1.15 }, keys: ["]"], group: "tools", repeats: true },
  { id: "label-1", command: { do: "label", position: 0 }, keys: ["1"], group: "tools", family: "labels" },
  { id: "label-2", command: { do: "label", position: 1 }, keys: ["2"], group: "tools", family: "labels" },
  { id: "label-3", command: { do: "label", position: 2 }, keys: ["3"], group: "tools", family: "labels" },
  { id: "label-4", command: { do: "label", position: 3 }, keys: ["4"], group: "tools", family: "labels" },
  { id: "label-5", command: { do: "label", position: 4 }, keys: ["5"], group: "tools", family: "labels" },
  { id: "label-6", command: { do: "label", position: 5 }, keys: ["6"], group: "tools", family: "labels" },
  { id: "label-7", command: { do: "label", position: 6 }, keys: ["7"], group: "tools", family: "labels" },
  { id: "label-8", command: { do: "label", position: 7 }, keys: ["8"], group: "tools", family: "labels" },
  { id: "label-9", command: { do: "label", position: 8 }, keys: ["9"], group: "tools", family: "labels" },
  { id: "background", command: { do: "background" }, keys: ["0"], group: "tools" },
  { id: "previous-label", command: { do: "previous-label" }, keys: ["Q"], group: "tools" },
  { id: "next-label", command: { do: "next-label" }, keys: ["W"], group: "tools" },
  { id: "undo", command: { do: "undo" }, keys: ["Ctrl+Z"], group: "tools", repeats: true },
  { id: "redo", command: { do: "redo" }, keys: ["Ctrl+Shift+Z", "Ctrl+Y"], group: "tools", repeats: true },
  { id: "cancel", command: { do: "cancel" }, keys: ["Escape"], group: "tools" },

  { id: "accept", command: { do: "accept", scope: "active" }, keys: ["Enter"], group: "layers" },
  { id: "accept-all", command: { do: "accept", scope: "all" }, keys: ["Shift+Enter"], group: "layers" },
  { id: "toggle-proposal", command: { do: "toggle-proposal" }, keys: ["Shift+G"], group: "layers" },
  { id: "toggle-experts", command: { do: "toggle-experts" }, keys: ["G"], group: "layers" },
  { id: "toggle-uncertainty", command: { do: "toggle-uncertainty" }, keys: ["U"], group: "layers" },
  { id: "toggle-disagreement", command: { do: "toggle-disagreement" }, keys: ["Shift+U"], group: "layers" },
  { id: "opinions", command: { do: "opinions" }, keys: ["V"], group: "layers" },
  { id: "hide", command: { do: "hide" }, keys: ["O"], group: "layers", held: true },
  { id: "fainter", command: { do: "opacity", by: -0.1 }, keys: [","], group: "layers", repeats: true },
  { id: "stronger", command: { do: "opacity", by: 0.1 }, keys: ["."], group: "layers", repeats: true },

  { id: "next-slice", command: { do: "slice", by: 1 }, keys: ["ArrowUp"], group: "views", repeats: true },
  { id: "previous-slice", command: { do: "slice", by: -1 }, keys: ["ArrowDown"], group: "views", repeats: true },
  { id: "ten-slices-on", command: { do: "slice", by: 10 }, keys: ["PageUp"], group: "views", repeats: true },
  { id: "ten-slices-back", command: { do: "slice", by: -10 }, keys: ["PageDown"], group: "views", repeats: true },
  { id: "first-slice", command: { do: "end-slice", end: "first" }, keys: ["Home"], group: "views" },
  { id: "last-slice", command: { do: "end-slice", end: "last" }, keys: ["End"], group: "views" },
  {
    id: "previous-drawn",
    command: { do: "drawn-slice", direction: -1 },
    keys: ["ArrowLeft"],
    group: "views",
    repeats: true,
  },
  {
    id: "next-drawn",
    command: { do: "drawn-slice", direction: 1 },
    keys: ["ArrowRight"],
    group: "views",
    repeats: true,
  },
  { id: "next-proposed", command: { do: "next-proposed" }, keys: ["Space"], group: "views" },
  { id: "next-dispute", command: { do: "dispute", direction: 1 }, keys: ["J"], group: "views" },
  { id: "previous-dispute", command: { do: "dispute", direction: -1 }, keys: ["Shift+J"], group: "views" },
  { id: "zoom", command: { do: "zoom-while-held" }, keys: ["Z"], group: "views", held: true },
  { id: "reset", command: { do: "reset" }, keys: ["R"], group: "views" },
  { id: "maximise", command: { do: "maximise" }, keys: ["M"], group: "views" },
  { id: "preset-1", command: { do: "preset", index: 0 }, keys: ["Shift+1"], group: "views", family: "presets" },
  { id: "preset-2", command: { do: "preset", index: 1 }, keys: ["Shift+2"], group: "views", family: "presets" },
  { id: "preset-3", command: { do: "preset", index: 2 }, keys: ["Shift+3"], group: "views", family: "presets" },
  { id: "preset-4", command: { do: "preset", index: 3 }, keys: ["Shift+4"], group: "views", family: "presets" },
  { id: "preset-5", command: { do: "preset", index: 4 }, keys: ["Shift+5"], group: "views", family: "presets" },
  ...crosshairMoves("crosshair", "Shift+", 1),
  ...crosshairMoves("crosshair10", "Ctrl+Shift+", 10),
  { id: "tool-at-crosshair", command: { do: "tool-at-crosshair" }, keys: ["Shift+Space"], group: "views" },

  { id: "picture", command: { do: "picture" }, keys: ["Shift+P"], group: "case" },
  { id: "save", command: { do: "save" }, keys: ["Ctrl+S"], group: "case" },
  { id: "submit", command: { do: "submit" }, keys: ["Ctrl+Enter"], group: "case" },
  { id: "shortcuts", command: { do: "shortcuts" }, keys: ["?"], group: "case" },
] as const satisfies readonly CommandEntry[];

export type CommandId = (typeof commands)[number]["id"];

function crosshairMoves<F extends "crosshair" | "crosshair10">(family: F, modifiers: string, step: number) {
  const move = <D extends string>(direction: D, key: string, right: number, down: number) =>
    ({
      id: `${family}-${direction}` as `${F}-${D}`,
      command: { do: "move" as const, right: right * step, down: down * step },
      keys: [modifiers + key],
      group: "views" as const,
      family,
      repeats: true as const,
    }) satisfies CommandEntry;
  return [
    move("left", "ArrowLeft", -1, 0),
    move("right", "ArrowRight", 1, 0),
    move("up", "ArrowUp", 0, -1),
    move("down", "ArrowDown", 0, 1),
  ] as const;
}
