import { describe, expect, it } from "vitest";
import { computeOrientation } from "../../geometry/planes";
import { plainImage } from "../../image.fixture";
import type { Point3, PromptDrawn } from "../../types";
import { markOn } from "./promptMarks";

const image = plainImage({ nx: 20, ny: 20, nz: 10, slabDepth: 8, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] });
const { axial, sagittal } = computeOrientation(image).planes;

function prompt(type: PromptDrawn["type"], points: readonly Point3[], isInclude = true): PromptDrawn {
  return { type, points, isInclude, sliceAxis: "k", radiusMm: 0 };
}

describe("the mark of a prompt", () => {
  it("of a click stands in every plane that cuts it, and only there", () => {
    const click = prompt("point", [[4, 5, 6]], false);

    expect(markOn(click, axial, 6)).toEqual({ isInclude: false, corners: [[4, 5, 6]], isClosed: false });
    expect(markOn(click, sagittal, 4)?.corners).toEqual([[4, 5, 6]]);
    expect(markOn(click, axial, 5)).toBeNull();
    expect(markOn(click, sagittal, 5)).toBeNull();
  });

  it("of a scribble or a lasso lies in its own slice; the lasso is closed", () => {
    const line: Point3[] = [
      [4, 5, 6],
      [9, 5, 6],
      [9, 8, 6],
    ];

    expect(markOn(prompt("scribble", line), axial, 6)).toEqual({ isInclude: true, corners: line, isClosed: false });
    expect(markOn(prompt("lasso", line), axial, 6)?.isClosed).toBe(true);
    expect(markOn(prompt("lasso", line), sagittal, 9)).toBeNull();
  });

  it("of a box in 3D is its cut with each slice it spans", () => {
    const box = prompt("box", [
      [12, 3, 2],
      [4, 9, 7],
    ]);

    const corners = markOn(box, axial, 5)?.corners ?? [];

    expect(new Set(corners.map(String))).toEqual(new Set(["4,3,5", "12,3,5", "12,9,5", "4,9,5"]));
    expect(markOn(box, sagittal, 8)?.corners).toHaveLength(4);
    expect(markOn(box, axial, 8)).toBeNull();
  });
});
