/**
 * Interpolate the active label between the slices a person drew, along the view's normal. The result is written at once
 * and shown as a preview; accepting it makes the edit, cancelling puts everything back.
 *
 * A slice counts as drawn when at least one of its voxels of the label came from anything but an interpolation that still
 * stands, so a corrected slice becomes a drawn one and the others between can be interpolated again. Drawn slices never
 * change.
 */
import { EditDraft } from "../labels/EditDraft";
import type { LabelVolume } from "../labels/LabelVolume";
import { Bits } from "../ops/bits";
import { Between, describeShape, type Shape } from "../ops/interpolate";
import type { Edit } from "../types";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample, ToolRefusal } from "./Gesture";
import { SliceCells } from "./sliceCells";

const TOOL = "interpolate";
const HOW_IT_ENDS = "Enter accepts the interpolated slices, Esc discards them.";

/** Throws ToolRefusal when there is no gap between drawn slices. */
export function startInterpolation(bench: Bench, sample: Sample): Gesture {
  const { labels, activeLabel } = bench;
  bench.requireLabel();
  bench.requireDepth();
  bench.requireValues();
  const paint = bench.rule("paint", activeLabel);
  const take = bench.rule("take", 0);
  const grid = new SliceCells(labels, sample.axes.sliceAxis as 0 | 1 | 2);
  const gaps = listGaps(bench, grid, sample.slice);
  const draft = new EditDraft(labels);
  const metric = grid.metric(bench.metric);
  const { width, height } = grid;
  const describe = (slice: number): Shape =>
    describeShape({ cells: grid.cut(slice, activeLabel), width, height, metric });
  let [last, shape]: [number, Shape | null] = [-1, null];
  for (const [from, to] of gaps) {
    const a = from === last && shape !== null ? shape : describe(from);
    const b = describe(to);
    const between = new Between(a, b, (to - from) * grid.stepMm(bench.metric));
    for (let slice = from + 1; slice < to; slice++) {
      write(slice, between.at((slice - from) / (to - from)));
    }
    [last, shape] = [to, b];
  }

  /** What lies beyond the shape's box can only lose the label, and only where the slice holds any. */
  function write(slice: number, { cells, box }: ReturnType<Between["at"]>): void {
    const whole = [0, 0, grid.width - 1, grid.height - 1] as const;
    const isEmpty = labels.isSliceEmpty(slice, grid.axis);
    const [left, top, right, bottom] = isEmpty ? box : whole;
    for (let v = top; v <= bottom; v++) {
      let cell = left + grid.width * v;
      let index = grid.indexOf(cell, slice);
      for (let u = left; u <= right; u++, cell++, index += grid.uStep) {
        const isIn = cells[cell] === 1;
        if (isEmpty && !isIn) continue;
        const present = labels.read(index);
        if (isIn === (present === activeLabel) || !(isIn ? paint : take).mayChange(index, present)) continue;
        const value = isIn ? activeLabel : 0;
        if (grid.axis === 2) draft.write(index, u, v, slice, value);
        else if (grid.axis === 1) draft.write(index, u, slice, v, value);
        else draft.write(index, slice, u, v, value);
      }
    }
  }

  return {
    ...makeInstant(draft, bench.editId, TOOL),
    stage: { kind: "preview", press: () => HOW_IT_ENDS, release: () => "waits", dropCorner: () => true, sketch: null },
  };
}

/** Pairs of consecutive drawn slices with something between them. */
function listGaps(bench: Bench, grid: SliceCells, shown: number): readonly (readonly [number, number])[] {
  const drawn = listDrawn(bench, grid);
  const name = bench.nameLabel(bench.activeLabel);
  const gaps = drawn
    .slice(1)
    .map((to, n) => [drawn[n] as number, to] as const)
    .filter(([from, to]) => to - from > 1);
  if (gaps.length === 0)
    throw new ToolRefusal(
      `Nothing to interpolate: draw ${name} on two slices of this view with empty ones between them.`,
    );
  if (bench.settings.options.interpolate === "all-gaps") return gaps;
  const here = gaps.filter(([from, to]) => from < shown && shown < to);
  if (here.length === 0)
    throw new ToolRefusal("This slice is not between two drawn ones: go to the gap that you mean.");
  return here;
}

/** Slices across the grid's axis that hold the label by hand, ascending. */
function listDrawn({ labels, history, activeLabel }: Bench, grid: SliceCells): readonly number[] {
  const made = markInterpolated(labels, history.standing, activeLabel);
  const isDrawn = new Uint8Array(grid.slices);
  const { nx, ny, nz } = labels;
  const { axis } = grid;
  for (let k = 0; k < nz; k++) {
    if (labels.isSliceEmpty(k)) continue;
    for (let j = 0; j < ny; j++) {
      const row = nx * (j + ny * k);
      for (let i = 0; i < nx; i++) {
        if (labels.read(row + i) !== activeLabel) continue;
        if (made?.has(row + i)) continue;
        isDrawn[axis === 0 ? i : axis === 1 ? j : k] = 1;
      }
    }
  }
  return [...isDrawn.keys()].filter((slice) => isDrawn[slice] === 1);
}

/** Voxels that an interpolation wrote last; null when none stands. */
function markInterpolated(labels: LabelVolume, edits: readonly Edit[], label: number): Bits | null {
  if (!edits.some((edit) => edit.tool === TOOL)) return null;
  const made = new Bits(labels.size);
  for (const { tool, runs } of edits) {
    let at = 0;
    for (let run = 0; run < runs.starts.length; run++) {
      const start = runs.starts[run] as number;
      for (let index = start; index < start + (runs.lengths[run] as number); index++, at++) {
        if (tool === TOOL && runs.values[at] === label) made.set(index);
        else made.clear(index);
      }
    }
  }
  return made;
}
