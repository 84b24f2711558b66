import { describe, expect, test } from "vitest";
import type { ToolOptions } from "../../engine";
import { type Hand, habitsOf, handOf } from "./habits";

const options: ToolOptions = {
  range: { low: 0, high: 100 },
  fillTolerance: null,
  ask: { shape: "point", boxSlices: 0 },
  scissors: { act: "erase-inside", outline: "freehand", reach: { kind: "all" } },
  islands: { act: "keep-largest", is3D: true, belowMm3: 100, toLabel: 1 },
  smooth: { is3D: false, radiusMm: 2 },
  margin: { is3D: false, mm: 1 },
  interpolate: "all-gaps",
};
const fresh: Hand = {
  tool: "brush",
  brushRadiusMm: 4,
  brushIsBall: false,
  toolOptions: options,
  fillOpacity: 0.35,
  overlayOpacity: 1,
  allows3D: true,
};
const used: Hand = {
  ...fresh,
  tool: "grow",
  brushRadiusMm: 7.5,
  brushIsBall: true,
  toolOptions: {
    ...options,
    margin: { is3D: true, mm: 3 },
    smooth: { is3D: true, radiusMm: 5 },
    scissors: { ...options.scissors, act: "fill-inside" },
    ask: { ...options.ask, shape: "box" },
  },
  fillOpacity: 0.2,
};

describe("habits of drawing", () => {
  test("the next case begins with the tool, sizes and margins the last one was left with", () => {
    expect(handOf(habitsOf(used, {}), fresh)).toEqual(used);
  });

  test("a tool that begins by itself leaves the one before it in the hand", () => {
    const before = habitsOf(used, {});

    expect(habitsOf({ ...used, tool: "interpolate" }, before)).toEqual(before);
    expect(handOf(before, fresh).tool).toBe("grow");
  });

  test("nothing works across the slices of an image whose slices have no known places, and that changes no habit", () => {
    const before = habitsOf({ ...used, tool: "fill3d" }, {});

    const flat = handOf(before, { ...fresh, allows3D: false });

    expect(flat.tool).toBe("fill");
    expect([flat.brushIsBall, flat.toolOptions.margin.is3D, flat.toolOptions.islands.is3D]).toEqual([
      false,
      false,
      false,
    ]);
    expect(flat.toolOptions.margin.mm).toBe(3);
    expect(habitsOf(flat, before)).toMatchObject({ "brush-is-ball": true, "margin-is-3d": true });
  });

  test("what an older or newer page kept is passed over where it means nothing here", () => {
    const strange = { tool: "chisel", "brush-radius-mm": 900, "margin-mm": "wide", "fill-opacity": true, novel: 1 };

    expect(handOf(strange, fresh)).toEqual(fresh);
    expect(habitsOf(fresh, strange)).toMatchObject({ novel: 1, tool: "brush" });
  });

  test("what belongs to one image or project is not kept", () => {
    const elsewhere = { ...fresh, toolOptions: { ...options, range: { low: -5, high: 5 }, fillTolerance: 3 } };

    expect(handOf(habitsOf(elsewhere, {}), fresh).toolOptions).toEqual(options);
  });
});
