/** Where two label maps differ, cell by cell: an index into a table of colours, 0 where neither has anything. */
import type { PlaneAxes } from "../geometry/planes";
import type { LabelArray } from "../types";
import { makeLabelArray } from "./editCodec";
import type { LabelSlices, ShareSlices } from "./LabelSlices";

export const ONLY_A = 1;
export const ONLY_B = 2;
export const BOTH = 3;
/** both have a label there, but not the same */
export const OTHER_LABEL = 4;

export class Difference implements ShareSlices {
  private cellsA: LabelArray | null = null;
  private cellsB: LabelArray | null = null;

  /** `label` null compares every label at once. */
  constructor(
    private readonly a: LabelSlices,
    private readonly b: LabelSlices,
    private readonly label: number | null,
  ) {}

  get slabsLoaded(): number {
    return this.a.slabsLoaded + this.b.slabsLoaded;
  }

  readShares(axes: PlaneAxes, slice: number, cells: Uint8Array): void {
    if (this.cellsA?.length !== cells.length) this.cellsA = makeLabelArray("uint16", cells.length);
    if (this.cellsB?.length !== cells.length) this.cellsB = makeLabelArray("uint16", cells.length);
    this.a.readSlice(axes, slice, this.cellsA);
    this.b.readSlice(axes, slice, this.cellsB);
    for (let cell = 0; cell < cells.length; cell++)
      cells[cell] = this.judge(this.cellsA[cell] as number, this.cellsB[cell] as number);
  }

  /** Not a share: nothing to tell of one voxel. */
  readShare(): number {
    return 0;
  }

  private judge(a: number, b: number): number {
    const [inA, inB] = this.label === null ? [a !== 0, b !== 0] : [a === this.label, b === this.label];
    if (inA && inB) return a === b ? BOTH : OTHER_LABEL;
    return inA ? ONLY_A : inB ? ONLY_B : 0;
  }
}
