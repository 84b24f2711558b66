/** Fill: one click gives the connected region of equal label the active one, in the slice or through the volume. */

import { nearestVoxel } from "../geometry/viewTransform";
import { EditDraft } from "../labels/EditDraft";
import type { LabelVolume } from "../labels/LabelVolume";
import type { PaintRule } from "../labels/PaintRule";
import { makeBrushRange } from "../ops/capsule";
import { findConnected } from "../ops/flood";
import type { Gesture, Sample } from "./Gesture";

export interface FillOrder {
  readonly value: number;
  readonly is3D: boolean;
  readonly rule: PaintRule;
  readonly editId: string;
}

/** Above this the fill is refused: nearly always a leak into the background. */
export const FILL_LIMIT_VOXELS = 5_000_000;

/** Null when the region is larger than the limit. A click outside the grid gives a gesture that changes nothing. */
export function startFill(labels: LabelVolume, order: FillOrder, sample: Sample): Gesture | null {
  const draft = new EditDraft(labels);
  const [i, j, k] = nearestVoxel(sample.ijk);
  const isInside = i >= 0 && j >= 0 && k >= 0 && i < labels.nx && j < labels.ny && k < labels.nz;
  if (isInside) {
    const size = [labels.nx, labels.ny, labels.nz] as const;
    const range = makeBrushRange(size, sample.axes.sliceAxis, sample.slice, order.is3D);
    const present = labels.voxels[i + labels.nx * (j + labels.ny * k)] as number;
    const mayEnter = (index: number): boolean => order.rule.mayChange(index, present);
    const region =
      present === order.value
        ? new Float64Array(0)
        : findConnected(labels, [i, j, k], range, mayEnter, FILL_LIMIT_VOXELS);
    if (region === null) return null;
    for (const index of region) {
      const row = Math.floor(index / labels.nx);
      draft.write(index, index - row * labels.nx, row % labels.ny, Math.floor(row / labels.ny), order.value);
    }
  }
  return {
    move: () => null,
    takeDirty: () => draft.dirty.take(),
    finish: () => draft.finish(order.editId, order.is3D ? "fill3d" : "fill", null),
    cancel: () => draft.cancel(),
  };
}
