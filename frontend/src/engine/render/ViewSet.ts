/** The views attached to a viewer, each with its input: what concerns all of them at once. */
import type { VoxelBox } from "../geometry/box";
import type { LabelSlices } from "../labels/LabelSlices";
import type { Sample } from "../tools/Gesture";
import type { Plane, Point3 } from "../types";
import { type PointerHost, PointerInput } from "./PointerInput";
import type { SliceView } from "./SliceView";

export class ViewSet {
  private readonly inputs = new Map<SliceView, PointerInput>();

  add(view: SliceView, host: PointerHost): void {
    this.inputs.set(view, new PointerInput(view, host));
  }

  remove(view: SliceView): void {
    this.inputs.get(view)?.stop();
    this.inputs.delete(view);
    view.stop();
  }

  removeAll(): void {
    for (const view of [...this.inputs.keys()]) this.remove(view);
  }

  /** The attached view that a gesture was begun in; null by keyboard, and once it is detached. */
  find(place: object | null): SliceView | null {
    return this.list().find((view) => view === place) ?? null;
  }

  private list(): SliceView[] {
    return [...this.inputs.keys()];
  }

  /** Everything may look different. */
  invalidate(): void {
    for (const view of this.inputs.keys()) view.invalidate();
  }

  /** Labels in this box changed; null: none did. */
  touch(box: VoxelBox | null): void {
    if (box !== null) for (const view of this.inputs.keys()) view.touch(box);
  }

  /** A slab of the image has arrived. */
  noteSlab(): void {
    for (const view of this.inputs.keys()) view.noteSlab();
  }

  invalidateCursor(): void {
    for (const view of this.inputs.keys()) view.invalidateCursor();
  }

  forgetReference(labels: LabelSlices): void {
    for (const view of this.inputs.keys()) view.forgetReference(labels);
  }

  followCrosshair(before: Point3, after: Point3): void {
    for (const view of this.inputs.keys()) view.followCrosshair(before, after);
  }

  /** The brush cursor stands at the pointer in one view and nowhere else. */
  movePointer(hovered: SliceView, sample: Sample | null): void {
    for (const view of this.inputs.keys()) view.moveCursor(view === hovered ? (sample?.at ?? null) : null);
  }

  /** The brush cursor stands on a voxel of one plane and nowhere else: drawing by keyboard. */
  moveCursorTo(plane: Plane, ijk: Point3): void {
    for (const view of this.inputs.keys()) {
      if (view.plane === plane) view.moveCursorTo(ijk);
      else view.moveCursor(null);
    }
  }
}
