/** The outline being drawn: its line over a dark halo, the closing edge dashed, its corners as handles. */
import { type ScreenPoint, type ViewTransform, voxelToScreen } from "../../geometry/viewTransform";
import type { Sketch } from "../../tools/Gesture";

const LINE_COLOUR = "#ffe066";
const HALO_COLOUR = "rgba(0, 0, 0, 0.85)";
const HANDLE_PX = 4;

/** `pointer`: where the next corner would be; null while the pointer is elsewhere. */
export function drawSketch(
  context: CanvasRenderingContext2D,
  view: ViewTransform,
  sketch: Sketch,
  pointer: ScreenPoint | null,
): void {
  const corners = sketch.corners.map((corner) => voxelToScreen(view, corner));
  const first = corners[0];
  const last = corners[corners.length - 1];
  if (first === undefined || last === undefined) return;
  const next = sketch.hasHandles && pointer !== null ? [last, pointer, first] : [last, first];
  context.lineJoin = "round";
  for (const [width, colour] of [
    [3.5, HALO_COLOUR],
    [1.5, LINE_COLOUR],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    strokeLine(context, corners, []);
    strokeLine(context, next, [5, 4]);
  }
  if (sketch.hasHandles) for (const [n, corner] of corners.entries()) drawHandle(context, corner, n === 0);
  context.setLineDash([]);
}

function strokeLine(context: CanvasRenderingContext2D, points: readonly ScreenPoint[], dash: readonly number[]): void {
  context.setLineDash([...dash]);
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  context.stroke();
}

/** The first corner is filled: clicking it closes the outline. */
function drawHandle(context: CanvasRenderingContext2D, { x, y }: ScreenPoint, isFirst: boolean): void {
  context.setLineDash([]);
  context.beginPath();
  context.rect(x - HANDLE_PX, y - HANDLE_PX, 2 * HANDLE_PX, 2 * HANDLE_PX);
  context.fillStyle = isFirst ? LINE_COLOUR : "#1c1f24";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = isFirst ? "#1c1f24" : LINE_COLOUR;
  context.stroke();
}
