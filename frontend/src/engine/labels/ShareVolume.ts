/**
 * A uint8 map of shares (0–255 = 0–1), as the server's uncertainty slabs carry it, kept as the stretches of each row
 * that can be seen: such maps are dark but for a rim around edges, so this is a few per cent of their dense size and
 * never more than twice it.
 */
import type { PlaneAxes } from "../geometry/planes";
import { computeCellSteps, SHARE_FLOOR, type ShareSlices } from "./LabelSlices";

/** One slab: stretches rowEnds[r] … rowEnds[r + 1] − 1 belong to row r; stretch s holds values[offsets[s]] onwards. */
export interface ShareSlab {
  readonly rowEnds: Uint32Array<ArrayBuffer>;
  readonly starts: Uint16Array<ArrayBuffer>;
  readonly offsets: Uint32Array<ArrayBuffer>;
  readonly values: Uint8Array<ArrayBuffer>;
}

/** Dense slab bytes (x fastest) → stretches at or above SHARE_FLOOR. Throws RangeError when the bytes are no whole rows. */
export function buildShareSlab(bytes: ArrayBuffer, nx: number): ShareSlab {
  const dense = new Uint8Array(bytes);
  const rows = dense.length / nx;
  if (!Number.isInteger(rows) || nx > 65535) throw new RangeError(`${dense.length} bytes are no rows of ${nx}.`);
  const rowEnds = new Uint32Array(rows + 1);
  const starts: number[] = [];
  const offsets: number[] = [0];
  const values = new Uint8Array(dense.length);
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * nx;
    for (let at = row * nx; at < end; at++) {
      if ((dense[at] as number) < SHARE_FLOOR) continue;
      starts.push(at - row * nx);
      for (; at < end && (dense[at] as number) >= SHARE_FLOOR; at++) values[kept++] = dense[at] as number;
      offsets.push(kept);
    }
    rowEnds[row + 1] = starts.length;
  }
  return {
    rowEnds,
    starts: Uint16Array.from(starts),
    offsets: Uint32Array.from(offsets),
    values: values.slice(0, kept),
  };
}

export class ShareVolume implements ShareSlices {
  private readonly slabs: (ShareSlab | null)[];
  private loaded = 0;

  constructor(
    readonly nx: number,
    readonly ny: number,
    readonly nz: number,
    readonly slabDepth: number,
  ) {
    this.slabs = new Array<ShareSlab | null>(Math.ceil(nz / slabDepth)).fill(null);
  }

  get slabCount(): number {
    return this.slabs.length;
  }

  get slabsLoaded(): number {
    return this.loaded;
  }

  /** Throws RangeError when the slab has not as many rows as its place in the grid. */
  putSlab(at: number, slab: ShareSlab): void {
    const rows = this.ny * Math.min(this.slabDepth, this.nz - at * this.slabDepth);
    if (slab.rowEnds.length !== rows + 1)
      throw new RangeError(`Slab ${at} of a share map has ${slab.rowEnds.length - 1} rows instead of ${rows}.`);
    if (this.slabs[at] === null) this.loaded += 1;
    this.slabs[at] = slab;
  }

  get isComplete(): boolean {
    return this.loaded === this.slabs.length;
  }

  /** The kept shares of each slice across voxel axis 0, 1 or 2, summed; 255 a voxel is the most. */
  sumSlices(axis: 0 | 1 | 2): Float64Array {
    const sums = new Float64Array([this.nx, this.ny, this.nz][axis] as number);
    this.slabs.forEach((slab, at) => {
      if (slab === null) return;
      for (let row = 0; row + 1 < slab.rowEnds.length; row++) {
        const k = at * this.slabDepth + Math.floor(row / this.ny);
        for (let n = slab.rowEnds[row] as number; n < (slab.rowEnds[row + 1] as number); n++) {
          const first = slab.offsets[n] as number;
          for (let into = first; into < (slab.offsets[n + 1] as number); into++) {
            const slice = axis === 0 ? (slab.starts[n] as number) + into - first : axis === 1 ? row % this.ny : k;
            sums[slice] = (sums[slice] as number) + (slab.values[into] as number);
          }
        }
      }
    });
    return sums;
  }

  readShare(i: number, j: number, k: number): number {
    const at = Math.floor(k / this.slabDepth);
    const slab = this.slabs[at];
    if (!slab) return 0;
    const row = j + this.ny * (k - at * this.slabDepth);
    const last = slab.rowEnds[row + 1] as number;
    for (let n = slab.rowEnds[row] as number; n < last; n++) {
      const into = i - (slab.starts[n] as number);
      const offset = slab.offsets[n] as number;
      if (into >= 0 && into < (slab.offsets[n + 1] as number) - offset) return slab.values[offset + into] as number;
    }
    return 0;
  }

  readShares(axes: PlaneAxes, slice: number, cells: Uint8Array): void {
    cells.fill(0);
    const steps = computeCellSteps(axes);
    const low = [0, 0, 0];
    const high = [this.nx, this.ny, this.nz];
    low[axes.sliceAxis] = slice;
    high[axes.sliceAxis] = slice + 1;
    const [iLow, jLow, kLow] = low as [number, number, number];
    const [iHigh, jHigh, kHigh] = high as [number, number, number];
    for (let k = kLow; k < kHigh; k++) {
      const at = Math.floor(k / this.slabDepth);
      const slab = this.slabs[at];
      if (!slab || slab.starts.length === 0) continue;
      const { rowEnds, starts, offsets, values } = slab;
      const firstRow = this.ny * (k - at * this.slabDepth);
      for (let j = jLow; j < jHigh; j++) {
        const last = rowEnds[firstRow + j + 1] as number;
        const base = steps.base + j * steps.j + k * steps.k;
        for (let n = rowEnds[firstRow + j] as number; n < last; n++) {
          const start = starts[n] as number;
          const offset = offsets[n] as number;
          const end = Math.min(start + (offsets[n + 1] as number) - offset, iHigh);
          for (let i = Math.max(start, iLow); i < end; i++)
            cells[base + i * steps.i] = values[offset + i - start] as number;
        }
      }
    }
  }
}
