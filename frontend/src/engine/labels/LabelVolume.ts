/**
 * The label map being drawn, x fastest, on exactly the image's grid.
 *
 * Only edits change it (`applyRuns`, and `EditDraft` while a gesture is under way). Beside the voxels it keeps what the
 * page shows at every moment and a full scan would be too slow for: voxels per label, non-empty voxels per slice along
 * each axis, and the axial slices touched since the last checksum.
 */
import type { LabelArray, LabelType, Point3, Runs, SliceChecksum } from "../types";
import { crc32 } from "./checksum";
import { makeLabelArray } from "./editCodec";
import { type LabelStore, makeLabelStore } from "./LabelStore";

export class LabelVolume {
  /** voxels of the grid */
  readonly size: number;
  readonly dims: Point3;
  readonly bytesPerVoxel: 1 | 2;
  private readonly perLabel: Float64Array;
  private readonly perSlice: readonly [Uint32Array, Uint32Array, Uint32Array];
  private readonly touched: Uint8Array;

  constructor(
    readonly nx: number,
    readonly ny: number,
    readonly nz: number,
    readonly dtype: LabelType,
    private readonly store: LabelStore = makeLabelStore({ nx, ny, nz }, dtype, true),
  ) {
    this.size = nx * ny * nz;
    this.dims = [nx, ny, nz];
    this.bytesPerVoxel = dtype === "uint8" ? 1 : 2;
    this.perLabel = new Float64Array(dtype === "uint8" ? 256 : 65536);
    this.perLabel[0] = this.size;
    this.touched = new Uint8Array(nz);
    this.perSlice = [new Uint32Array(nx), new Uint32Array(ny), new Uint32Array(nz)];
  }

  /** Loads slices from `firstSlice` on, over empty ones. Throws RangeError when the bytes are no whole slices of the grid. */
  putSlices(firstSlice: number, bytes: ArrayBuffer): void {
    const slice = this.nx * this.ny;
    const slices = bytes.byteLength / this.bytesPerVoxel / slice;
    if (!Number.isInteger(slices) || firstSlice + slices > this.nz) {
      throw new RangeError(`${bytes.byteLength} label bytes do not fit the grid from slice ${firstSlice} on.`);
    }
    const start = firstSlice * slice;
    const loaded = this.bytesPerVoxel === 1 ? new Uint8Array(bytes) : new Uint16Array(bytes);
    for (let index = start; index < start + slices * slice; index++) {
      const value = loaded[index - start] as number;
      if (value === 0) continue;
      this.store.write(index, value);
      const row = Math.floor(index / this.nx);
      this.count(index - row * this.nx, row % this.ny, Math.floor(row / this.ny), 0, value);
    }
  }

  read(index: number): number {
    return this.store.read(index);
  }

  /** Slices first … end − 1, to be read at once and not written to. */
  readSlices(first = 0, end = this.nz): LabelArray {
    return this.store.readSlices(first, end);
  }

  /** Writes one voxel and keeps the counts. `index` must be i + nx · (j + ny · k). */
  write(index: number, i: number, j: number, k: number, value: number): void {
    const before = this.store.read(index);
    if (before === value) return;
    this.store.write(index, value);
    this.count(i, j, k, before, value);
    this.touched[k] = 1;
  }

  private count(i: number, j: number, k: number, before: number, after: number): void {
    this.perLabel[before] = (this.perLabel[before] as number) - 1;
    this.perLabel[after] = (this.perLabel[after] as number) + 1;
    const change = (before === 0 ? 0 : -1) + (after === 0 ? 0 : 1);
    if (change === 0) return;
    const [perI, perJ, perK] = this.perSlice;
    perI[i] = (perI[i] as number) + change;
    perJ[j] = (perJ[j] as number) + change;
    perK[k] = (perK[k] as number) + change;
  }

  /** Applies an edit and returns the values before, in the order of `runs.values`. Runs must lie inside the grid. */
  applyRuns(runs: Runs): LabelArray {
    const before = makeLabelArray(this.dtype, runs.values.length);
    let at = 0;
    for (let run = 0; run < runs.starts.length; run++) {
      let index = runs.starts[run] as number;
      const end = index + (runs.lengths[run] as number);
      const row = Math.floor(index / this.nx);
      let i = index - row * this.nx;
      let j = row % this.ny;
      let k = Math.floor(row / this.ny);
      for (; index < end; index++, at++) {
        before[at] = this.store.read(index);
        this.write(index, i, j, k, runs.values[at] as number);
        if (++i < this.nx) continue;
        i = 0;
        if (++j < this.ny) continue;
        j = 0;
        k++;
      }
    }
    return before;
  }

  /** The whole map as an edit on an empty one. */
  toRuns(): Runs {
    const starts: number[] = [];
    const lengths: number[] = [];
    let count = 0;
    for (let index = 0; index < this.size; index++) {
      if (this.store.read(index) === 0) continue;
      const start = index;
      while (index < this.size && this.store.read(index) !== 0) index++;
      starts.push(start);
      lengths.push(index - start);
      count += index - start;
    }
    const values = makeLabelArray(this.dtype, count);
    let at = 0;
    starts.forEach((start, run) => {
      const end = start + (lengths[run] as number);
      for (let index = start; index < end; index++) values[at++] = this.store.read(index);
    });
    return { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values };
  }

  countVoxels(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (let value = 1; value < this.perLabel.length; value++) {
      const voxels = this.perLabel[value] as number;
      if (voxels > 0) counts.set(value, voxels);
    }
    return counts;
  }

  /** Slices across voxel axis 0, 1 or 2 that hold any label. */
  listDrawnSlices(axis: number): readonly number[] {
    const drawn: number[] = [];
    this.perSlice[axis as 0 | 1 | 2].forEach((voxels, slice) => {
      if (voxels > 0) drawn.push(slice);
    });
    return drawn;
  }

  /** Whether a slice across voxel axis 0, 1 or 2 holds no label at all. */
  isSliceEmpty(slice: number, axis: 0 | 1 | 2 = 2): boolean {
    return this.perSlice[axis][slice] === 0;
  }

  /** CRC-32 of the axial slices touched since the last call, ascending. */
  takeChecksums(): readonly SliceChecksum[] {
    const checksums: SliceChecksum[] = [];
    this.touched.forEach((isTouched, z) => {
      if (isTouched === 1) checksums.push({ z, crc32: this.checksum(z) });
    });
    this.touched.fill(0);
    return checksums;
  }

  private checksum(z: number): number {
    const { buffer, byteOffset, byteLength } = this.readSlices(z, z + 1);
    return crc32(new Uint8Array(buffer, byteOffset, byteLength));
  }
}
