/** Hole fill: what the active label's walls close off becomes active where it is background; other labels stay. */
import { boundGrid } from "../geometry/box";
import { EditDraft } from "../labels/EditDraft";
import { findHoles } from "../ops/holes";
import { boundLabel, cutMask, forEachRow } from "../ops/mask";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample } from "./Gesture";

/** In the slice, or (`holes3d`) in the volume. Throws ToolRefusal. */
export function startHoles(bench: Bench, tool: "holes" | "holes3d", sample: Sample): Gesture {
  const { labels, activeLabel } = bench;
  bench.requireLabel();
  if (tool === "holes3d") bench.require3D();
  const rule = bench.rule("paint", activeLabel);
  const draft = new EditDraft(labels);
  const within = boundGrid(labels.dims, sample.axes.sliceAxis, tool === "holes3d" ? null : sample.slice);
  const box = boundLabel(labels, activeLabel, within);
  if (box !== null) {
    const hasBorder = (axis: 0 | 1 | 2): boolean => within.max[axis] > within.min[axis];
    const holes = findHoles(cutMask(labels, box, activeLabel), [hasBorder(0), hasBorder(1), hasBorder(2)]);
    forEachRow(holes, labels, (first, index, j, k) => {
      for (let x = 0; x < holes.size[0]; x++) {
        const isHole = holes.cells[first + x] === 1 && labels.read(index + x) === 0;
        if (isHole && rule.mayChange(index + x, 0)) draft.write(index + x, box.min[0] + x, j, k, activeLabel);
      }
    });
  }
  return makeInstant(draft, bench.editId, tool);
}
