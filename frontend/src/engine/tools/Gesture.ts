/**
 * What every tool is: a small state machine. Idle is "no gesture"; pressing makes a Gesture, which lives until it is
 * finished (one Edit, or none) or cancelled. A tool draws nothing: it returns view changes, and says which voxels the
 * views must paint again.
 */
import type { VoxelBox } from "../geometry/box";
import type { PlaneAxes } from "../geometry/planes";
import type { ScreenPoint } from "../geometry/viewTransform";
import type { EditDraft } from "../labels/EditDraft";
import type { Edit, Point3 } from "../types";
import type { Window } from "../volume/windowTable";
import type { Ruler } from "./ruler";

/** One pointer position, or the crosshair when drawing by keyboard. */
export interface Sample {
  /** CSS pixels in the view */
  readonly at: ScreenPoint;
  /** voxel position in 1/64 steps; through the slice it is the slice's own number. May lie outside the grid. */
  readonly ijk: Point3;
  readonly axes: PlaneAxes;
  readonly slice: number;
  /** how near a handle must be to be caught; 0 by keyboard */
  readonly grabMm: number;
}

/** `pan` and `zoom` change the view that the pointer is in; `window` and `crosshair` all of them. */
export type ViewChange =
  | { readonly kind: "pan"; readonly dx: number; readonly dy: number }
  | { readonly kind: "zoom"; readonly factor: number; readonly at: ScreenPoint }
  | { readonly kind: "window"; readonly window: Window }
  | { readonly kind: "crosshair"; readonly ijk: Point3 }
  | { readonly kind: "ruler"; readonly ruler: Ruler | null };

export interface Gesture {
  /** Samples since the last call, oldest first: coalesced events, so that fast strokes lose nothing. */
  move(samples: readonly Sample[]): ViewChange | null;
  /** Voxels changed since the last call. */
  takeDirty(): VoxelBox | null;
  finish(): Edit | null;
  /** Puts labels back as they were. View changes stay: they are not part of the undo history. */
  cancel(): void;
  /** Present in a gesture that outlives its first press. */
  readonly stage?: Stage;
}

/** The part of a gesture that waits between presses: an outline set corner by corner, a preview to be accepted. */
export interface Stage {
  readonly kind: "outline" | "preview";
  /** A further press. A sentence when it cannot be meant for this gesture. */
  press(sample: Sample): string | null;
  /** The pointer went up. `done`: the gesture is complete; `held`: a keyboard goes on dragging; else it waits. */
  release(): "done" | "held" | "waits";
  /** Takes the last corner away; false when none is left, so that the gesture is over. */
  dropCorner(): boolean;
  readonly sketch: Sketch | null;
}

/** A line that a view draws over its slice. Corners are voxel positions. */
export interface Sketch {
  readonly axes: PlaneAxes;
  /** null: shown in every slice of the plane */
  readonly slice: number | null;
  readonly corners: readonly Point3[];
  /** corners are shown and can be dragged */
  readonly hasHandles: boolean;
}

/** A tool cannot do what was asked; the message says why and what to do, for the person drawing. */
export class ToolRefusal extends Error {
  constructor(
    message: string,
    /** it can be done after all when the person says so */
    readonly canProceed = false,
  ) {
    super(message);
    this.name = "ToolRefusal";
  }
}

/** A gesture whose whole effect is in its draft already: one click, one edit. */
export function makeInstant(draft: EditDraft, editId: string, tool: string): Gesture {
  return {
    move: () => null,
    takeDirty: () => draft.dirty.take(),
    finish: () => draft.finish(editId, tool, null),
    cancel: () => draft.cancel(),
  };
}
