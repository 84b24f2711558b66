/** Disputed regions against a slow search voxel by voxel, and what a decision makes of one. */
import { describe, expect, it } from "vitest";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import type { DisputedRegion } from "../types";
import { fillRegion, findDisputes, unite } from "./disputes";

const [nx, ny, nz] = [9, 7, 5];

/** A reading from labels by voxel number. */
function reading(cells: Uint8Array<ArrayBuffer>): RowRuns {
  const runs = new RowRuns(nx, ny, nz, 2);
  for (let slab = 0; slab * 2 < nz; slab++) {
    const part = cells.slice(slab * 2 * nx * ny, Math.min(nz, slab * 2 + 2) * nx * ny);
    runs.putSlab(slab, buildRowRuns(part.buffer, nx, "uint8"));
  }
  return runs;
}

function draw(...boxes: [label: number, from: number[], to: number[]][]): Uint8Array<ArrayBuffer> {
  const cells = new Uint8Array(nx * ny * nz);
  for (const [label, [i0 = 0, j0 = 0, k0 = 0], [i1 = 0, j1 = 0, k1 = 0]] of boxes)
    for (let k = k0; k <= k1; k++)
      for (let j = j0; j <= j1; j++) cells.fill(label, i0 + nx * (j + ny * k), i1 + 1 + nx * (j + ny * k));
  return cells;
}

const neighbours = [-1, 0, 1].flatMap((k) => [-1, 0, 1].flatMap((j) => [-1, 0, 1].map((i) => [i, j, k] as const)));

const at = (i: number, j: number, k: number) =>
  i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz ? i + nx * (j + ny * k) : -1;
const placeOf = (n: number) => [n % nx, Math.floor(n / nx) % ny, Math.floor(n / nx / ny)] as const;

/** Sets of voxels that touch, by flooding from voxel to voxel. */
function flood(voxels: ReadonlySet<number>): number[][] {
  const seen = new Set<number>();
  return [...voxels]
    .sort((a, b) => a - b)
    .flatMap((start) => {
      if (seen.has(start)) return [];
      const found = [start];
      seen.add(start);
      for (const here of found) {
        const [i, j, k] = placeOf(here);
        for (const [di, dj, dk] of neighbours) {
          const beside = at(i + di, j + dj, k + dk);
          if (!voxels.has(beside) || seen.has(beside)) continue;
          seen.add(beside);
          found.push(beside);
        }
      }
      return [found.sort((a, b) => a - b)];
    });
}

/** The regions, slowly: islands whole, of the rest what lies around the middle of a cross of five disputed voxels. */
function floodDisputes(maps: readonly Uint8Array[]): { regions: number[][]; rimVoxels: number } {
  const disputed = new Set<number>();
  for (let n = 0; n < nx * ny * nz; n++) if (maps.some((map) => map[n] !== maps[0]?.[n])) disputed.add(n);
  const kept = new Set<number>();
  for (const voxels of flood(disputed)) {
    const isIsland = voxels.every((here) => {
      const [i, j, k] = placeOf(here);
      const around = neighbours.map(([di, dj, dk]) => at(i + di, j + dj, k + dk));
      return around.every((n) => n < 0 || disputed.has(n) || maps[0]?.[n] === 0);
    });
    for (const here of voxels) {
      const [i, j, k] = placeOf(here);
      const cross = [here, at(i - 1, j, k), at(i + 1, j, k), at(i, j - 1, k), at(i, j + 1, k)];
      if (isIsland) kept.add(here);
      else if (cross.every((n) => disputed.has(n)))
        for (const [di, dj] of neighbours) if (disputed.has(at(i + di, j + dj, k))) kept.add(at(i + di, j + dj, k));
    }
  }
  return { regions: flood(kept), rimVoxels: disputed.size - kept.size };
}

function numbersOf(region: DisputedRegion): number[] {
  const { starts, lengths } = fillRegion(region, "uint8", () => 0);
  return [...starts].flatMap((start, n) => Array.from({ length: lengths[n] as number }, (_, x) => start + x));
}

type Place = ReturnType<typeof placeOf>;

/** `MARGIN_ZYX` of backend/segmentations/rules/decisions.py. */
const isWithinMargin = ([i, j, k]: Place, [otherI, otherJ, otherK]: Place) =>
  Math.abs(i - otherI) <= 3 && Math.abs(j - otherJ) <= 3 && Math.abs(k - otherK) <= 1;

