import { describe, expect, it } from "vitest";
import type { ImageInfo, Plane, Point3 } from "../types";
import { computeMetric, dot, toMm, toVoxel } from "./affine";
import { projectBox } from "./box";
import { computeOrientation, computeSteps, type PlaneAxes } from "./planes";
import { cellToScreen, fitView, screenToVoxel, type ViewTransform, voxelToScreen, zoomView } from "./viewTransform";

const LETTERS = { R: [0, 1], L: [0, -1], A: [1, 1], P: [1, -1], S: [2, 1], I: [2, -1] } as const;
type Letter = keyof typeof LETTERS;

/** The 48 ways to lay voxel axes along patient axes: i, j, k run towards these. */
function listAxisCodes(): string[] {
  const codes: string[] = [];
  for (const i of Object.keys(LETTERS) as Letter[])
    for (const j of Object.keys(LETTERS) as Letter[])
      for (const k of Object.keys(LETTERS) as Letter[])
        if (new Set([LETTERS[i][0], LETTERS[j][0], LETTERS[k][0]]).size === 3) codes.push(i + j + k);
  return codes;
}

const SPACING = [0.7, 1.1, 2.5];
const SIZE: Point3 = [5, 6, 7];

function makeAffine(code: string): number[] {
  const affine = new Array<number>(12).fill(0);
  [...code].forEach((letter, axis) => {
    const [world, sign] = LETTERS[letter as Letter];
    affine[4 * world + axis] = sign * (SPACING[axis] as number);
  });
  affine[3] = 11;
  affine[7] = -22;
  affine[11] = 33;
  return affine;
}

function makeImage(affine: readonly number[], more: Partial<ImageInfo> = {}): ImageInfo {
  const [nx, ny, nz] = SIZE;
  const values = { slope: 1, intercept: 0, windowLow: 0, windowHigh: 1, slabDepth: 8 };
  return { nx, ny, nz, channels: 1, affine, geometry: "regular", sides: "known", ...values, ...more };
}

