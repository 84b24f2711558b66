/** Copy: the active label of one slice, exactly, onto another; what the other one had of it elsewhere is emptied. */
import type { PlaneAxes } from "../geometry/planes";
import { EditDraft } from "../labels/EditDraft";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, ToolRefusal } from "./Gesture";
import { SliceCells } from "./sliceCells";

/** Throws ToolRefusal. */
export function copySlice(bench: Bench, axes: PlaneAxes, from: number, to: number): Gesture {
  const { labels, activeLabel } = bench;
  bench.requireLabel();
  if (to < 0 || to >= axes.slices) throw new ToolRefusal("There is no further slice to copy to.");
  const paint = bench.rule("paint", activeLabel);
  const take = bench.rule("take", 0);
  const grid = new SliceCells(labels, axes.sliceAxis as 0 | 1 | 2);
  const source = grid.cut(from, activeLabel);
  if (!source.includes(1)) throw new ToolRefusal(`There is no ${bench.nameLabel(activeLabel)} in this slice to copy.`);
  const draft = new EditDraft(labels);
  for (let cell = 0; cell < source.length; cell++) {
    const index = grid.indexOf(cell, to);
    const present = labels.read(index);
    const isIn = source[cell] === 1;
    if (isIn === (present === activeLabel)) continue;
    if ((isIn ? paint : take).mayChange(index, present)) draft.writeAt(index, isIn ? activeLabel : 0);
  }
  return makeInstant(draft, bench.editId, "copy");
}
