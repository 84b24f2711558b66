import { describe, expect, it } from "vitest";
import { computeOrientation, computeSteps } from "../geometry/planes";
import type { ImageInfo, LabelType } from "../types";
import { makeLabelArray } from "./editCodec";
import { LabelVolume } from "./LabelVolume";
import { buildRowRuns, RowRuns } from "./RowRuns";
import { readDenseSlice } from "./readSlice";

const [NX, NY, NZ, DEPTH] = [13, 9, 11, 4];

function makeImage(affine: readonly number[]): ImageInfo {
  const shape = { nx: NX, ny: NY, nz: NZ, channels: 1, slabDepth: DEPTH } as const;
  return { ...shape, affine, geometry: "regular", sides: "known", slope: 1, intercept: 0, windowLow: 0, windowHigh: 1 };
}

/** Blobs with long and short runs, rows that are full, and an empty slice. */
function makeDense(dtype: LabelType, seed: number) {
  const dense = makeLabelArray(dtype, NX * NY * NZ);
  let state = seed;
  let value = 0;
  for (let n = 0; n < dense.length; n++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    if (state % 5 === 0) value = dtype === "uint8" ? (state >> 8) % 4 : 300 * ((state >> 8) % 3);
    dense[n] = Math.floor(n / (NX * NY)) === 6 ? 0 : value;
  }
  return dense;
}

function pack(dense: ReturnType<typeof makeDense>, dtype: LabelType): RowRuns {
  const runs = new RowRuns(NX, NY, NZ, DEPTH);
  for (let slab = 0; slab * DEPTH < NZ; slab++) {
    const part = dense.slice(slab * DEPTH * NX * NY, (slab + 1) * DEPTH * NX * NY);
    runs.putSlab(slab, buildRowRuns(part.buffer, NX, dtype));
  }
  return runs;
}

const AFFINES = {
  "axes as stored": [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0],
  "all axes flipped": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
  "k along the columns": [0, 0, 1, 0, 1, 0, 0, 0, 0, -1, 0, 0],
};

describe("row runs", () => {
  for (const dtype of ["uint8", "uint16"] as const) {
    it.each(Object.entries(AFFINES))(`show what the dense ${dtype} map shows: %s`, (_, affine) => {
      const dense = makeDense(dtype, 5);
      const runs = pack(dense, dtype);
      for (const axes of Object.values(computeOrientation(makeImage(affine)).planes)) {
        const box = { left: 0, top: 0, right: axes.columns - 1, bottom: axes.rows - 1 };
        for (let slice = 0; slice < axes.slices; slice++) {
          const expected = makeLabelArray(dtype, axes.columns * axes.rows);
          readDenseSlice(
            { read: (index) => dense[index] as number },
            computeSteps(axes, slice, NX, NY),
            axes.columns,
            box,
            expected,
          );
          const cells = makeLabelArray(dtype, axes.columns * axes.rows);
          runs.readSlice(axes, slice, cells);
          expect(cells).toEqual(expected);
        }
      }
    });
  }

  it("read single voxels, and background where a slab is missing", () => {
    const dense = makeDense("uint8", 9);
    const runs = pack(dense, "uint8");
    for (let n = 0; n < dense.length; n += 7) {
      const [i, j, k] = [n % NX, Math.floor(n / NX) % NY, Math.floor(n / NX / NY)];
      expect(runs.readVoxel(i, j, k)).toBe(dense[n]);
    }
    expect(runs.isComplete).toBe(true);
    expect(new RowRuns(NX, NY, NZ, DEPTH).readVoxel(3, 3, 3)).toBe(0);
  });

  it("refuse a slab with another number of rows", () => {
    const slab = buildRowRuns(new ArrayBuffer(NX * NY * DEPTH), NX, "uint8");
    expect(() => new RowRuns(NX, NY, NZ, DEPTH).putSlab(2, slab)).toThrow("Label slab 2 has 36 rows instead of 27");
    expect(() => buildRowRuns(new ArrayBuffer(NX + 1), NX, "uint8")).toThrow(RangeError);
  });
});

describe("the dense map", () => {
  it("knows voxels per label and drawn slices after loading and after edits", () => {
    const labels = new LabelVolume(4, 3, 2, "uint8");
    labels.putSlices(1, Uint8Array.from([0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]).buffer);
    labels.applyRuns({ starts: Float64Array.of(2), lengths: Float64Array.of(3), values: Uint8Array.of(1, 1, 1) });
    labels.applyRuns({ starts: Float64Array.of(13), lengths: Float64Array.of(1), values: Uint8Array.of(0) });
    expect([...labels.countVoxels()]).toEqual([
      [1, 3],
      [2, 1],
    ]);
    expect([0, 1, 2].map((axis) => labels.listDrawnSlices(axis))).toEqual([
      [0, 2, 3],
      [0, 1, 2],
      [0, 1],
    ]);
  });

  it("gives checksums of touched slices once", () => {
    const labels = new LabelVolume(3, 3, 4, "uint8");
    labels.write(9 * 2, 0, 0, 2, "9".charCodeAt(0));
    labels.write(9 * 2, 0, 0, 2, "1".charCodeAt(0));
    for (let n = 1; n < 9; n++) labels.write(18 + n, n % 3, Math.floor(n / 3), 2, "1".charCodeAt(0) + n);
    expect(labels.takeChecksums()).toEqual([{ z: 2, crc32: 0xcbf43926 }]);
    expect(labels.takeChecksums()).toEqual([]);
  });

  it("refuses bytes that do not fit", () => {
    expect(() => new LabelVolume(4, 3, 2, "uint8").putSlices(1, new ArrayBuffer(24))).toThrow(RangeError);
    expect(() => new LabelVolume(4, 3, 2, "uint16").putSlices(0, new ArrayBuffer(12))).toThrow(RangeError);
  });
});
