/** What stands around the image in a view: orientation letters, scale bar, crosshair, brush cursor.
 *  Words (tilt, geometry) are the page's, which has them in one catalogue. */
import type { Metric } from "../../geometry/affine";
import type { PlaneAxes } from "../../geometry/planes";
import {
  cellHeightPx,
  cellWidthPx,
  type ScreenPoint,
  type ViewTransform,
  voxelToScreen,
} from "../../geometry/viewTransform";
import type { Point3 } from "../../types";

const TEXT_COLOUR = "#e8e8e8";
const SHADOW_COLOUR = "rgba(0, 0, 0, 0.85)";
const CROSSHAIR_COLOUR = "rgba(86, 180, 233, 0.7)";
/** The lines leave this much free around their voxel. */
export const CROSSHAIR_GAP_PX = 12;
const RULER_COLOUR = "#ffd54a";
const RULER_TICK_PX = 6;
const SCALE_BAR_MM = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200] as const;

export interface Box {
  readonly width: number;
  readonly height: number;
}

function drawText(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = SHADOW_COLOUR;
  context.strokeText(text, x, y);
  context.fillStyle = TEXT_COLOUR;
  context.fillText(text, x, y);
}

export function drawLetters(context: CanvasRenderingContext2D, axes: PlaneAxes, box: Box): void {
  if (axes.letters === null) return;
  const { left, right, top, bottom } = axes.letters;
  context.font = "600 14px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = "left";
  drawText(context, left, 6, box.height / 2);
  context.textAlign = "right";
  drawText(context, right, box.width - 6, box.height / 2);
  context.textAlign = "center";
  drawText(context, top, box.width / 2, 13);
  drawText(context, bottom, box.width / 2, box.height - 12);
}

/** The longest round length below a quarter of the view's width. Only for views with a length in mm. */
export function drawScaleBar(context: CanvasRenderingContext2D, view: ViewTransform, box: Box): void {
  const fitting = SCALE_BAR_MM.filter((mm) => mm * view.pxPerMm <= box.width / 4);
  const mm = fitting[fitting.length - 1];
  if (mm === undefined) return;
  const [x, y] = [10, box.height - 12];
  const end = x + mm * view.pxPerMm;
  context.setLineDash([]);
  for (const [width, colour] of [
    [4, SHADOW_COLOUR],
    [1.5, TEXT_COLOUR],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x, y);
    context.lineTo(end, y);
    context.lineTo(end, y - 4);
    context.stroke();
  }
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  drawText(context, mm >= 10 ? `${mm / 10} cm` : `${mm} mm`, x, y - 8);
}

/** Two lines that leave the voxel itself free. */
export function drawCrosshair(context: CanvasRenderingContext2D, view: ViewTransform, ijk: Point3, box: Box): void {
  const { x, y } = voxelToScreen(view, ijk);
  context.setLineDash([]);
  context.lineWidth = 1;
  context.strokeStyle = CROSSHAIR_COLOUR;
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(x - CROSSHAIR_GAP_PX, y);
  context.moveTo(x + CROSSHAIR_GAP_PX, y);
  context.lineTo(box.width, y);
  context.moveTo(x, 0);
  context.lineTo(x, y - CROSSHAIR_GAP_PX);
  context.moveTo(x, y + CROSSHAIR_GAP_PX);
  context.lineTo(x, box.height);
  context.stroke();
}

/** A measured line with its length beside its end; `words` says the length with its unit. */
export function drawRuler(
  context: CanvasRenderingContext2D,
  view: ViewTransform,
  ends: readonly [Point3, Point3],
  words: string,
): void {
  const [from, to] = [voxelToScreen(view, ends[0]), voxelToScreen(view, ends[1])];
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [across, along] = [(-(to.y - from.y) * RULER_TICK_PX) / length, ((to.x - from.x) * RULER_TICK_PX) / length];
  context.setLineDash([]);
  for (const [width, colour] of [
    [4, SHADOW_COLOUR],
    [1.5, RULER_COLOUR],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    for (const end of [from, to]) {
      context.moveTo(end.x - across, end.y - along);
      context.lineTo(end.x + across, end.y + along);
    }
    context.stroke();
  }
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = to.x >= from.x ? "left" : "right";
  drawText(context, words, to.x + (to.x >= from.x ? 10 : -10), to.y);
}

/** How the brush looks on this plane's screen: the circle of r mm in the plane's part of the metric, as an ellipse. */
export interface BrushShape {
  readonly radiusMm: number;
  readonly metric: Metric;
}

/**
 * Half-axes and angle of {Δ : ΔᵀGΔ ≤ r²} in screen pixels. On grids that are not sheared in this plane it is a circle
 * of r · pxPerMm; with shear the screen shows the native grid, so the footprint leans.
 */
export function computeBrushEllipse(
  view: ViewTransform,
  brush: BrushShape,
): { readonly a: number; readonly b: number; readonly angle: number } {
  const { axes } = view;
  const { ii, jj, kk, ij, ik, jk } = brush.metric;
  const table = [
    [ii, ij, ik],
    [ij, jj, jk],
    [ik, jk, kk],
  ];
  const read = (a: number, b: number): number => (table[a] as number[])[b] as number;
  const [w, h] = [cellWidthPx(view), cellHeightPx(view)];
  const sign = axes.columnFlip === axes.rowFlip ? 1 : -1;
  // Metric in screen pixels: Δcell = Δpx / cell size.
  const xx = read(axes.columnAxis, axes.columnAxis) / (w * w);
  const yy = read(axes.rowAxis, axes.rowAxis) / (h * h);
  const xy = (sign * read(axes.columnAxis, axes.rowAxis)) / (w * h);
  const middle = (xx + yy) / 2;
  const spread = Math.sqrt(((xx - yy) / 2) ** 2 + xy * xy);
  return {
    a: brush.radiusMm / Math.sqrt(Math.max(middle - spread, 1e-12)),
    b: brush.radiusMm / Math.sqrt(middle + spread),
    angle: xy === 0 && xx <= yy ? 0 : Math.atan2(middle - spread - xx, xy),
  };
}

export function drawBrushCursor(
  context: CanvasRenderingContext2D,
  view: ViewTransform,
  brush: BrushShape,
  at: ScreenPoint,
  colour: string,
): void {
  const { a, b, angle } = computeBrushEllipse(view, brush);
  context.setLineDash([]);
  for (const [width, stroke] of [
    [3, SHADOW_COLOUR],
    [1.25, colour],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.beginPath();
    context.ellipse(at.x, at.y, a, b, angle, 0, 2 * Math.PI);
    context.stroke();
  }
}
