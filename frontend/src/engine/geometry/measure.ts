/** Lengths and areas on a voxel grid by the metric G, so that sheared and anisotropic grids are right. */
import type { ImageInfo, Point3 } from "../types";
import type { Metric } from "./affine";
import type { PlaneAxes } from "./planes";

/** Whether the image's geometry allows lengths: SAFETY.md section 3 gives uneven and uncalibrated grids none. */
export function hasLengths(image: Pick<ImageInfo, "geometry">): boolean {
  return image.geometry === "regular" || image.geometry === "sheared";
}

/** mm between two voxel positions: sqrt(ΔᵀGΔ). */
export function computeLengthMm(metric: Metric, from: Point3, to: Point3): number {
  const [i, j, k] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  const { ii, jj, kk, ij, ik, jk } = metric;
  return Math.sqrt(ii * i * i + jj * j * j + kk * k * k + 2 * (ij * i * j + ik * i * k + jk * j * k));
}

/** mm² of one voxel's face in a plane: the parallelogram of its column and row steps, sqrt(G_cc·G_rr − G_cr²). */
export function computeCellAreaMm2(metric: Metric, axes: Pick<PlaneAxes, "columnAxis" | "rowAxis">): number {
  const { ii, jj, kk, ij, ik, jk } = metric;
  const table = [
    [ii, ij, ik],
    [ij, jj, jk],
    [ik, jk, kk],
  ];
  const read = (a: number, b: number): number => (table[a] as number[])[b] as number;
  const across = read(axes.columnAxis, axes.rowAxis);
  return Math.sqrt(read(axes.columnAxis, axes.columnAxis) * read(axes.rowAxis, axes.rowAxis) - across * across);
}
