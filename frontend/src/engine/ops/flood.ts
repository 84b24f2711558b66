/** Flood fill over equal labels: 4-connected in one slice, 6-connected in the volume. */
import type { VoxelBox } from "../geometry/box";
import type { LabelVolume } from "../labels/LabelVolume";
import type { Point3 } from "../types";
import { Bits } from "./bits";

/** A stretch along x: voxels start … end − 1 of row (j, k). */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly j: number;
  readonly k: number;
}

/**
 * Spans of voxels connected to `seed` through equal labels and `mayEnter`, within `range` (one slice, or the grid), in
 * ascending order. Null when they hold more than `limit` voxels: ask the reader first.
 */
export function findConnected(
  labels: LabelVolume,
  seed: Point3,
  range: VoxelBox,
  mayEnter: (index: number) => boolean,
  limit: number,
): readonly Span[] | null {
  const { nx, ny } = labels;
  const rowStart = (j: number, k: number): number => nx * (j + ny * k);
  const value = labels.read(seed[0] + rowStart(seed[1], seed[2]));
  const base = range.min[0] + rowStart(range.min[1], range.min[2]);
  const visited = new Bits(range.max[0] + rowStart(range.max[1], range.max[2]) - base + 1);
  const isOpen = (index: number): boolean =>
    labels.read(index) === value && !visited.has(index - base) && mayEnter(index);
  const found: Span[] = [];
  const waiting: Point3[] = [seed];
  let count = 0;

  /** Beginnings of open stretches beside a span. */
  const lookBeside = (start: number, end: number, j: number, k: number): void => {
    if (j < range.min[1] || j > range.max[1] || k < range.min[2] || k > range.max[2]) return;
    const row = rowStart(j, k);
    for (let i = start; i < end; i++) {
      if (isOpen(row + i) && (i === start || !isOpen(row + i - 1))) waiting.push([i, j, k]);
    }
  };

  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [i, j, k] = next;
    const row = rowStart(j, k);
    if (!isOpen(row + i)) continue;
    let start = i;
    while (start > range.min[0] && isOpen(row + start - 1)) start--;
    let end = i + 1;
    while (end <= range.max[0] && isOpen(row + end)) end++;
    for (let at = start; at < end; at++) visited.set(row + at - base);
    found.push({ start, end, j, k });
    count += end - start;
    if (count > limit) return null;
    lookBeside(start, end, j - 1, k);
    lookBeside(start, end, j + 1, k);
    lookBeside(start, end, j, k - 1);
    lookBeside(start, end, j, k + 1);
  }
  return found.sort((a, b) => a.k - b.k || a.j - b.j || a.start - b.start);
}
