import { describe, expect, test } from "vitest";
import { t } from "../../ui/strings";
import { type CommandEntry, commands } from "./commands";
import {
  chordOf,
  commandFor,
  isSingleKey,
  keymapOf,
  type Overrides,
  type Press,
  printed,
  rebind,
  refusalOf,
} from "./keymap";

function press(key: string, more: Partial<Press> = {}): Press {
  return { key, code: "", ctrl: false, shift: false, alt: false, typing: false, ...more };
}

const defaults = keymapOf({});
const table: readonly CommandEntry[] = commands;

describe("the keys of the reading screen", () => {
  test("letters choose tools, upper or lower case", () => {
    expect(commandFor(press("b"), defaults)).toEqual({ do: "tool", tool: "brush" });
    expect(commandFor(press("E"), defaults)).toEqual({ do: "tool", tool: "eraser" });
    expect(commandFor(press("F", { shift: true }), defaults)).toEqual({ do: "tool", tool: "fill3d" });
  });

  test("digits go by their place, so a French keyboard chooses labels without Shift", () => {
    expect(commandFor(press("&", { code: "Digit1" }), defaults)).toEqual({ do: "label", position: 0 });
    expect(commandFor(press("à", { code: "Digit0" }), defaults)).toEqual({ do: "background" });
    expect(commandFor(press("1", { code: "Digit1", shift: true }), defaults)).toEqual({ do: "preset", index: 0 });
  });

  test("a German keyboard changes the brush with the keys where brackets are elsewhere", () => {
    expect(commandFor(press("ü", { code: "BracketLeft" }), defaults)).toMatchObject({ do: "brush-size" });
  });

  test("a Russian keyboard's letters go by their place", () => {
    expect(commandFor(press("и", { code: "KeyB" }), defaults)).toEqual({ do: "tool", tool: "brush" });
  });

  test("undo, redo, save and submit are with Ctrl only", () => {
    expect(commandFor(press("z", { ctrl: true }), defaults)).toEqual({ do: "undo" });
    expect(commandFor(press("Z", { ctrl: true, shift: true }), defaults)).toEqual({ do: "redo" });
    expect(commandFor(press("y", { ctrl: true }), defaults)).toEqual({ do: "redo" });
    expect(commandFor(press("s", { ctrl: true }), defaults)).toEqual({ do: "save" });
    expect(commandFor(press("Enter", { ctrl: true }), defaults)).toEqual({ do: "submit" });
    expect(commandFor(press("b", { ctrl: true }), defaults)).toBeNull();
  });

  test("Enter accepts the active label, Shift+Enter all of them", () => {
    expect(commandFor(press("Enter"), defaults)).toEqual({ do: "accept", scope: "active" });
    expect(commandFor(press("Enter", { shift: true }), defaults)).toEqual({ do: "accept", scope: "all" });
  });

  test("Shift and arrows move the crosshair, with Ctrl ten voxels at once", () => {
    expect(commandFor(press("ArrowUp", { shift: true }), defaults)).toMatchObject({ do: "move", down: -1 });
    expect(commandFor(press("ArrowRight", { shift: true, ctrl: true }), defaults)).toMatchObject({ right: 10 });
    expect(commandFor(press("ArrowUp"), defaults)).toEqual({ do: "slice", by: 1 });
  });

  test("a question mark is itself, whatever its keyboard needs for it", () => {
    expect(commandFor(press("?", { shift: true, code: "Slash" }), defaults)).toEqual({ do: "shortcuts" });
  });

  test("text fields and Alt keep their keys", () => {
    expect(commandFor(press("b", { typing: true }), defaults)).toBeNull();
    expect(commandFor(press("z", { ctrl: true, typing: true }), defaults)).toBeNull();
    expect(commandFor(press("1", { code: "Digit1", alt: true }), defaults)).toBeNull();
  });

  test("Tab is never ours, and a modifier alone is nothing", () => {
    expect(chordOf(press("Tab", { shift: true }))).toBeNull();
    expect(chordOf(press("Control", { ctrl: true }))).toBeNull();
  });
});

describe("the table", () => {
  test("no id and no default key is given twice", () => {
    const keys = table.flatMap((entry) => entry.keys);
    expect(new Set(table.map((entry) => entry.id)).size).toBe(table.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("every command has words", () => {
    for (const { id } of commands) expect(t.keys.commands[id], id).toBeTruthy();
  });
});

describe("a person's own keys", () => {
  test("a rebound command leaves its former key and takes the new one", () => {
    const keymap = keymapOf(rebind("brush", "Shift+B", {}));

    expect(commandFor(press("b"), keymap)).toBeNull();
    expect(commandFor(press("B", { shift: true }), keymap)).toEqual({ do: "tool", tool: "brush" });
  });

  test("a shortcut that is switched off does nothing, and keeps its key for later", () => {
    const off: Overrides = { brush: { keys: ["B"], on: false } };

    expect(commandFor(press("b"), keymapOf(off))).toBeNull();
    expect(commandFor(press("e"), keymapOf(off))).toEqual({ do: "tool", tool: "eraser" });
  });

  test("a key that is taken names who has it; taking it anyway leaves the other without", () => {
    expect(refusalOf("E", "brush", {})).toEqual({ kind: "taken", by: "eraser" });

    const next = rebind("brush", "E", {});

    expect(next.eraser).toEqual({ keys: [], on: false });
    expect(commandFor(press("e"), keymapOf(next))).toEqual({ do: "tool", tool: "brush" });
  });

  test("taking one of two keys leaves the other one", () => {
    const next = rebind("save", "Ctrl+Y", {});

    expect(next.redo).toEqual({ keys: ["Ctrl+Shift+Z"], on: true });
  });

  test("the key of a shortcut that is off is free", () => {
    expect(refusalOf("E", "brush", { eraser: { keys: ["E"], on: false } })).toBeNull();
  });

  test("browser tabs, Tab, Escape and function keys are not given away", () => {
    for (const chord of ["Ctrl+1", "Ctrl+T", "Tab", "Escape", "F5"])
      expect(refusalOf(chord, "brush", {})).toEqual({ kind: "reserved" });
  });

  test("a command of a later version does not take a person's own key", () => {
    const keymap = keymapOf({ save: { keys: ["E"], on: true } });

    expect(commandFor(press("e"), keymap)).toEqual({ do: "save" });
  });

  test("ids this version does not know are kept out of the way", () => {
    expect(keymapOf({ "from-the-future": { keys: ["B"], on: true } }).get("B")?.id).toBe("brush");
  });
});

test("single keys are told from those with Ctrl, and chords are printed as on keyboards", () => {
  expect([isSingleKey("B"), isSingleKey("Shift+F"), isSingleKey("?"), isSingleKey("Ctrl+Z")]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(isSingleKey("ArrowUp")).toBe(false);
  expect([printed("Ctrl+Shift+ArrowLeft"), printed("PageUp"), printed("B")]).toEqual(["Ctrl+Shift+←", "PgUp", "B"]);
});