/** Patient mm moved when the screen position moves one cell right or down. */
function measureScreenStep(axes: PlaneAxes, affine: readonly number[], direction: "right" | "down"): Point3 {
  const view = fitView(axes, 400, 300);
  const from = cellToScreen(view, 1.5, 1.5);
  const to = direction === "right" ? cellToScreen(view, 2.5, 1.5) : cellToScreen(view, 1.5, 2.5);
  const a = toMm(affine, screenToVoxel(view, from, 0));
  const b = toMm(affine, screenToVoxel(view, to, 0));
  return [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
}

const TOWARDS: Readonly<Record<Plane, { right: Point3; down: Point3; letters: readonly string[] }>> = {
  // Screen right is patient left, screen down is posterior, and so on: every direction is the negative RAS axis.
  axial: { right: [-1, 0, 0], down: [0, -1, 0], letters: ["R", "L", "A", "P"] },
  coronal: { right: [-1, 0, 0], down: [0, 0, -1], letters: ["R", "L", "S", "I"] },
  sagittal: { right: [0, -1, 0], down: [0, 0, -1], letters: ["A", "P", "S", "I"] },
};

describe("orientation", () => {
  it("knows 48 axis codes", () => {
    expect(listAxisCodes()).toHaveLength(48);
  });

  it.each(listAxisCodes())("shows %s with patient right at screen left, anterior and superior up", (code) => {
    const affine = makeAffine(code);
    const { planes, tiltDegrees } = computeOrientation(makeImage(affine));
    for (const plane of ["axial", "coronal", "sagittal"] as const) {
      const axes = planes[plane];
      const { right, down, letters } = TOWARDS[plane];
      const stepRight = measureScreenStep(axes, affine, "right");
      const stepDown = measureScreenStep(axes, affine, "down");
      expect(dot(stepRight, right)).toBeCloseTo(axes.columnMm, 9);
      expect(dot(stepDown, down)).toBeCloseTo(axes.rowMm, 9);
      const shown = axes.letters;
      expect([shown?.left, shown?.right, shown?.top, shown?.bottom]).toEqual(letters);
    }
    expect(tiltDegrees).toBeCloseTo(0, 5);
  });

  it.each(listAxisCodes())("finds the marked voxel of %s in every plane", (code) => {
    const { planes } = computeOrientation(makeImage(makeAffine(code)));
    const [nx, ny] = SIZE;
    const marked: Point3 = [3, 1, 5];
    for (const axes of Object.values(planes)) {
      const view = fitView(axes, 500, 400);
      const cell = findCell(view, marked);
      const slice = marked[axes.sliceAxis as 0 | 1 | 2];
      const { base, columnStep, rowStep } = computeSteps(axes, slice, nx, ny);
      expect(base + cell.column * columnStep + cell.row * rowStep).toBe(3 + nx * (1 + ny * 5));
      expect(projectBox(axes, slice, { min: marked, max: marked })).toEqual({
        left: cell.column,
        right: cell.column,
        top: cell.row,
        bottom: cell.row,
      });
    }
  });

  it("wears a badge above five degrees and names the second direction", () => {
    const tilt = (10 * Math.PI) / 180;
    const [c, s] = [Math.cos(tilt), Math.sin(tilt)];
    const { isTilted, tiltDegrees, planes } = computeOrientation(makeImage([-1, 0, 0, 0, 0, c, -s, 0, 0, s, c, 0]));
    expect(isTilted).toBe(true);
    expect(tiltDegrees).toBeCloseTo(10, 6);
    expect(planes.axial.letters).toEqual({ left: "R", right: "L", top: "AS", bottom: "PI" });
  });

  it("does not wear a badge at four degrees", () => {
    const [c, s] = [Math.cos(0.07), Math.sin(0.07)];
    expect(computeOrientation(makeImage([-1, 0, 0, 0, 0, c, -s, 0, 0, s, c, 0])).isTilted).toBe(false);
  });

  it("shows an uncalibrated image row 0 on top, without letters, in one plane", () => {
    const { shown, planes } = computeOrientation(makeImage(makeAffine("LPS"), { geometry: "uncalibrated" }));
    expect(shown).toEqual(["axial"]);
    expect(planes.axial).toMatchObject({ columnFlip: false, rowFlip: false, letters: null, rowAxis: 1 });
  });

  it("puts no letter on an image whose file does not say how it lies in the patient, and keeps its millimetres", () => {
    const { shown, planes } = computeOrientation(makeImage(makeAffine("RAS"), { sides: "unknown" }));
    expect(shown).toEqual(["axial", "coronal", "sagittal"]);
    for (const axes of Object.values(planes))
      expect(axes).toMatchObject({ columnFlip: false, rowFlip: false, letters: null });
    expect([planes.axial.columnMm, planes.axial.rowMm, planes.coronal.rowMm]).toEqual(SPACING);
  });

  it("places an image by the first of two orientations that disagree, without letters", () => {
    const known = computeOrientation(makeImage(makeAffine("LAS")));
    const doubtful = computeOrientation(makeImage(makeAffine("LAS"), { sides: "doubtful" }));
    for (const plane of ["axial", "sagittal", "coronal"] as const)
      expect(doubtful.planes[plane]).toEqual({ ...known.planes[plane], letters: null });
  });

  it("shows a single slice in its acquisition plane only", () => {
    expect(computeOrientation(makeImage(makeAffine("AIR"), { nz: 1 })).shown).toEqual(["sagittal"]);
    expect(computeOrientation(makeImage(makeAffine("AIR"))).shown).toHaveLength(3);
    expect(computeOrientation(makeImage(makeAffine("LIP"), { geometry: "irregular" })).shown).toEqual(["coronal"]);
  });
});

function findCell(view: ViewTransform, ijk: Point3): { column: number; row: number } {
  const { x, y } = voxelToScreen(view, ijk);
  const origin = cellToScreen(view, 0, 0);
  const one = cellToScreen(view, 1, 1);
  return {
    column: Math.floor((x - origin.x) / (one.x - origin.x)),
    row: Math.floor((y - origin.y) / (one.y - origin.y)),
  };
}

describe("screen and voxels", () => {
  const axes = computeOrientation(makeImage(makeAffine("LPS"))).planes.coronal;

  it("are inverse to one another", () => {
    const view = zoomView(fitView(axes, 640, 480), 3.7, { x: 100, y: 50 });
    const back = screenToVoxel(view, voxelToScreen(view, [2.25, 3, 4.5]), 3);
    expect(back).toEqual([2.25, 3, 4.5]);
  });

  it("round the pointer to 1/64 voxel", () => {
    const view = fitView(axes, 640, 480);
    for (let x = 0; x < 640; x += 37.3) {
      for (const position of screenToVoxel(view, { x, y: x / 2 }, 3))
        expect(position * 64).toBe(Math.round(position * 64));
    }
  });

  it("keep the point under the cursor while zooming", () => {
    const view = fitView(axes, 640, 480);
    const at = { x: 211, y: 133 };
    expect(screenToVoxel(zoomView(view, 5, at), at, 0)).toEqual(screenToVoxel(view, at, 0));
  });

  it("have the aspect of millimetres", () => {
    const view = fitView(axes, 640, 480);
    const [a, b] = [cellToScreen(view, 0, 0), cellToScreen(view, 1, 1)];
    expect((b.y - a.y) / (b.x - a.x)).toBeCloseTo(axes.rowMm / axes.columnMm, 9);
  });
});

describe("affine", () => {
  const affine = [0.88, -0.19, 0.05, 4, 0.187, 0.89, -1.1, 0, 0.01, 0.02, 2.4, -5];

  it("turns millimetres back into voxels", () => {
    const back = toVoxel(affine, toMm(affine, [3.5, -2, 11]));
    for (const axis of [0, 1, 2] as const) expect(back[axis]).toBeCloseTo([3.5, -2, 11][axis] as number, 9);
  });

  it("measures patient millimetres with the metric", () => {
    const { ii, jj, kk, ij, ik, jk } = computeMetric(affine);
    const [a, b] = [toMm(affine, [0, 0, 0]), toMm(affine, [2, -3, 4])];
    const mm = Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
    expect(Math.sqrt(ii * 4 + jj * 9 + kk * 16 + 2 * (ij * -6 + ik * 8 + jk * -12))).toBeCloseTo(mm, 9);
  });

  it("refuses a singular affine", () => {
    expect(() => toVoxel(new Array<number>(12).fill(0), [1, 2, 3])).toThrow(RangeError);
  });
});
