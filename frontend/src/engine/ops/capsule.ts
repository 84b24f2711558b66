/**
 * The brush's footprint: every voxel within r mm of the segment between two pointer samples, in the metric G, plus the
 * voxel under each sample, so that a radius below half a voxel still paints.
 *
 * The order of the floating-point operations is part of the contract: tests/contract/brush_reference.py repeats it, and
 * the fixtures in tests/contract/brush.json compare both voxel for voxel. Do not rearrange it for speed.
 */
import { computeReach, type Metric } from "../geometry/affine";
import type { VoxelBox } from "../geometry/box";
import { nearestVoxel } from "../geometry/viewTransform";
import type { Point3 } from "../types";

export type VisitVoxel = (i: number, j: number, k: number) => void;

/** Visits each voxel of the capsule from `a` to `b` (voxel positions, 1/64 steps) once or, at the two ends, twice. */
export function visitCapsule(
  a: Point3,
  b: Point3,
  radiusMm: number,
  metric: Metric,
  range: VoxelBox,
  visit: VisitVoxel,
): void {
  visitNearest(a, range, visit);
  visitNearest(b, range, visit);
  const reach = computeReach(metric, radiusMm);
  const low = (axis: 0 | 1 | 2): number =>
    Math.max(range.min[axis], Math.floor(Math.min(a[axis], b[axis]) - reach[axis]));
  const high = (axis: 0 | 1 | 2): number =>
    Math.min(range.max[axis], Math.ceil(Math.max(a[axis], b[axis]) + reach[axis]));
  const [iLow, iHigh, jLow, jHigh, kLow, kHigh] = [low(0), high(0), low(1), high(1), low(2), high(2)];
  const { ii, jj, kk, ij, ik, jk } = metric;
  const di = b[0] - a[0];
  const dj = b[1] - a[1];
  const dk = b[2] - a[2];
  const lengthSquared = ii * di * di + jj * dj * dj + kk * dk * dk + 2 * (ij * di * dj + ik * di * dk + jk * dj * dk);
  // G·d: the dot product of any offset with the segment is then three products.
  const gi = ii * di + ij * dj + ik * dk;
  const gj = ij * di + jj * dj + jk * dk;
  const gk = ik * di + jk * dj + kk * dk;
  const limit = radiusMm * radiusMm;
  for (let k = kLow; k <= kHigh; k++) {
    for (let j = jLow; j <= jHigh; j++) {
      for (let i = iLow; i <= iHigh; i++) {
        const wi = i - a[0];
        const wj = j - a[1];
        const wk = k - a[2];
        let t = 0;
        if (lengthSquared > 0) {
          t = (wi * gi + wj * gj + wk * gk) / lengthSquared;
          if (t < 0) t = 0;
          else if (t > 1) t = 1;
        }
        const ei = wi - t * di;
        const ej = wj - t * dj;
        const ek = wk - t * dk;
        const squared = ii * ei * ei + jj * ej * ej + kk * ek * ek + 2 * (ij * ei * ej + ik * ei * ek + jk * ej * ek);
        if (squared <= limit) visit(i, j, k);
      }
    }
  }
}

function visitNearest(position: Point3, range: VoxelBox, visit: VisitVoxel): void {
  const [i, j, k] = nearestVoxel(position);
  const { min, max } = range;
  if (i < min[0] || i > max[0] || j < min[1] || j > max[1] || k < min[2] || k > max[2]) return;
  visit(i, j, k);
}
