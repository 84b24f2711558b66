/** A box of voxels or cells, both ends included: how an edit says what has to be painted again. */
import type { Point3 } from "../types";
import type { PlaneAxes } from "./planes";

export interface VoxelBox {
  readonly min: readonly [number, number, number];
  readonly max: readonly [number, number, number];
}

export interface CellBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The whole grid, or (`slice` given) one slice of it across voxel axis `axis`. */
export function boundGrid(size: Point3, axis = 2, slice: number | null = null): VoxelBox {
  const min: [number, number, number] = [0, 0, 0];
  const max: [number, number, number] = [size[0] - 1, size[1] - 1, size[2] - 1];
  if (slice !== null) {
    min[axis as 0 | 1 | 2] = slice;
    max[axis as 0 | 1 | 2] = slice;
  }
  return { min, max };
}

/** Grown by a margin of voxels along each axis, but never beyond `limit`. */
export function padBox(box: VoxelBox, margin: Point3, limit: VoxelBox): VoxelBox {
  const low = (axis: 0 | 1 | 2): number => Math.max(limit.min[axis], box.min[axis] - margin[axis]);
  const high = (axis: 0 | 1 | 2): number => Math.min(limit.max[axis], box.max[axis] + margin[axis]);
  return { min: [low(0), low(1), low(2)], max: [high(0), high(1), high(2)] };
}

/** The cells of a slice that a voxel box shows there; null when the box does not meet the slice. */
export function projectBox(axes: PlaneAxes, slice: number, box: VoxelBox): CellBox | null {
  const range = (axis: number): [number, number] => [box.min[axis as 0 | 1 | 2], box.max[axis as 0 | 1 | 2]];
  const [sliceMin, sliceMax] = range(axes.sliceAxis);
  if (slice < sliceMin || slice > sliceMax) return null;
  const [columnMin, columnMax] = range(axes.columnAxis);
  const [rowMin, rowMax] = range(axes.rowAxis);
  return {
    left: axes.columnFlip ? axes.columns - 1 - columnMax : columnMin,
    right: axes.columnFlip ? axes.columns - 1 - columnMin : columnMax,
    top: axes.rowFlip ? axes.rows - 1 - rowMax : rowMin,
    bottom: axes.rowFlip ? axes.rows - 1 - rowMin : rowMax,
  };
}

export function uniteCells(a: CellBox | null, b: CellBox): CellBox {
  if (a === null) return b;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** Grows as voxels are added; `take` hands the box over and begins an empty one. */
export class GrowingBox {
  private min: [number, number, number] = [Infinity, Infinity, Infinity];
  private max: [number, number, number] = [-Infinity, -Infinity, -Infinity];

  add(i: number, j: number, k: number): void {
    const { min, max } = this;
    if (i < min[0]) min[0] = i;
    if (i > max[0]) max[0] = i;
    if (j < min[1]) min[1] = j;
    if (j > max[1]) max[1] = j;
    if (k < min[2]) min[2] = k;
    if (k > max[2]) max[2] = k;
  }

  take(): VoxelBox | null {
    if (this.max[0] < this.min[0]) return null;
    const box: VoxelBox = { min: this.min, max: this.max };
    this.min = [Infinity, Infinity, Infinity];
    this.max = [-Infinity, -Infinity, -Infinity];
    return box;
  }
}
