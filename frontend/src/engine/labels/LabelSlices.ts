/** What a layer needs of a read-only label map, wherever its labels come from: one reading, or the majority of several. */
import type { PlaneAxes } from "../geometry/planes";
import type { LabelArray } from "../types";

export interface LabelSlices {
  /** counts what has arrived: the same number means the same labels in every slice */
  readonly slabsLoaded: number;
  /** Fills `cells` (columns × rows of the plane, as displayed) with one slice's labels. */
  readSlice(axes: PlaneAxes, slice: number, cells: LabelArray): void;
}

/** A share of 0–1 per voxel, as 0–255: how unsure a model is, how much readers disagree. */
export interface ShareSlices {
  readonly slabsLoaded: number;
  /** Fills `cells` (columns × rows of the plane, as displayed); below SHARE_FLOOR a cell may read as 0. */
  readShares(axes: PlaneAxes, slice: number, cells: Uint8Array): void;
  readShare(i: number, j: number, k: number): number;
}

/** Shares under 0.1 are shown transparent and need not be kept (VIEWER.md, section 6). */
export const SHARE_FLOOR = 26;

/** Cell number in a displayed slice = base + i · i + j · j + k · k; the axis through the slice counts nothing. */
export function computeCellSteps(axes: PlaneAxes): { base: number; i: number; j: number; k: number } {
  const steps = [0, 0, 0];
  steps[axes.columnAxis] = axes.columnFlip ? -1 : 1;
  steps[axes.rowAxis] = axes.rowFlip ? -axes.columns : axes.columns;
  const base = (axes.columnFlip ? axes.columns - 1 : 0) + (axes.rowFlip ? (axes.rows - 1) * axes.columns : 0);
  const [i, j, k] = steps as [number, number, number];
  return { base, i, j, k };
}
