/** Pan, zoom, window and crosshair: gestures that change what is seen and never a label. */
import type { Point3 } from "../types";
import type { Window } from "../volume/windowTable";
import type { Gesture, Sample, ViewChange } from "./Gesture";

/** Dragging this far multiplies zoom or window width by e. */
const ZOOM_PX = 150;
const WIDTH_PX = 250;
/** Dragging this far moves the window's centre by its own width. */
const LEVEL_PX = 400;

/** A gesture of steps between consecutive samples; `step` sees only the last sample of each batch. */
function makeSteps(first: Sample, step: (from: Sample, to: Sample) => ViewChange | null): Gesture {
  let previous = first;
  return {
    move(samples) {
      const last = samples[samples.length - 1];
      if (last === undefined) return null;
      const change = step(previous, last);
      previous = last;
      return change;
    },
    takeDirty: () => null,
    finish: () => null,
    cancel: () => undefined,
  };
}

export function startPan(first: Sample): Gesture {
  return makeSteps(first, (from, to) => ({ kind: "pan", dx: to.at.x - from.at.x, dy: to.at.y - from.at.y }));
}

/** Upwards enlarges, around the point that was pressed. */
export function startZoom(first: Sample): Gesture {
  return makeSteps(first, (from, to) => ({
    kind: "zoom",
    factor: Math.exp((from.at.y - to.at.y) / ZOOM_PX),
    at: first.at,
  }));
}

/** Right widens, down raises the centre (darker); from the window at the time of pressing. */
export function startWindow(first: Sample, window: Window): Gesture {
  const width = window.high - window.low;
  return makeSteps(first, (_, to) => {
    const newWidth = width * Math.exp((to.at.x - first.at.x) / WIDTH_PX);
    const centre = (window.low + window.high) / 2 + ((to.at.y - first.at.y) / LEVEL_PX) * width;
    return { kind: "window", window: { low: centre - newWidth / 2, high: centre + newWidth / 2 } };
  });
}

export function startCrosshair(): Gesture {
  return {
    move(samples) {
      const last = samples[samples.length - 1];
      return last === undefined ? null : { kind: "crosshair", ijk: last.ijk };
    },
    takeDirty: () => null,
    finish: () => null,
    cancel: () => undefined,
  };
}

/** The voxel of the grid nearest to a position: where the crosshair goes. */
export function clampToGrid(position: Point3, size: Point3): Point3 {
  const clamp = (axis: 0 | 1 | 2): number => Math.min(size[axis] - 1, Math.max(0, Math.floor(position[axis] + 0.5)));
  return [clamp(0), clamp(1), clamp(2)];
}

export function isInside([i, j, k]: Point3, size: Point3): boolean {
  return i >= 0 && j >= 0 && k >= 0 && i < size[0] && j < size[1] && k < size[2];
}
