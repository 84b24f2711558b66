/** What was asked of the AI, over the slices it speaks of: told apart by + and − and by line, never by colour alone. */
import type { PlaneAxes } from "../../geometry/planes";
import { type ScreenPoint, type ViewTransform, voxelToScreen } from "../../geometry/viewTransform";
import type { Point3, PromptDrawn } from "../../types";

const INCLUDE_COLOUR = "#4ade80";
const EXCLUDE_COLOUR = "#ff7a6b";
const HALO_COLOUR = "rgba(0, 0, 0, 0.85)";
const SIGN_RADIUS_PX = 7;

export interface PromptMark {
  readonly isInclude: boolean;
  /** its line in voxels; one corner: a click, which is only a sign */
  readonly corners: readonly Point3[];
  readonly isClosed: boolean;
}

/** The mark of a prompt in one slice of one plane; null where it does not lie there. */
export function markOn({ type, points, isInclude }: PromptDrawn, axes: PlaneAxes, slice: number): PromptMark | null {
  const across = axes.sliceAxis as 0 | 1 | 2;
  const levels = points.map((point) => point[across]);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  if (type === "box") {
    if (slice < low || slice > high || points.length === 0) return null;
    return { isInclude, corners: boxCorners(points, axes, slice), isClosed: true };
  }
  const isHere = levels.length > 0 && Math.round(low) === slice && Math.round(high) === slice;
  return isHere ? { isInclude, corners: points, isClosed: type === "lasso" } : null;
}

function boxCorners(points: readonly Point3[], axes: PlaneAxes, slice: number): readonly Point3[] {
  const [column, row, across] = [axes.columnAxis, axes.rowAxis, axes.sliceAxis] as [0 | 1 | 2, 0 | 1 | 2, 0 | 1 | 2];
  const edge = (axis: 0 | 1 | 2, pick: typeof Math.min) => pick(...points.map((point) => point[axis]));
  const at = (pickColumn: typeof Math.min, pickRow: typeof Math.min): Point3 => {
    const corner: [number, number, number] = [0, 0, 0];
    corner[column] = edge(column, pickColumn);
    corner[row] = edge(row, pickRow);
    corner[across] = slice;
    return corner;
  };
  return [at(Math.min, Math.min), at(Math.max, Math.min), at(Math.max, Math.max), at(Math.min, Math.max)];
}

export function drawPromptMark(context: CanvasRenderingContext2D, view: ViewTransform, mark: PromptMark): void {
  const corners = mark.corners.map((corner) => voxelToScreen(view, corner));
  const first = corners[0];
  if (first === undefined) return;
  const colour = mark.isInclude ? INCLUDE_COLOUR : EXCLUDE_COLOUR;
  if (corners.length > 1) strokeOutline(context, corners, mark, colour);
  drawSign(context, first, mark.isInclude, colour);
}

function strokeOutline(
  context: CanvasRenderingContext2D,
  corners: readonly ScreenPoint[],
  { isClosed, isInclude }: PromptMark,
  colour: string,
): void {
  context.lineJoin = "round";
  context.setLineDash(isInclude ? [] : [6, 4]);
  context.beginPath();
  for (const { x, y } of corners) context.lineTo(x, y);
  if (isClosed) context.closePath();
  for (const [width, style] of [
    [3.5, HALO_COLOUR],
    [1.75, colour],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
  context.setLineDash([]);
}

/** A disc with + or −. */
function drawSign(context: CanvasRenderingContext2D, { x, y }: ScreenPoint, isInclude: boolean, colour: string): void {
  context.beginPath();
  context.arc(x, y, SIGN_RADIUS_PX, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = HALO_COLOUR;
  context.stroke();
  const arm = SIGN_RADIUS_PX - 3;
  context.beginPath();
  context.moveTo(x - arm, y);
  context.lineTo(x + arm, y);
  if (isInclude) {
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
  }
  context.lineWidth = 2;
  context.stroke();
}
