/**
 * Which voxels a gesture may change: compiled once when it begins, then two table look-ups per voxel.
 *
 * A locked label never loses a voxel and never gains one. The paint-over mode restricts painting; the eraser has its
 * own rule (the active label, or any). The intensity range restricts both and compares stored integers.
 */

import type { LabelInfo, PaintLimits } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { toStoredRange } from "../volume/windowTable";

export interface PaintRule {
  mayChange(index: number, present: number): boolean;
  /** false: the label to be written is locked, so the gesture does nothing */
  readonly mayWrite: boolean;
}

const LABEL_VALUES = 65536;

export function compilePaintRule(
  value: number,
  activeLabel: number,
  limits: PaintLimits,
  labels: readonly LabelInfo[],
  image: ImageVolume,
): PaintRule {
  const allowed = new Uint8Array(LABEL_VALUES);
  if (value === 0) {
    if (limits.eraseAnyLabel) allowed.fill(1);
    else allowed[activeLabel] = 1;
  } else if (limits.over === "everything") allowed.fill(1);
  else allowed[limits.over === "background" ? 0 : limits.over.label] = 1;
  for (const label of labels) if (label.locked) allowed[label.value] = 0;
  const mayWrite = !labels.some((label) => label.locked && label.value === value);
  const isInRange = compileRange(limits, image);
  return { mayWrite, mayChange: (index, present) => allowed[present] === 1 && isInRange(index) };
}

/** RGB has no single value, so a range does not restrict it. */
function compileRange(limits: PaintLimits, image: ImageVolume): (index: number) => boolean {
  if (limits.range === null || image.info.channels === 3) return () => true;
  const { min, max } = toStoredRange(limits.range.low, limits.range.high, image.info);
  return (index) => {
    const stored = image.readStored(index);
    return stored >= min && stored <= max;
  };
}
