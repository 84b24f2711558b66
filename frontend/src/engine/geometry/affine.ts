/**
 * Voxel indices ↔ patient millimetres, and the metric in which distances on a voxel grid are measured.
 *
 * An affine is 12 numbers, 3×4 row-major, voxel (i, j, k) → RAS mm as the server sends it. It is information for
 * display and distances, never a reason to resample: labels live on the image's own grid.
 */
import type { Point3 } from "../types";

/** Gram matrix AᵀA in mm²: |Δ|² = ΔᵀGΔ for a voxel offset Δ; right on sheared and anisotropic grids. */
export interface Metric {
  readonly ii: number;
  readonly jj: number;
  readonly kk: number;
  readonly ij: number;
  readonly ik: number;
  readonly jk: number;
}

/** Column `axis` of the 3×3 part: patient mm for one voxel step along that axis. */
export function readColumn(affine: readonly number[], axis: number): Point3 {
  return [affine[axis] as number, affine[4 + axis] as number, affine[8 + axis] as number];
}

export function dot(a: Point3, b: Point3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function norm(a: Point3): number {
  return Math.sqrt(dot(a, a));
}

/** The order of additions is part of the contract: tests/contract/brush_reference.py repeats it bit for bit. */
export function computeMetric(affine: readonly number[]): Metric {
  const i = readColumn(affine, 0);
  const j = readColumn(affine, 1);
  const k = readColumn(affine, 2);
  return { ii: dot(i, i), jj: dot(j, j), kk: dot(k, k), ij: dot(i, j), ik: dot(i, k), jk: dot(j, k) };
}

/** Patient RAS mm of a voxel position (fractions allowed). */
export function toMm(affine: readonly number[], ijk: Point3): Point3 {
  const row = (r: number): number =>
    (affine[4 * r] as number) * ijk[0] +
    (affine[4 * r + 1] as number) * ijk[1] +
    (affine[4 * r + 2] as number) * ijk[2] +
    (affine[4 * r + 3] as number);
  return [row(0), row(1), row(2)];
}

/** Voxel position of a patient point. Throws RangeError for a singular affine. */
export function toVoxel(affine: readonly number[], mm: Point3): Point3 {
  const [a, b, c] = [readColumn(affine, 0), readColumn(affine, 1), readColumn(affine, 2)];
  const determinant = dot(a, cross(b, c));
  if (determinant === 0) throw new RangeError("The affine is singular: the image has no volume.");
  const p: Point3 = [mm[0] - (affine[3] as number), mm[1] - (affine[7] as number), mm[2] - (affine[11] as number)];
  return [dot(p, cross(b, c)) / determinant, dot(p, cross(c, a)) / determinant, dot(p, cross(a, b)) / determinant];
}

function cross(a: Point3, b: Point3): Point3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Volume of one voxel in mm³. */
export function computeVoxelMm3(affine: readonly number[]): number {
  return Math.abs(dot(readColumn(affine, 0), cross(readColumn(affine, 1), readColumn(affine, 2))));
}

/**
 * Half-extents in voxels of the ball of radius r mm: how far it reaches along i, j, k (r · sqrt((G⁻¹)ₐₐ)).
 * Infinity where the metric is degenerate.
 */
export function computeReach(metric: Metric, radiusMm: number): Point3 {
  const { ii, jj, kk, ij, ik, jk } = metric;
  const determinant = ii * (jj * kk - jk * jk) - ij * (ij * kk - jk * ik) + ik * (ij * jk - jj * ik);
  const reach = (cofactor: number): number => radiusMm * Math.sqrt(cofactor / determinant);
  return [reach(jj * kk - jk * jk), reach(ii * kk - ik * ik), reach(ii * jj - ij * ij)];
}
