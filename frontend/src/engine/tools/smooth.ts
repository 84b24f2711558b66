/** Smooth the active label: the majority within r mm decides each voxel, in the slice or in the volume. */
import { boundGrid, padBox } from "../geometry/box";
import { EditDraft } from "../labels/EditDraft";
import { makeBall, smoothMask } from "../ops/ball";
import { boundLabel, cutMask, forEachRow } from "../ops/mask";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample } from "./Gesture";

/** Throws ToolRefusal. */
export function startSmooth(bench: Bench, sample: Sample): Gesture {
  const { labels, activeLabel } = bench;
  const { is3D, radiusMm } = bench.settings.options.smooth;
  bench.requireLabel();
  if (is3D) bench.require3D();
  const paint = bench.rule("paint", activeLabel);
  const take = bench.rule("take", 0);
  const draft = new EditDraft(labels);
  const flatAxis = is3D ? null : sample.axes.sliceAxis;
  const within = boundGrid(labels.dims, sample.axes.sliceAxis, is3D ? null : sample.slice);
  const box = boundLabel(labels, activeLabel, within);
  if (box !== null) {
    const ball = makeBall(bench.metric, radiusMm, flatAxis);
    const mask = cutMask(labels, padBox(box, ball.reach, within), activeLabel);
    const smooth = smoothMask(mask, ball, labels.dims);
    forEachRow(mask, labels, (first, index, j, k) => {
      for (let x = 0; x < mask.size[0]; x++) {
        const isIn = smooth.cells[first + x] === 1;
        if (isIn === (mask.cells[first + x] === 1)) continue;
        const rule = isIn ? paint : take;
        if (!rule.mayChange(index + x, labels.read(index + x))) continue;
        draft.write(index + x, mask.box.min[0] + x, j, k, isIn ? activeLabel : 0);
      }
    });
  }
  return makeInstant(draft, bench.editId, "smooth");
}
