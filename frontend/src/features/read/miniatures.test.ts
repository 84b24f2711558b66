import { describe, expect, test } from "vitest";
import type { Runs } from "../../engine";
import { placeOf } from "./miniatures";

const dims = { nx: 10, ny: 5, nz: 3 };

function runs(...pairs: [start: number, length: number][]): Runs {
  return {
    starts: Float64Array.from(pairs, ([start]) => start),
    lengths: Float64Array.from(pairs, ([, length]) => length),
    values: new Uint8Array(pairs.reduce((sum, [, length]) => sum + length, 0)).fill(1),
  };
}

describe("where miniatures look", () => {
  test("at the slice on which the opinions together draw most, and at all they draw there", () => {
    const first = runs([50 + 12, 4], [0, 2]); // slice 1, row 1, voxels 2–5; slice 0
    const second = runs([50 + 33, 3]); // slice 1, row 3, voxels 3–5

    expect(placeOf([first, second], dims, "axial")).toEqual({
      plane: "axial",
      slice: 1,
      box: { min: [2, 1, 1], max: [5, 3, 1] },
    });
  });

  test("at the preferred slice where something is drawn on it", () => {
    const opinion = runs([0, 2], [50, 9]); // slices 0 and 1

    expect(placeOf([opinion], dims, "axial", 0)?.slice).toBe(0);
    expect(placeOf([opinion], dims, "axial", 2)?.slice).toBe(1);
  });

  test("a run over several rows fills them", () => {
    expect(placeOf([runs([8, 14])], dims, "axial")?.box).toEqual({ min: [0, 0, 0], max: [9, 2, 0] });
  });

  test("nowhere when nothing is drawn", () => {
    expect(placeOf([runs()], dims, "axial")).toBeNull();
    expect(placeOf([], dims, "axial")).toBeNull();
  });
});
