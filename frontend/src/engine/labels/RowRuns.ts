/**
 * A read-only label map (an expert's reading, a prediction) as runs along x: about 1 % of its dense size.
 *
 * Kept in the slabs it came in; rows are numbered j + ny · (k − first slice of the slab). Runs cover non-zero labels
 * only, half-open [start, end). A slab that is not here yet reads as background.
 */
import type { PlaneAxes } from "../geometry/planes";
import type { LabelArray, LabelType } from "../types";
import { makeLabelArray } from "./editCodec";
import { computeCellSteps, type LabelSlices } from "./LabelSlices";

/** One slab: the runs of row r are rowEnds[r] … rowEnds[r + 1] − 1. */
export interface RowRunSlab {
  readonly rowEnds: Uint32Array<ArrayBuffer>;
  readonly starts: Uint16Array<ArrayBuffer>;
  readonly ends: Uint16Array<ArrayBuffer>;
  readonly values: LabelArray;
}

/** Dense slab bytes (x fastest) → runs. Throws RangeError when the bytes are no whole rows. */
export function buildRowRuns(bytes: ArrayBuffer, nx: number, dtype: LabelType): RowRunSlab {
  const dense = dtype === "uint8" ? new Uint8Array(bytes) : new Uint16Array(bytes);
  const rows = dense.length / nx;
  if (!Number.isInteger(rows) || nx > 65535)
    throw new RangeError(`${bytes.byteLength} label bytes are no rows of ${nx}.`);
  const rowEnds = new Uint32Array(rows + 1);
  const starts: number[] = [];
  const ends: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    const first = row * nx;
    let x = 0;
    while (x < nx) {
      const value = dense[first + x] as number;
      const start = x;
      do x++;
      while (x < nx && dense[first + x] === value);
      if (value === 0) continue;
      starts.push(start);
      ends.push(x);
      values.push(value);
    }
    rowEnds[row + 1] = starts.length;
  }
  const packed = makeLabelArray(dtype, values.length);
  packed.set(values);
  return { rowEnds, starts: Uint16Array.from(starts), ends: Uint16Array.from(ends), values: packed };
}

/** The inverse: writes a slab's rows, and background between them; null = an empty slab. */
export function fillRows(voxels: LabelArray, slab: RowRunSlab | null, nx: number): void {
  voxels.fill(0);
  if (slab === null) return;
  const { rowEnds, starts, ends, values } = slab;
  for (let row = 0; row < rowEnds.length - 1; row++) {
    const last = rowEnds[row + 1] as number;
    for (let run = rowEnds[row] as number; run < last; run++) {
      voxels.fill(values[run] as number, row * nx + (starts[run] as number), row * nx + (ends[run] as number));
    }
  }
}

export class RowRuns implements LabelSlices {
  private readonly slabs: (RowRunSlab | null)[];
  private loaded = 0;

  constructor(
    readonly nx: number,
    readonly ny: number,
    readonly nz: number,
    readonly slabDepth: number,
  ) {
    this.slabs = new Array<RowRunSlab | null>(Math.ceil(nz / slabDepth)).fill(null);
  }

  /** Throws RangeError when the slab has not as many rows as its place in the grid. */
  putSlab(slab: number, runs: RowRunSlab): void {
    const rows = this.ny * Math.min(this.slabDepth, this.nz - slab * this.slabDepth);
    if (runs.rowEnds.length !== rows + 1) {
      throw new RangeError(`Label slab ${slab} has ${runs.rowEnds.length - 1} rows instead of ${rows}.`);
    }
    if (this.slabs[slab] === null) this.loaded += 1;
    this.slabs[slab] = runs;
  }

  get slabCount(): number {
    return this.slabs.length;
  }

  get slabsLoaded(): number {
    return this.loaded;
  }

  get isComplete(): boolean {
    return this.slabsLoaded === this.slabs.length;
  }

  /** Calls `visit` for each run of row (j, k) in ascending x. */
  forEachRun(j: number, k: number, visit: (start: number, end: number, value: number) => void): void {
    const at = Math.floor(k / this.slabDepth);
    const slab = this.slabs[at];
    if (!slab) return;
    const row = j + this.ny * (k - at * this.slabDepth);
    const last = slab.rowEnds[row + 1] as number;
    for (let run = slab.rowEnds[row] as number; run < last; run++) {
      visit(slab.starts[run] as number, slab.ends[run] as number, slab.values[run] as number);
    }
  }

  /** Calls `visit` for each run of one label in the whole map. */
  forEachRunOf(label: number, visit: (j: number, k: number, start: number, end: number) => void): void {
    this.slabs.forEach((slab, at) => {
      if (slab === null || slab.starts.length === 0) return;
      for (let row = 0; row < slab.rowEnds.length - 1; row++) {
        const last = slab.rowEnds[row + 1] as number;
        for (let run = slab.rowEnds[row] as number; run < last; run++) {
          if (slab.values[run] !== label) continue;
          const k = at * this.slabDepth + Math.floor(row / this.ny);
          visit(row % this.ny, k, slab.starts[run] as number, slab.ends[run] as number);
        }
      }
    });
  }

  /** The slabs as they came, for whoever builds the same map in another thread. Throws where some are missing. */
  listSlabs(): readonly RowRunSlab[] {
    return this.slabs.map((slab, at) => {
      if (slab === null) throw new Error(`Part ${at + 1} of ${this.slabs.length} of a label map is not here yet.`);
      return slab;
    });
  }

  readVoxel(i: number, j: number, k: number): number {
    let found = 0;
    this.forEachRun(j, k, (start, end, value) => {
      if (i >= start && i < end) found = value;
    });
    return found;
  }

  /** Fills `cells` (columns × rows of the plane, as displayed) with one slice's labels. */
  readSlice(axes: PlaneAxes, slice: number, cells: LabelArray): void {
    cells.fill(0);
    const steps = computeCellSteps(axes);
    const low = [0, 0, 0];
    const high = [this.nx, this.ny, this.nz];
    low[axes.sliceAxis] = slice;
    high[axes.sliceAxis] = slice + 1;
    const [iLow, jLow, kLow] = low as [number, number, number];
    const [iHigh, jHigh, kHigh] = high as [number, number, number];
    // Written out, not with forEachRun: a sagittal slice visits every row of the volume, most of them empty.
    for (let k = kLow; k < kHigh; k++) {
      const at = Math.floor(k / this.slabDepth);
      const slab = this.slabs[at];
      if (!slab || slab.starts.length === 0) continue;
      const { rowEnds, starts, ends, values } = slab;
      const firstRow = this.ny * (k - at * this.slabDepth);
      for (let j = jLow; j < jHigh; j++) {
        const lastRun = rowEnds[firstRow + j + 1] as number;
        const base = steps.base + j * steps.j + k * steps.k;
        for (let run = rowEnds[firstRow + j] as number; run < lastRun; run++) {
          const end = Math.min(ends[run] as number, iHigh);
          const value = values[run] as number;
          for (let i = Math.max(starts[run] as number, iLow); i < end; i++) cells[base + i * steps.i] = value;
        }
      }
    }
  }
}
