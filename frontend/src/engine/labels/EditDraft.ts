/**
 * A gesture under way: writes voxels at once, so that views can show them, and becomes one Edit when the gesture ends.
 *
 * A gesture writes each voxel at most once with a new value (brush, eraser, fill and accept all do); then the first
 * `before` is the right one and no per-voxel map is needed. Writing a voxel twice is refused loudly by `finish`.
 */
import { GrowingBox } from "../geometry/box";
import type { Edit, LabelArray, Runs } from "../types";
import { makeLabelArray } from "./editCodec";
import type { LabelVolume } from "./LabelVolume";

/** 2^16 label values beside an index below 2^31 fit exactly into a double: the sort key. */
const KEY_SCALE = 65536;

export class EditDraft {
  /** what views have to paint again */
  readonly dirty = new GrowingBox();
  private keys = new Float64Array(1024);
  private length = 0;
  private isSorted = true;

  constructor(readonly labels: LabelVolume) {}

  get voxels(): number {
    return this.length;
  }

  write(index: number, i: number, j: number, k: number, value: number): void {
    const before = this.labels.read(index);
    if (before === value) return;
    this.labels.write(index, i, j, k, value);
    this.dirty.add(i, j, k);
    if (this.length === this.keys.length) {
      const grown = new Float64Array(2 * this.length);
      grown.set(this.keys);
      this.keys = grown;
    }
    const key = index * KEY_SCALE + before;
    if (this.length > 0 && key < (this.keys[this.length - 1] as number)) this.isSorted = false;
    this.keys[this.length++] = key;
  }

  /** The same for a voxel known by its number alone. */
  writeAt(index: number, value: number): void {
    const { nx, ny } = this.labels;
    const row = Math.floor(index / nx);
    const k = Math.floor(row / ny);
    this.write(index, index - row * nx, row - k * ny, k, value);
  }

  /** The gesture as one edit, or null when nothing changed. */
  finish(editId: string, tool: string, sourceRevisionId: string | null): Edit | null {
    if (this.length === 0) return null;
    const keys = this.keys.subarray(0, this.length);
    if (!this.isSorted) keys.sort();
    const before = makeLabelArray(this.labels.dtype, this.length);
    const values = makeLabelArray(this.labels.dtype, this.length);
    const starts: number[] = [];
    const lengths: number[] = [];
    let previous = -2;
    for (let n = 0; n < keys.length; n++) {
      const index = Math.floor((keys[n] as number) / KEY_SCALE);
      if (index === previous) throw new Error(`The tool ${tool} wrote voxel ${index} twice in one gesture.`);
      before[n] = (keys[n] as number) - index * KEY_SCALE;
      values[n] = this.labels.read(index);
      if (index === previous + 1) lengths[lengths.length - 1] = (lengths[lengths.length - 1] as number) + 1;
      else {
        starts.push(index);
        lengths.push(1);
      }
      previous = index;
    }
    const runs: Runs = { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values };
    return { editId, tool, sourceRevisionId, undoes: null, runs, before, voxels: values.length, checksums: null };
  }

  /** Puts everything back as it was. */
  cancel(): void {
    const { labels } = this;
    for (let n = 0; n < this.length; n++) {
      const key = this.keys[n] as number;
      const index = Math.floor(key / KEY_SCALE);
      const row = Math.floor(index / labels.nx);
      const [i, j, k] = [index - row * labels.nx, row % labels.ny, Math.floor(row / labels.ny)];
      labels.write(index, i, j, k, key - index * KEY_SCALE);
      this.dirty.add(i, j, k);
    }
    this.length = 0;
  }
}

/** Runs cut down to the voxels for which `keep` holds, and the same cut of a parallel array. */
export function selectVoxels(runs: Runs, values: LabelArray, keep: (index: number, at: number) => boolean): Runs {
  const starts: number[] = [];
  const lengths: number[] = [];
  const kept: number[] = [];
  let previous = -2;
  let at = 0;
  for (let run = 0; run < runs.starts.length; run++) {
    const start = runs.starts[run] as number;
    const end = start + (runs.lengths[run] as number);
    for (let index = start; index < end; index++, at++) {
      if (!keep(index, at)) continue;
      if (index === previous + 1) lengths[lengths.length - 1] = (lengths[lengths.length - 1] as number) + 1;
      else {
        starts.push(index);
        lengths.push(1);
      }
      kept.push(values[at] as number);
      previous = index;
    }
  }
  const cut = values.BYTES_PER_ELEMENT === 1 ? Uint8Array.from(kept) : Uint16Array.from(kept);
  return { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values: cut };
}
