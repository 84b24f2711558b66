import { describe, expect, test } from "vitest";
import { commandFor, type Press } from "./commands";

function press(key: string, more: Partial<Press> = {}): Press {
  return { key, code: "", ctrl: false, shift: false, alt: false, typing: false, ...more };
}

describe("the keys of the reading screen", () => {
  test("letters choose tools, upper or lower case", () => {
    expect(commandFor(press("b"))).toEqual({ do: "tool", tool: "brush" });
    expect(commandFor(press("E"))).toEqual({ do: "tool", tool: "eraser" });
    expect(commandFor(press("F", { shift: true }))).toEqual({ do: "tool", tool: "fill3d" });
  });

  test("digits go by their place, so a French keyboard chooses labels without Shift", () => {
    expect(commandFor(press("&", { code: "Digit1" }))).toEqual({ do: "label", position: 0 });
    expect(commandFor(press("à", { code: "Digit0" }))).toEqual({ do: "background" });
    expect(commandFor(press("1", { code: "Digit1", shift: true }))).toEqual({ do: "preset", index: 0 });
  });

  test("a German keyboard changes the brush with the keys where brackets are elsewhere", () => {
    expect(commandFor(press("ü", { code: "BracketLeft" }))).toMatchObject({ do: "brush-size" });
  });

  test("undo, redo, save and submit are with Ctrl only", () => {
    expect(commandFor(press("z", { ctrl: true }))).toEqual({ do: "undo" });
    expect(commandFor(press("Z", { ctrl: true, shift: true }))).toEqual({ do: "redo" });
    expect(commandFor(press("y", { ctrl: true }))).toEqual({ do: "redo" });
    expect(commandFor(press("s", { ctrl: true }))).toEqual({ do: "save" });
    expect(commandFor(press("Enter", { ctrl: true }))).toEqual({ do: "submit" });
    expect(commandFor(press("b", { ctrl: true }))).toBeNull();
  });

  test("Enter accepts the active label, Shift+Enter all of them", () => {
    expect(commandFor(press("Enter"))).toEqual({ do: "accept", scope: "active" });
    expect(commandFor(press("Enter", { shift: true }))).toEqual({ do: "accept", scope: "all" });
  });

  test("Shift and arrows move the crosshair, with Ctrl ten voxels at once", () => {
    expect(commandFor(press("ArrowUp", { shift: true }))).toEqual({ do: "move", right: 0, down: -1 });
    expect(commandFor(press("ArrowRight", { shift: true, ctrl: true }))).toEqual({ do: "move", right: 10, down: 0 });
    expect(commandFor(press("ArrowUp"))).toEqual({ do: "slice", by: 1 });
  });

  test("text fields and Alt keep their keys", () => {
    expect(commandFor(press("b", { typing: true }))).toBeNull();
    expect(commandFor(press("z", { ctrl: true, typing: true }))).toBeNull();
    expect(commandFor(press("1", { code: "Digit1", alt: true }))).toBeNull();
  });

  test("Tab is never ours", () => {
    expect(commandFor(press("Tab"))).toBeNull();
    expect(commandFor(press("Tab", { shift: true }))).toBeNull();
  });
});
