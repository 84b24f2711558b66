/**
 * A box of the grid as one byte per voxel, x fastest: what operations on shapes work on instead of the whole volume.
 * A slice is a box of thickness 1, so the same operation serves the slice and the volume, in every plane.
 */
import type { VoxelBox } from "../geometry/box";
import type { LabelVolume } from "../labels/LabelVolume";
import type { Point3 } from "../types";

export interface Mask {
  readonly box: VoxelBox;
  /** voxels along i, j, k */
  readonly size: Point3;
  /** 1 inside, 0 outside */
  readonly cells: Uint8Array;
}

export function makeMask(box: VoxelBox): Mask {
  const { min, max } = box;
  const size: Point3 = [max[0] - min[0] + 1, max[1] - min[1] + 1, max[2] - min[2] + 1];
  return { box, size, cells: new Uint8Array(size[0] * size[1] * size[2]) };
}

/** Visits the rows of a mask: `first` is the row's first cell, `index` that voxel's number in the grid. */
export function forEachRow(
  mask: Mask,
  labels: LabelVolume,
  visit: (first: number, index: number, j: number, k: number) => void,
): void {
  const { box, size } = mask;
  let first = 0;
  for (let k = box.min[2]; k <= box.max[2]; k++) {
    for (let j = box.min[1]; j <= box.max[1]; j++) {
      visit(first, box.min[0] + labels.nx * (j + labels.ny * k), j, k);
      first += size[0];
    }
  }
}

/** 1 where the map has this label. */
export function cutMask(labels: LabelVolume, box: VoxelBox, label: number): Mask {
  const mask = makeMask(box);
  const width = mask.size[0];
  forEachRow(mask, labels, (first, index) => {
    for (let x = 0; x < width; x++) mask.cells[first + x] = labels.read(index + x) === label ? 1 : 0;
  });
  return mask;
}

/** The smallest box around a label's voxels within another box; null when it has none there. */
export function boundLabel(labels: LabelVolume, label: number, within: VoxelBox): VoxelBox | null {
  const min: [number, number, number] = [Infinity, Infinity, Infinity];
  const max: [number, number, number] = [-1, -1, -1];
  const { nx, ny } = labels;
  for (let k = within.min[2]; k <= within.max[2]; k++) {
    if (label !== 0 && labels.isSliceEmpty(k)) continue;
    for (let j = within.min[1]; j <= within.max[1]; j++) {
      const row = nx * (j + ny * k);
      let first = within.min[0];
      while (first <= within.max[0] && labels.read(row + first) !== label) first++;
      if (first > within.max[0]) continue;
      let last = within.max[0];
      while (labels.read(row + last) !== label) last--;
      min[0] = Math.min(min[0], first);
      max[0] = Math.max(max[0], last);
      min[1] = Math.min(min[1], j);
      max[1] = Math.max(max[1], j);
      min[2] = Math.min(min[2], k);
      max[2] = k;
    }
  }
  return max[2] < 0 ? null : { min, max };
}
