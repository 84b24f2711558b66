/**
 * Which voxels a gesture may change: compiled once when it begins, then two table look-ups per voxel.
 *
 * A locked label never loses a voxel and never gains one. The paint-over mode restricts painting; erasing takes the
 * active label, or any; what reworks the active label's own voxels takes those alone. The intensity range restricts all
 * of them and compares stored integers.
 */

import type { LabelInfo, PaintLimits, ValueRange } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { toStoredRange } from "../volume/windowTable";

/** `paint` gives voxels a label, `erase` empties the active label's (or any label's), `take` gives its own away. */
export type Deed = "paint" | "erase" | "take";

export interface PaintRule {
  mayChange(index: number, present: number): boolean;
  /** the locked label in whose way the whole gesture stands; null when it can begin */
  readonly lockedLabel: number | null;
}

const LABEL_VALUES = 65536;

export function compilePaintRule(
  deed: Deed,
  value: number,
  activeLabel: number,
  limits: PaintLimits,
  labels: readonly LabelInfo[],
  image: ImageVolume,
): PaintRule {
  const allowed = new Uint8Array(LABEL_VALUES);
  const takesAny = deed === "erase" && limits.eraseAnyLabel;
  if (takesAny || (deed === "paint" && limits.over === "everything")) allowed.fill(1);
  else if (deed !== "paint") allowed[activeLabel] = 1;
  else allowed[typeof limits.over === "object" ? limits.over.label : 0] = 1;
  for (const label of labels) if (label.locked) allowed[label.value] = 0;
  const isLocked = (label: number): boolean => labels.some((info) => info.locked && info.value === label);
  const needed = deed === "paint" || takesAny ? [value] : [value, activeLabel];
  const isInRange = limits.range === null ? () => true : compileRange(limits.range, image);
  return {
    lockedLabel: needed.find(isLocked) ?? null,
    mayChange: (index, present) => allowed[present] === 1 && isInRange(index),
  };
}

/**
 * Whether a voxel's displayed value lies in a range, both ends included. RGB has no single value: nothing restricts it.
 * A voxel whose slab is not here yet lies in no range.
 */
export function compileRange(range: ValueRange, image: ImageVolume): (index: number) => boolean {
  if (image.info.channels === 3) return () => true;
  const { min, max } = toStoredRange(range.low, range.high, image.info);
  const slice = image.info.nx * image.info.ny;
  const isHere = (index: number): boolean => image.isComplete || image.hasSlice(Math.floor(index / slice));
  return (index) => {
    if (!isHere(index)) return false;
    const stored = image.readStored(index);
    return stored >= min && stored <= max;
  };
}
