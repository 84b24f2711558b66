import { describe, expect, it } from "vitest";
import { computeOrientation, computeSteps } from "../geometry/planes";
import { plainImage } from "../image.fixture";
import { SHARE_FLOOR } from "./LabelSlices";
import { buildRowRuns, RowRuns } from "./RowRuns";
import { buildShareSlab, ShareVolume } from "./ShareVolume";
import { Votes } from "./Votes";

const [NX, NY, NZ, DEPTH] = [13, 9, 11, 4];
const IMAGE = plainImage({ nx: NX, ny: NY, nz: NZ, slabDepth: DEPTH, affine: [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0] });
const PLANES = Object.values(computeOrientation(IMAGE).planes);

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

function slabsOf(dense: Uint8Array<ArrayBuffer>): ArrayBuffer[] {
  const size = DEPTH * NX * NY;
  return Array.from({ length: Math.ceil(NZ / DEPTH) }, (_, slab) => dense.slice(slab * size, (slab + 1) * size).buffer);
}

/** Visits each cell of a displayed slice with its voxel's number. */
function forEachCell(slice: number, visit: (plane: (typeof PLANES)[0], cell: number, voxel: number) => void): void {
  for (const plane of PLANES) {
    const { base, columnStep, rowStep } = computeSteps(plane, slice, NX, NY);
    for (let cell = 0; cell < plane.columns * plane.rows; cell++)
      visit(plane, cell, base + (cell % plane.columns) * columnStep + Math.floor(cell / plane.columns) * rowStep);
  }
}

describe("a share map", () => {
  const next = random(3);
  const dense = Uint8Array.from({ length: NX * NY * NZ }, () => (next() < 0.6 ? 0 : Math.floor(256 * next())));
  const shares = new ShareVolume(NX, NY, NZ, DEPTH);
  for (const [n, bytes] of slabsOf(dense).entries()) shares.putSlab(n, buildShareSlab(bytes, NX));

  it("sums what can be seen of each slice along every axis", () => {
    const sums = [new Float64Array(NX), new Float64Array(NY), new Float64Array(NZ)];
    dense.forEach((share, voxel) => {
      const [i, j, k] = [voxel % NX, Math.floor(voxel / NX) % NY, Math.floor(voxel / NX / NY)];
      if (share >= SHARE_FLOOR)
        [i, j, k].forEach((slice, axis) => {
          const along = sums[axis] as Float64Array;
          along[slice] = (along[slice] as number) + share;
        });
    });

    expect(([0, 1, 2] as const).map((axis) => shares.sumSlices(axis))).toEqual(sums);
  });

  it("shows every share from 0.1 on in all planes and nothing below", () => {
    const cells = new Map(PLANES.map((plane) => [plane, new Uint8Array(plane.columns * plane.rows)]));
    for (const slice of [0, 5, 8]) {
      for (const [plane, into] of cells) shares.readShares(plane, slice, into);
      forEachCell(slice, (plane, cell, voxel) => {
        const share = dense[voxel] as number;
        expect(cells.get(plane)?.[cell]).toBe(share < SHARE_FLOOR ? 0 : share);
      });
    }
  });

  it("tells the share of one voxel", () => {
    for (let voxel = 0; voxel < dense.length; voxel++) {
      const share = dense[voxel] as number;
      const row = Math.floor(voxel / NX);
      expect(shares.readShare(voxel % NX, row % NY, Math.floor(row / NY))).toBe(share < SHARE_FLOOR ? 0 : share);
    }
  });

  it("refuses a slab that does not fit its place", () => {
    expect(() => shares.putSlab(0, buildShareSlab(new ArrayBuffer(NX * NY), NX))).toThrow(RangeError);
    expect(() => buildShareSlab(new ArrayBuffer(NX + 1), NX)).toThrow(RangeError);
  });
});

describe("votes", () => {
  const next = random(11);
  const readings = [0, 1, 2, 3].map(() =>
    Uint8Array.from({ length: NX * NY * NZ }, () => (next() < 0.5 ? 0 : Math.floor(3 * next()))),
  );
  const voters = readings.map((dense) => {
    const runs = new RowRuns(NX, NY, NZ, DEPTH);
    for (const [n, bytes] of slabsOf(dense).entries()) runs.putSlab(n, buildRowRuns(bytes, NX, "uint8"));
    return runs;
  });
  const votes = new Votes(voters);

  /** The rule in its own words: most ballots, ties to the smallest value (background first). */
  function elect(voxel: number): { label: number; share: number } {
    const counts = [0, 1, 2].map((label) => readings.filter((dense) => dense[voxel] === label).length);
    const most = Math.max(...counts);
    return { label: counts.indexOf(most), share: Math.round((255 * (4 - most)) / 4) };
  }

  it("elect the label most readings give, and say how many do not", () => {
    for (const slice of [0, 4, 8]) {
      const labels = new Map(PLANES.map((plane) => [plane, new Uint16Array(plane.columns * plane.rows)]));
      const shares = new Map(PLANES.map((plane) => [plane, new Uint8Array(plane.columns * plane.rows)]));
      for (const plane of PLANES) {
        votes.readSlice(plane, slice, labels.get(plane) as Uint16Array<ArrayBuffer>);
        votes.readShares(plane, slice, shares.get(plane) as Uint8Array);
      }
      forEachCell(slice, (plane, cell, voxel) => {
        const { label, share } = elect(voxel);
        expect(labels.get(plane)?.[cell]).toBe(label);
        expect(shares.get(plane)?.[cell]).toBe(share);
      });
    }
  });

  it("tell the share of one voxel as of a slice", () => {
    expect(votes.readShare(5, 3, 7)).toBe(elect(5 + NX * (3 + NY * 7)).share);
  });

  it("of one reading agree with it, of none are empty", () => {
    const cells = new Uint16Array(NX * NY).fill(9);
    const plane = PLANES[0] as (typeof PLANES)[0];
    new Votes([]).readSlice(plane, 0, cells);
    expect(cells.every((label) => label === 0)).toBe(true);
    new Votes(voters.slice(0, 1)).readSlice(plane, 4, cells);
    const own = new Uint16Array(NX * NY);
    voters[0]?.readSlice(plane, 4, own);
    expect([...cells]).toEqual([...own]);
  });
});
