/**
 * Grow and shrink the active label by a margin in mm, in the slice or in the volume, exact in the metric G.
 *
 * Grow paints every voxel within the margin of a voxel of the label. Shrink empties every voxel of the label within the
 * margin of one that is not; beyond the grid nothing is known, so nothing shrinks from its border.
 */
import { boundGrid, padBox } from "../geometry/box";
import { EditDraft } from "../labels/EditDraft";
import { growMask, makeBall } from "../ops/ball";
import { boundLabel, cutMask, forEachRow } from "../ops/mask";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample } from "./Gesture";

/** Throws ToolRefusal. */
export function startMargin(bench: Bench, tool: "grow" | "shrink", sample: Sample): Gesture {
  const { labels, activeLabel } = bench;
  const { is3D, mm } = bench.settings.options.margin;
  bench.requireLabel();
  if (is3D) bench.require3D();
  const isGrowing = tool === "grow";
  const value = isGrowing ? activeLabel : 0;
  const rule = bench.rule(isGrowing ? "paint" : "take", value);
  const draft = new EditDraft(labels);
  const within = boundGrid(labels.dims, sample.axes.sliceAxis, is3D ? null : sample.slice);
  const box = boundLabel(labels, activeLabel, within);
  if (box !== null) {
    const ball = makeBall(bench.metric, mm, is3D ? null : sample.axes.sliceAxis);
    const mask = cutMask(labels, padBox(box, ball.reach, within), activeLabel);
    const near = growMask(mask, isGrowing ? 1 : 0, ball);
    forEachRow(mask, labels, (first, index, j, k) => {
      for (let x = 0; x < mask.size[0]; x++) {
        const isReached = near.cells[first + x] === 1 && (mask.cells[first + x] === 1) !== isGrowing;
        if (!isReached || !rule.mayChange(index + x, labels.read(index + x))) continue;
        draft.write(index + x, mask.box.min[0] + x, j, k, value);
      }
    });
  }
  return makeInstant(draft, bench.editId, tool);
}
