/** Brush and eraser: capsules between consecutive samples, one edit from press to release. */
import type { Metric } from "../geometry/affine";
import { EditDraft } from "../labels/EditDraft";
import type { LabelVolume } from "../labels/LabelVolume";
import type { PaintRule } from "../labels/PaintRule";
import { makeBrushRange, visitCapsule } from "../ops/capsule";
import type { Gesture, Sample } from "./Gesture";

export interface BrushStroke {
  /** 0 erases */
  readonly value: number;
  readonly radiusMm: number;
  readonly isBall: boolean;
  readonly metric: Metric;
  readonly rule: PaintRule;
  readonly editId: string;
}

export function startBrush(labels: LabelVolume, stroke: BrushStroke, first: Sample): Gesture {
  const draft = new EditDraft(labels);
  let previous: Sample | null = null;

  const draw = (sample: Sample): void => {
    // A stroke that goes on in another slice begins anew there: nothing is drawn in between.
    const from = previous !== null && previous.slice === sample.slice ? previous : sample;
    const size = [labels.nx, labels.ny, labels.nz] as const;
    const range = makeBrushRange(size, sample.axes.sliceAxis, sample.slice, stroke.isBall);
    visitCapsule(from.ijk, sample.ijk, stroke.radiusMm, stroke.metric, range, (i, j, k) => {
      const index = i + labels.nx * (j + labels.ny * k);
      if (stroke.rule.mayChange(index, labels.voxels[index] as number)) draft.write(index, i, j, k, stroke.value);
    });
    previous = sample;
  };

  draw(first);
  return {
    move(samples) {
      for (const sample of samples) draw(sample);
      return null;
    },
    takeDirty: () => draft.dirty.take(),
    finish: () => draft.finish(stroke.editId, stroke.value === 0 ? "eraser" : "brush", null),
    cancel: () => draft.cancel(),
  };
}
