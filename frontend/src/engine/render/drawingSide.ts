/** The map being drawn as one side of a comparison: its slices as they are now, and the whole of it as row runs. */
import { computeSteps, type PlaneAxes } from "../geometry/planes";
import type { LabelSlices } from "../labels/LabelSlices";
import type { LabelVolume } from "../labels/LabelVolume";
import { buildRowRuns, type RowRunSlab } from "../labels/RowRuns";
import { readDenseSlice } from "../labels/readSlice";
import type { LabelArray } from "../types";

export class DrawingSlices implements LabelSlices {
  readonly slabsLoaded = 0;

  constructor(private readonly labels: LabelVolume) {}

  readSlice(axes: PlaneAxes, slice: number, cells: LabelArray): void {
    const { nx, ny } = this.labels;
    const box = { left: 0, top: 0, right: axes.columns - 1, bottom: axes.rows - 1 };
    readDenseSlice(this.labels, computeSteps(axes, slice, nx, ny), axes.columns, box, cells);
  }
}

/** Slabs without a drawn slice are not looked at, which is most of them. */
export function packDrawing(labels: LabelVolume, slabDepth: number): readonly RowRunSlab[] {
  const { nx, ny, nz, dtype } = labels;
  return Array.from({ length: Math.ceil(nz / slabDepth) }, (_, slab) => {
    const first = slab * slabDepth;
    const end = Math.min(nz, first + slabDepth);
    let isEmpty = true;
    for (let k = first; k < end; k++) isEmpty &&= labels.isSliceEmpty(k);
    if (isEmpty) return buildEmptySlab(ny * (end - first), dtype);
    return buildRowRuns(labels.readSlices(first, end).slice().buffer, nx, dtype);
  });
}

function buildEmptySlab(rows: number, dtype: LabelVolume["dtype"]): RowRunSlab {
  const { starts, ends, values } = buildRowRuns(new ArrayBuffer(0), 1, dtype);
  return { rowEnds: new Uint32Array(rows + 1), starts, ends, values };
}
