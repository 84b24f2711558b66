/**
 * Brush, eraser and threshold paint: capsules between consecutive samples, one edit from press to release. Threshold
 * paint is a brush that leaves out voxels whose displayed value lies outside its range.
 */
import { boundGrid } from "../geometry/box";
import { EditDraft } from "../labels/EditDraft";
import { compileRange } from "../labels/PaintRule";
import { visitCapsule } from "../ops/capsule";
import type { ValueRange } from "../types";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample, ToolRefusal } from "./Gesture";

export function startBrush(bench: Bench, tool: "brush" | "eraser" | "threshold", first: Sample): Gesture {
  const { labels, settings, metric } = bench;
  const value = tool === "eraser" ? 0 : settings.activeLabel;
  const rule = bench.rule(tool === "eraser" ? "erase" : "paint", value);
  const qualifies = tool === "threshold" ? compileThreshold(bench, settings.options.range) : () => true;
  const isBall = settings.isBall && bench.canBe3D;
  const draft = new EditDraft(labels);
  let previous: Sample | null = null;

  const draw = (sample: Sample): void => {
    // A stroke that goes on in another slice begins anew there: nothing is drawn in between.
    const from = previous !== null && previous.slice === sample.slice ? previous : sample;
    const range = boundGrid(labels.dims, sample.axes.sliceAxis, isBall ? null : sample.slice);
    visitCapsule(from.ijk, sample.ijk, settings.radiusMm, metric, range, (i, j, k) => {
      const index = i + labels.nx * (j + labels.ny * k);
      if (rule.mayChange(index, labels.read(index)) && qualifies(index)) draft.write(index, i, j, k, value);
    });
    previous = sample;
  };

  draw(first);
  return {
    ...makeInstant(draft, bench.editId, tool),
    move(samples) {
      for (const sample of samples) draw(sample);
      return null;
    },
  };
}

function compileThreshold({ image }: Bench, range: ValueRange): (index: number) => boolean {
  if (image.info.channels === 3)
    throw new ToolRefusal("A colour image has no single value to compare: use the brush instead.");
  return compileRange(range, image);
}