/** Numbers from 0 to 1, the same each time. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

describe("disputed regions", () => {
  it("are what a search voxel by voxel finds, rims apart", () => {
    const random = makeRandom(20261121);
    for (let round = 0; round < 60; round++) {
      const maps = Array.from({ length: 2 + (round % 3) }, () =>
        Uint8Array.from({ length: nx * ny * nz }, () =>
          random() < 0.12 + 0.2 * (round % 4) ? 1 + Math.floor(random() * 2) : 0,
        ),
      );
      // Most of it agreed on, so that regions do not all grow together.
      const agreed = Uint8Array.from({ length: nx * ny * nz }, () => (random() < 0.5 ? 1 : 0));
      for (const map of maps) for (const [n, label] of agreed.entries()) if (random() < 0.85) map[n] = label;
      const expected = floodDisputes(maps);
      const { regions, rimVoxels } = findDisputes(maps.map(reading));
      expect(regions.map(({ key }) => key).sort((a, b) => a - b)).toEqual(expected.regions.map(([first]) => first));
      expect(rimVoxels).toBe(expected.rimVoxels);
      for (const region of regions) {
        const numbers = numbersOf(region);
        expect(numbers).toEqual(expected.regions.find(([first]) => first === region.key));
        expect(numbers).toContain(at(...region.middle));
      }
    }
  });

  it("stay what they are where readings change farther off, or grow by the rims they hung on: the server keeps decisions by that", () => {
    const [random, seen] = [makeRandom(20261122), { same: 0, grown: 0 }];
    const flip = (map: Uint8Array<ArrayBuffer>, share: number) =>
      map.map((label) => (random() < share ? 1 - label : label));
    for (let round = 0; round < 60; round++) {
      const agreed = flip(draw(), 0.02);
      const maps = [flip(agreed, 0.06), flip(agreed, 0.06)];
      const [i, j, k] = [nx - 3, ny - 3, nz].map((size) => Math.floor(random() * size)) as [number, number, number];
      for (const n of [0, 1, 2]) maps[0]?.fill(1, at(i, j + n, k), at(i, j + n, k) + 3);
      for (const region of findDisputes(maps.map(reading)).regions) {
        const voxels = numbersOf(region);
        const isNear = (n: number) => voxels.some((here) => isWithinMargin(placeOf(here), placeOf(n)));
        const changed = maps.map((map) => map.map((label, n) => (isNear(n) || random() < 0.8 ? label : 1 - label)));

        const after = findDisputes(changed.map(reading)).regions.map(numbersOf);

        const holding = after.find((numbers) => voxels.every((n) => numbers.includes(n)));
        expect(holding).toBeDefined();
        if (holding?.length === voxels.length) seen.same += 1;
        else seen.grown += 1;
      }
    }
    expect(seen.same).toBeGreaterThan(10 * seen.grown);
  });

  it("come with most voxels × entropy first", () => {
    const small = draw([1, [0, 0, 0], [1, 1, 0]]);
    const large = draw([1, [4, 2, 2], [7, 5, 3]]);
    const nobody = draw();

    const { regions } = findDisputes([large, small, nobody].map(reading));

    expect(regions.map(({ voxels }) => voxels)).toEqual([32, 4]);
    expect(regions[1]?.entropy).toBeCloseTo(4 * (Math.log2(3) - 2 / 3), 10);
  });

  it("leave out a rim one voxel wide and keep a thin structure that only some have", () => {
    const organ = draw([1, [2, 2, 2], [4, 4, 2]]);
    const wider = draw([1, [1, 2, 2], [4, 4, 2]]);
    const vessel = draw([1, [2, 2, 2], [4, 4, 2]], [2, [8, 0, 0], [8, 6, 0]]);

    expect(findDisputes([organ, wider].map(reading))).toEqual({ regions: [], rimVoxels: 3 });
    expect(findDisputes([organ, vessel].map(reading)).regions.map(({ voxels }) => voxels)).toEqual([7]);
  });

  it("end where a rim begins that joins them", () => {
    const organ = draw([1, [1, 1, 1], [5, 4, 1]]);
    const wedge = draw([1, [1, 1, 1], [5, 5, 1]], [1, [6, 1, 1], [8, 3, 1]]); // a row more, and three columns

    const { regions, rimVoxels } = findDisputes([organ, wedge].map(reading));

    expect(regions.map(({ voxels }) => voxels)).toEqual([9]);
    expect(rimVoxels).toBe(5);
  });

  it("are none where readings agree, and none of a single reading's", () => {
    const organ = draw([1, [2, 2, 2], [4, 4, 2]]);
    expect(findDisputes([organ, organ].map(reading)).regions).toEqual([]);
    expect(findDisputes([reading(organ)]).regions).toEqual([]);
    expect(findDisputes([]).regions).toEqual([]);
  });
});

it("unites by the label most of those give who draw at all, the smallest of several", () => {
  expect(
    [
      [0, 1],
      [2, 1, 0],
      [0, 0, 2],
      [2, 2, 1],
      [0, 0],
    ].map(unite),
  ).toEqual([1, 1, 2, 2, 0]);
});
