/**
 * What every tool is: a small state machine. Idle is "no gesture"; pressing makes a Gesture, which lives until it is
 * finished (one Edit, or none) or cancelled. A tool draws nothing: it returns view changes, and says which voxels the
 * views must paint again.
 */
import type { VoxelBox } from "../geometry/box";
import type { PlaneAxes } from "../geometry/planes";
import type { ScreenPoint } from "../geometry/viewTransform";
import type { Edit, Point3 } from "../types";
import type { Window } from "../volume/windowTable";

/** One pointer position, or the crosshair when drawing by keyboard. */
export interface Sample {
  /** CSS pixels in the view */
  readonly at: ScreenPoint;
  /** voxel position in 1/64 steps; through the slice it is the slice's own number. May lie outside the grid. */
  readonly ijk: Point3;
  readonly axes: PlaneAxes;
  readonly slice: number;
}

/** `pan` and `zoom` change the view that the pointer is in; `window` and `crosshair` all of them. */
export type ViewChange =
  | { readonly kind: "pan"; readonly dx: number; readonly dy: number }
  | { readonly kind: "zoom"; readonly factor: number; readonly at: ScreenPoint }
  | { readonly kind: "window"; readonly window: Window }
  | { readonly kind: "crosshair"; readonly ijk: Point3 };

export interface Gesture {
  /** Samples since the last call, oldest first: coalesced events, so that fast strokes lose nothing. */
  move(samples: readonly Sample[]): ViewChange | null;
  /** Voxels changed since the last call. */
  takeDirty(): VoxelBox | null;
  finish(): Edit | null;
  /** Puts labels back as they were. View changes stay: they are not part of the undo history. */
  cancel(): void;
}
