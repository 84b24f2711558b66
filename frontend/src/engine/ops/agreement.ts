/**
 * How alike two label maps are, label by label: voxels, Dice, and the distances between their surfaces in millimetres.
 *
 * The rules are those of worker/learning/metrics.py, so that the screen and the model's figures speak of the same thing:
 * a surface is a mask minus its erosion by the 6-neighbourhood (axes of length 1 ignored), the grid's edge counting as
 * background; HD95 is the larger of the two directed 95th percentiles, ASSD pools both surfaces. Distances are taken
 * between voxel centres in patient space, so they are exact on oblique and sheared grids too. Where one side is empty
 * there is no distance. tests/contract/agreement.json compares both languages.
 */
import { toMm } from "../geometry/affine";
import type { RowRuns } from "../labels/RowRuns";
import type { LabelAgreement, Point3 } from "../types";
import { PointTree } from "./PointTree";

interface Mask {
  /** first voxel of the box, one voxel of background around the label included */
  readonly origin: Point3;
  readonly size: Point3;
  readonly cells: Uint8Array;
  readonly voxels: number;
}

/** `affine` voxel → mm; null where the image has no lengths, and then no distance is told. */
export function compareLabels(
  a: RowRuns,
  b: RowRuns,
  affine: readonly number[] | null,
  labels: readonly number[],
): readonly LabelAgreement[] {
  return labels.map((label) => {
    const [inA, inB] = [cutMask(a, label), cutMask(b, label)];
    const [voxelsA, voxelsB] = [inA?.voxels ?? 0, inB?.voxels ?? 0];
    const dice = voxelsA + voxelsB === 0 ? 1 : (2 * countShared(a, b, label)) / (voxelsA + voxelsB);
    const distances = inA && inB && affine ? measureSurfaces(inA, inB, a, affine) : null;
    return { label, voxelsA, voxelsB, dice, distances };
  });
}

/** The label's voxels in their bounding box; null where there are none. */
function cutMask(map: RowRuns, label: number): Mask | null {
  const low = [Infinity, Infinity, Infinity];
  const high = [-1, -1, -1];
  let voxels = 0;
  map.forEachRunOf(label, (j, k, start, end) => {
    voxels += end - start;
    low[0] = Math.min(low[0] as number, start);
    high[0] = Math.max(high[0] as number, end - 1);
    low[1] = Math.min(low[1] as number, j);
    high[1] = Math.max(high[1] as number, j);
    low[2] = Math.min(low[2] as number, k);
    high[2] = Math.max(high[2] as number, k);
  });
  if (voxels === 0) return null;
  const origin = low.map((first) => first - 1) as [number, number, number];
  const size = high.map((last, axis) => last - (origin[axis] as number) + 2) as [number, number, number];
  const cells = new Uint8Array(size[0] * size[1] * size[2]);
  map.forEachRunOf(label, (j, k, start, end) => {
    const row = size[0] * (j - origin[1] + size[1] * (k - origin[2])) - origin[0];
    cells.fill(1, row + start, row + end);
  });
  return { origin, size, cells, voxels };
}

function countShared(a: RowRuns, b: RowRuns, label: number): number {
  let shared = 0;
  a.forEachRunOf(label, (j, k, start, end) => {
    b.forEachRun(j, k, (from, to, value) => {
      if (value === label) shared += Math.max(0, Math.min(end, to) - Math.max(start, from));
    });
  });
  return shared;
}

function measureSurfaces(
  a: Mask,
  b: Mask,
  grid: RowRuns,
  affine: readonly number[],
): { readonly hd95Mm: number; readonly assdMm: number } {
  const gridSize: Point3 = [grid.nx, grid.ny, grid.nz];
  const [surfaceA, surfaceB] = [findSurface(a, gridSize, affine), findSurface(b, gridSize, affine)];
  const [fromA, fromB] = [measureTo(surfaceA, surfaceB), measureTo(surfaceB, surfaceA)];
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  return {
    hd95Mm: Math.max(percentile95(fromA), percentile95(fromB)),
    assdMm: (sum(fromA) + sum(fromB)) / (fromA.length + fromB.length),
  };
}

/** Centres in mm (x, y, z, x, …) of the voxels that have a neighbour outside the mask. */
function findSurface({ origin, size, cells }: Mask, gridSize: Point3, affine: readonly number[]): Float64Array {
  const steps = [1, size[0], size[0] * size[1]].filter((_, axis) => (gridSize[axis] as number) > 1);
  const points: number[] = [];
  for (let index = 0, k = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      for (let i = 0; i < size[0]; i++, index++) {
        if (cells[index] === 0) continue;
        if (steps.every((step) => cells[index - step] === 1 && cells[index + step] === 1)) continue;
        points.push(...toMm(affine, [origin[0] + i, origin[1] + j, origin[2] + k]));
      }
    }
  }
  return Float64Array.from(points);
}

function measureTo(from: Float64Array, to: Float64Array): Float64Array {
  const tree = new PointTree(to);
  const distances = new Float64Array(from.length / 3);
  for (let n = 0; n < distances.length; n++)
    distances[n] = tree.distanceTo(from[3 * n] as number, from[3 * n + 1] as number, from[3 * n + 2] as number);
  return distances;
}

/** Linear between ranks, as numpy's default. Sorts in place. */
function percentile95(values: Float64Array): number {
  values.sort();
  const place = 0.95 * (values.length - 1);
  const below = Math.floor(place);
  const low = values[below] as number;
  return low + ((values[Math.min(below + 1, values.length - 1)] as number) - low) * (place - below);
}
