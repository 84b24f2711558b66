/** The ruler: press, drag, let go; a press without a drag takes it away. It lies in one slice and changes no label. */
import type { Plane, Point3 } from "../types";
import type { Gesture, Sample } from "./Gesture";

export interface Ruler {
  readonly plane: Plane;
  readonly slice: number;
  /** voxel positions, 1/64 steps */
  readonly from: Point3;
  readonly to: Point3;
}

export function startRuler(first: Sample): Gesture {
  return {
    move(samples) {
      const last = samples[samples.length - 1];
      if (last === undefined) return null;
      const isPoint = last.ijk.every((position, axis) => position === first.ijk[axis]);
      const { plane } = first.axes;
      return { kind: "ruler", ruler: isPoint ? null : { plane, slice: first.slice, from: first.ijk, to: last.ijk } };
    },
    takeDirty: () => null,
    finish: () => null,
    cancel: () => undefined,
  };
}
