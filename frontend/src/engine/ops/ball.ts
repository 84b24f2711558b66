/**
 * Growing and smoothing with a ball of r mm in the metric G, exactly: no spacing, no chamfer, right on sheared grids.
 *
 * The ball is the set of voxel offsets with |Δ|² = ΔᵀGΔ ≤ r², kept as rows along x; a shape grows run by run. The order
 * of the floating-point operations is part of the contract (tests/contract/tools_reference.py repeats it).
 */
import { computeReach, type Metric } from "../geometry/affine";
import type { Point3 } from "../types";
import { listRuns } from "./components";
import { type Mask, makeMask } from "./mask";

/** Offsets (from … to, dj, dk), both ends included. */
export interface BallRow {
  readonly dj: number;
  readonly dk: number;
  readonly from: number;
  readonly to: number;
}

export interface Ball {
  readonly rows: readonly BallRow[];
  /** how far it reaches along i, j, k, in whole voxels */
  readonly reach: Point3;
}

/** `flatAxis`: voxel axis along which the ball has no thickness (work in one slice); null for a true ball. */
export function makeBall(metric: Metric, radiusMm: number, flatAxis: number | null): Ball {
  const far = computeReach(metric, radiusMm);
  const bound = (axis: 0 | 1 | 2): number => (axis === flatAxis ? 0 : Math.ceil(far[axis]));
  const [iFar, jFar, kFar] = [bound(0), bound(1), bound(2)];
  const rows: BallRow[] = [];
  const reach: [number, number, number] = [0, 0, 0];
  for (let dk = -kFar; dk <= kFar; dk++) {
    for (let dj = -jFar; dj <= jFar; dj++) {
      let from = iFar + 1;
      let to = -iFar - 1;
      for (let di = -iFar; di <= iFar; di++) {
        if (!isWithin(metric, di, dj, dk, radiusMm)) continue;
        from = Math.min(from, di);
        to = di;
      }
      if (from > to) continue;
      rows.push({ dj, dk, from, to });
      reach[0] = Math.max(reach[0], -from, to);
      reach[1] = Math.max(reach[1], Math.abs(dj));
      reach[2] = Math.max(reach[2], Math.abs(dk));
    }
  }
  return { rows, reach };
}

function isWithin({ ii, jj, kk, ij, ik, jk }: Metric, di: number, dj: number, dk: number, radiusMm: number): boolean {
  const squared = ii * di * di + jj * dj * dj + kk * dk * dk + 2 * (ij * di * dj + ik * di * dk + jk * dj * dk);
  return squared <= radiusMm * radiusMm;
}

/** Cells within the ball of any cell that equals `value`; beyond the mask's box nothing is known, so nothing grows in. */
export function growMask(mask: Mask, value: 0 | 1, ball: Ball): Mask {
  const [width, height, depth] = mask.size;
  const { starts, ends, rowEnds } = listRuns(mask, value);
  const grown = makeMask(mask.box);
  const edges = new Int32Array(width + 1);
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      let isTouched = false;
      for (const { dj, dk, from, to } of ball.rows) {
        // The ball is point-symmetric: what reaches into this row from (y − dj, z − dk).
        const [sourceY, sourceZ] = [y - dj, z - dk];
        if (sourceY < 0 || sourceY >= height || sourceZ < 0 || sourceZ >= depth) continue;
        const source = sourceY + height * sourceZ;
        for (let run = rowEnds[source] as number; run < (rowEnds[source + 1] as number); run++) {
          const start = Math.max(0, (starts[run] as number) + from);
          const end = Math.min(width, (ends[run] as number) + to);
          if (start >= end) continue;
          edges[start] = (edges[start] as number) + 1;
          edges[end] = (edges[end] as number) - 1;
          isTouched = true;
        }
      }
      if (isTouched) fillBetween(edges, grown.cells, width * (y + height * z));
    }
  }
  return grown;
}

/** Turns counted edges into cells and clears them. */
function fillBetween(edges: Int32Array, cells: Uint8Array, first: number): void {
  let covers = 0;
  for (let x = 0; x < edges.length - 1; x++) {
    covers += edges[x] as number;
    if (covers > 0) cells[first + x] = 1;
  }
  edges.fill(0);
}

/**
 * Majority in the ball, which is the binary median filter (as 3D Slicer's "Median" smoothing): a cell belongs to the shape
 * when more than half of the ball's voxels *inside the grid* do. The mask must hold the shape padded by the ball's reach,
 * as far as the grid goes; `gridSize` is the whole grid's.
 */
export function smoothMask(mask: Mask, ball: Ball, gridSize: Point3): Mask {
  const near = growMask(mask, 1, ball);
  const eroded = growMask(mask, 0, ball);
  const smooth = makeMask(mask.box);
  const sums = sumRows(mask);
  const { size, box, cells } = mask;
  const [width, height, depth] = size;
  let at = 0;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        const isSettled = near.cells[at] === 0 || eroded.cells[at] === 0;
        smooth.cells[at] = isSettled ? (cells[at] as number) : holdsMajority(x, y, z) ? 1 : 0;
      }
    }
  }
  return smooth;

  function holdsMajority(x: number, y: number, z: number): boolean {
    let inside = 0;
    let all = 0;
    for (const { dj, dk, from, to } of ball.rows) {
      const [j, k] = [box.min[1] + y + dj, box.min[2] + z + dk];
      if (j < 0 || k < 0 || j >= gridSize[1] || k >= gridSize[2]) continue;
      const start = Math.max(-box.min[0], x + from);
      const end = Math.min(gridSize[0] - box.min[0], x + to + 1);
      if (start >= end) continue;
      all += end - start;
      const [rowY, rowZ] = [y + dj, z + dk];
      if (rowY < 0 || rowZ < 0 || rowY >= height || rowZ >= depth) continue;
      const row = (width + 1) * (rowY + height * rowZ);
      inside += (sums[row + clip(end)] as number) - (sums[row + clip(start)] as number);
    }
    return 2 * inside > all;
  }

  function clip(x: number): number {
    return Math.min(width, Math.max(0, x));
  }
}

/** For each row, how many cells of the shape lie before each place: width + 1 numbers a row. */
function sumRows({ size, cells }: Mask): Int32Array {
  const [width, height, depth] = size;
  const sums = new Int32Array((width + 1) * height * depth);
  for (let row = 0; row < height * depth; row++) {
    const first = row * (width + 1);
    for (let x = 0; x < width; x++)
      sums[first + x + 1] = (sums[first + x] as number) + (cells[row * width + x] as number);
  }
  return sums;
}
