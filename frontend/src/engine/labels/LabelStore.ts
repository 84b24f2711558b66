/**
 * Where the voxels of the map being drawn lie: in one array; or, where a tab has no room for that, slab by slab as the
 * stretches of their rows, with the few slabs used last unpacked. Both are read and written at once, so every tool, undo
 * and the journal work on either; packed, whatever strides across slabs is slow.
 */
import type { LabelArray, LabelType } from "../types";
import { makeLabelArray } from "./editCodec";
import { buildRowRuns, fillRows, type RowRunSlab } from "./RowRuns";

export interface LabelStore {
  read(index: number): number;
  write(index: number, value: number): void;
  /** Slices first … end − 1, to be read at once and not written to. */
  readSlices(first: number, end: number): LabelArray;
}

export interface LabelGrid {
  readonly nx: number;
  readonly ny: number;
  readonly nz: number;
}

/** `isRoomy`: the tab may hold the whole map. What it then cannot allocate is packed all the same. */
export function makeLabelStore(grid: LabelGrid, dtype: LabelType, isRoomy: boolean): LabelStore {
  if (!isRoomy) return new PackedLabels(grid, dtype);
  try {
    return new DenseLabels(grid, dtype);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new PackedLabels(grid, dtype);
  }
}

export class DenseLabels implements LabelStore {
  private readonly voxels: LabelArray;
  private readonly slice: number;

  /** Throws RangeError when the tab cannot allocate it. */
  constructor({ nx, ny, nz }: LabelGrid, dtype: LabelType) {
    this.slice = nx * ny;
    this.voxels = makeLabelArray(dtype, this.slice * nz);
  }

  read(index: number): number {
    return this.voxels[index] as number;
  }

  write(index: number, value: number): void {
    this.voxels[index] = value;
  }

  readSlices(first: number, end: number): LabelArray {
    return this.voxels.subarray(first * this.slice, end * this.slice);
  }
}

const SLAB_SLICES = 8;
const UNPACKED_SLABS = 4;

interface Page {
  readonly voxels: LabelArray;
  isChanged: boolean;
}

export class PackedLabels implements LabelStore {
  private readonly packed: (RowRunSlab | null)[];
  /** unpacked slabs, the one unused for longest first */
  private readonly pages = new Map<number, Page>();
  private readonly empty: Page;
  private readonly slabVoxels: number;
  /** the slab read or written last, and where it begins */
  private slab = 0;
  private start = 0;
  private page: Page;

  constructor(
    private readonly grid: LabelGrid,
    private readonly dtype: LabelType,
  ) {
    const slices = Math.min(SLAB_SLICES, grid.nz);
    this.slabVoxels = grid.nx * grid.ny * slices;
    this.packed = new Array<RowRunSlab | null>(Math.ceil(grid.nz / slices)).fill(null);
    this.empty = { voxels: makeLabelArray(dtype, this.slabVoxels), isChanged: false };
    this.page = this.empty;
  }

  read(index: number): number {
    const at = index - this.start;
    if (at >= 0 && at < this.slabVoxels) return this.page.voxels[at] as number;
    this.open(Math.floor(index / this.slabVoxels));
    return this.page.voxels[index - this.start] as number;
  }

  write(index: number, value: number): void {
    if (this.read(index) === value) return;
    if (this.page === this.empty) this.page = this.unpack(this.slab);
    this.page.voxels[index - this.start] = value;
    this.page.isChanged = true;
  }

  readSlices(first: number, end: number): LabelArray {
    const slice = this.grid.nx * this.grid.ny;
    const found = makeLabelArray(this.dtype, (end - first) * slice);
    for (let k = first; k < end; k++) {
      this.read(k * slice);
      const from = k * slice - this.start;
      found.set(this.page.voxels.subarray(from, from + slice), (k - first) * slice);
    }
    return found;
  }

  /** An empty slab is shown by one that stands for all of them, until something is written to it. */
  private open(slab: number): void {
    this.slab = slab;
    this.start = slab * this.slabVoxels;
    const page = this.pages.get(slab);
    if (page !== undefined) {
      this.pages.delete(slab);
      this.pages.set(slab, page);
    }
    this.page = page ?? (this.packed[slab] ? this.unpack(slab) : this.empty);
  }

  private unpack(slab: number): Page {
    const page = { voxels: this.makeRoom(), isChanged: false };
    fillRows(page.voxels, this.packed[slab] ?? null, this.grid.nx);
    this.pages.set(slab, page);
    return page;
  }

  /** The array of the slab unused for longest, which is packed first where it changed. */
  private makeRoom(): LabelArray {
    const [oldest] = this.pages;
    if (oldest === undefined || this.pages.size < UNPACKED_SLABS) return makeLabelArray(this.dtype, this.slabVoxels);
    const [slab, { voxels, isChanged }] = oldest;
    if (isChanged) this.packed[slab] = buildRowRuns(voxels.buffer, this.grid.nx, this.dtype);
    this.pages.delete(slab);
    return voxels;
  }
}
