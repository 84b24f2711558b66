/**
 * Ask AI: a click, scribble, box or lasso becomes a prompt for the page to send. Labels do not change here; what the
 * server proposes in answer is shown and accepted elsewhere.
 */
import type { Metric } from "../geometry/affine";
import type { AskOptions, Point3, PromptDrawn } from "../types";
import type { Gesture, Sample, Sketch } from "./Gesture";

/** Most points a prompt takes; a longer line is thinned evenly. */
const MOST_POINTS = 500;
const AXIS_NAMES = ["i", "j", "k"] as const;

export interface AskGesture extends Gesture {
  readonly sketch: Sketch | null;
  /** What was drawn; null for a line too short to be meant. */
  prompt(): PromptDrawn | null;
}

export function startAsk(
  options: AskOptions,
  isInclude: boolean,
  size: Point3,
  metric: Metric,
  first: Sample,
): AskGesture {
  const { axes, slice } = first;
  const axis = axes.sliceAxis as 0 | 1 | 2;
  const clamp = (ijk: Point3): Point3 => ijk.map((at, n) => clampTo(at, size[n as 0 | 1 | 2])) as unknown as Point3;
  const points: Point3[] = [clamp(first.ijk)];
  const { shape } = options;

  const corners = (): readonly Point3[] => {
    if (shape !== "box" || points.length < 2) return points;
    const [a, b] = [points[0] as Point3, points.at(-1) as Point3];
    const [u, v] = [0, 1, 2].filter((n) => n !== axis) as [0 | 1 | 2, 0 | 1 | 2];
    const mixed = (fromB: 0 | 1 | 2): Point3 => a.map((at, n) => (n === fromB ? b[n] : at)) as unknown as Point3;
    return [a, mixed(u), b, mixed(v)];
  };

  return {
    move: (samples) => {
      for (const { ijk, axes: where } of samples) {
        if (where.plane !== axes.plane || shape === "point") continue;
        const at = clamp(ijk);
        if (shape === "box") points.splice(1, 1, at);
        else points.push(at);
      }
      return null;
    },
    takeDirty: () => null,
    finish: () => null,
    cancel: () => undefined,
    get sketch() {
      return shape === "point" ? null : { axes, slice, corners: corners(), hasHandles: false };
    },
    prompt: () => {
      const drawn = thin(points.map((point) => onSlice(point, axis, slice)));
      const is3D = shape === "box" && options.boxSlices > 0 && size[axis] > 1;
      if (shape === "box" && drawn.length < 2) return null;
      if (shape === "lasso" && drawn.length < 3) return null;
      return {
        type: shape,
        points: is3D ? deepen(drawn, axis, slice, options.boxSlices, size[axis]) : drawn,
        isInclude,
        sliceAxis: is3D ? null : AXIS_NAMES[axis],
        // A scribble is as wide as a voxel, so that a fast one has no gaps.
        radiusMm: shape === "scribble" ? 0.6 * Math.sqrt(Math.min(metric.ii, metric.jj, metric.kk)) : 0,
      };
    },
  };
}

function clampTo(at: number, edge: number): number {
  return Math.min(edge - 1, Math.max(0, at));
}

function onSlice(point: Point3, axis: 0 | 1 | 2, slice: number): Point3 {
  return point.map((at, n) => (n === axis ? slice : at)) as unknown as Point3;
}

function deepen(box: readonly Point3[], axis: 0 | 1 | 2, slice: number, by: number, edge: number): readonly Point3[] {
  const [a, b] = [box[0] as Point3, box.at(-1) as Point3];
  return [onSlice(a, axis, clampTo(slice - by, edge)), onSlice(b, axis, clampTo(slice + by, edge))];
}

function thin(points: readonly Point3[]): readonly Point3[] {
  const distinct = points.filter((point, n) => n === 0 || point.some((at, axis) => at !== points[n - 1]?.[axis as 0]));
  if (distinct.length <= MOST_POINTS) return distinct;
  const step = (distinct.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, n) => distinct[Math.round(n * step)] as Point3);
}
