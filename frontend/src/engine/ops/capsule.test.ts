import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { computeMetric } from "../geometry/affine";
import { boundGrid } from "../geometry/box";
import type { Point3 } from "../types";
import { visitCapsule } from "./capsule";

interface StrokeFixture {
  readonly name: string;
  readonly size: Point3;
  readonly affine: readonly number[];
  readonly slice_axis: number;
  readonly slice_index: number;
  readonly radius_mm: number;
  readonly is_ball: boolean;
  readonly samples_64: readonly Point3[];
  readonly painted: readonly (readonly [number, number])[];
}

const file = new URL("../../../../tests/contract/brush.json", import.meta.url);
const { strokes } = JSON.parse(readFileSync(file, "utf-8")) as { strokes: StrokeFixture[] };

function paint(stroke: StrokeFixture): number[] {
  const [nx, ny] = stroke.size;
  const metric = computeMetric(stroke.affine);
  const range = boundGrid(stroke.size, stroke.slice_axis, stroke.is_ball ? null : stroke.slice_index);
  const samples = stroke.samples_64.map(([i, j, k]): Point3 => [i / 64, j / 64, k / 64]);
  const painted = new Set<number>();
  let previous = samples[0] as Point3;
  for (const sample of samples) {
    visitCapsule(previous, sample, stroke.radius_mm, metric, range, (i, j, k) => painted.add(i + nx * (j + ny * k)));
    previous = sample;
  }
  return [...painted].sort((a, b) => a - b);
}

/** The reference of tests/contract/brush_reference.py again: every voxel of the grid against every segment. */
function paintSlowly(stroke: StrokeFixture): number[] {
  const [nx, ny, nz] = stroke.size;
  const { ii, jj, kk, ij, ik, jk } = computeMetric(stroke.affine);
  const form = (p: Point3, q: Point3): number =>
    ii * p[0] * q[0] +
    jj * p[1] * q[1] +
    kk * p[2] * q[2] +
    ij * (p[0] * q[1] + p[1] * q[0]) +
    ik * (p[0] * q[2] + p[2] * q[0]) +
    jk * (p[1] * q[2] + p[2] * q[1]);
  const minus = (p: Point3, q: Point3): Point3 => [p[0] - q[0], p[1] - q[1], p[2] - q[2]];
  const samples = stroke.samples_64.map(([i, j, k]): Point3 => [i / 64, j / 64, k / 64]);
  const painted: number[] = [];
  for (let k = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) {
        const voxel: Point3 = [i, j, k];
        if (!stroke.is_ball && voxel[stroke.slice_axis as 0 | 1 | 2] !== stroke.slice_index) continue;
        const near = samples.some((a, n) => {
          const d = minus(samples[n + 1] ?? a, a);
          const w = minus(voxel, a);
          const t = form(d, d) > 0 ? Math.min(1, Math.max(0, form(w, d) / form(d, d))) : 0;
          const e = minus(w, [t * d[0], t * d[1], t * d[2]]);
          return form(e, e) <= stroke.radius_mm ** 2 + 1e-9;
        });
        const under = samples.some((s) => s.every((p, axis) => Math.floor(p + 0.5) === voxel[axis as 0 | 1 | 2]));
        if (near || under) painted.push(i + nx * (j + ny * k));
      }
  return painted;
}

describe("the brush", () => {
  it.each(strokes)("paints what the Python reference paints: $name", (stroke) => {
    const expected = stroke.painted.flatMap(([start, length]) => Array.from({ length }, (_, n) => start + n));
    expect(paint(stroke)).toEqual(expected);
  });

  it("agrees with a slow search of the whole grid on random anisotropic and sheared grids", () => {
    const random = makeRandom(7);
    for (let round = 0; round < 40; round++) {
      const stroke = makeRandomStroke(random);
      expect(paint(stroke), JSON.stringify(stroke)).toEqual(paintSlowly(stroke));
    }
  });

  it("paints the voxel under the pointer however small the radius", () => {
    const stroke = { ...(strokes[0] as StrokeFixture), radius_mm: 0.0001, samples_64: [[331, 330, 128] as const] };
    expect(paint(stroke)).toEqual([5 + 24 * (5 + 20 * 2)]);
  });
});

function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function makeRandomStroke(random: () => number): StrokeFixture {
  const size: Point3 = [12, 11, 7];
  const spacing = [0.4 + random(), 0.5 + random(), 1 + 2 * random()];
  const affine = Array.from({ length: 12 }, (_, n) => {
    const [row, column] = [Math.floor(n / 4), n % 4];
    if (column === 3) return 0;
    return row === column ? (spacing[column] as number) : 0.3 * (random() - 0.5);
  });
  const slice_axis = Math.floor(random() * 3);
  const slice_index = Math.floor(random() * (size[slice_axis as 0 | 1 | 2] as number));
  const samples_64 = Array.from({ length: 4 }, (): Point3 => {
    const sample = size.map((n) => Math.round(64 * (random() * (n + 2) - 1)));
    sample[slice_axis] = 64 * slice_index;
    return sample as unknown as Point3;
  });
  const radius_mm = 0.2 + 3 * random();
  return {
    name: "",
    size,
    affine,
    slice_axis,
    slice_index,
    radius_mm,
    is_ball: random() < 0.3,
    samples_64,
    painted: [],
  };
}
