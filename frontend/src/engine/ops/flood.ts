/** Flood fill over equal labels: 4-connected in one slice, 6-connected in the volume. */
import type { LabelVolume } from "../labels/LabelVolume";
import type { Point3 } from "../types";
import type { VoxelRange } from "./capsule";

/** One bit per voxel of a range: no Map, no Set, 10 MB for 512×512×300. */
class VisitedBits {
  private readonly words: Uint32Array;
  constructor(voxels: number) {
    this.words = new Uint32Array(Math.ceil(voxels / 32));
  }

  /** True the first time. */
  mark(index: number): boolean {
    const word = Math.floor(index / 32);
    const bit = 1 << (index % 32);
    const present = this.words[word] as number;
    if ((present & bit) !== 0) return false;
    this.words[word] = present | bit;
    return true;
  }
}

/**
 * Voxel indices connected to `seed` through equal labels and `mayEnter`, within `range` (one slice, or the grid).
 * Unsorted. Null when there are more than `limit`: ask the reader first.
 */
export function findConnected(
  labels: LabelVolume,
  seed: Point3,
  range: VoxelRange,
  mayEnter: (index: number) => boolean,
  limit: number,
): Float64Array | null {
  const { nx, ny, voxels } = labels;
  const at = (i: number, j: number, k: number): number => i + nx * (j + ny * k);
  const value = voxels[at(seed[0], seed[1], seed[2])];
  const base = at(range.min[0], range.min[1], range.min[2]);
  const visited = new VisitedBits(at(range.max[0], range.max[1], range.max[2]) - base + 1);
  const found = new GrowingIndices();
  const enter = (i: number, j: number, k: number): void => {
    const index = at(i, j, k);
    if (voxels[index] === value && visited.mark(index - base) && mayEnter(index)) found.push(index);
  };
  enter(seed[0], seed[1], seed[2]);
  for (let next = 0; next < found.length; next++) {
    if (found.length > limit) return null;
    const row = Math.floor(found.at(next) / nx);
    const i = found.at(next) - row * nx;
    const j = row % ny;
    const k = Math.floor(row / ny);
    if (i > range.min[0]) enter(i - 1, j, k);
    if (i < range.max[0]) enter(i + 1, j, k);
    if (j > range.min[1]) enter(i, j - 1, k);
    if (j < range.max[1]) enter(i, j + 1, k);
    if (k > range.min[2]) enter(i, j, k - 1);
    if (k < range.max[2]) enter(i, j, k + 1);
  }
  return found.take();
}

class GrowingIndices {
  length = 0;
  private indices = new Float64Array(4096);

  push(index: number): void {
    if (this.length === this.indices.length) {
      const grown = new Float64Array(2 * this.length);
      grown.set(this.indices);
      this.indices = grown;
    }
    this.indices[this.length++] = index;
  }

  at(n: number): number {
    return this.indices[n] as number;
  }

  take(): Float64Array {
    return this.indices.subarray(0, this.length);
  }
}
