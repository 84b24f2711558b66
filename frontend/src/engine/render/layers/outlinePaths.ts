/** Outlines as Path2D: made once per slice in cell corners, placed on the screen once per pan or zoom. */
import { cellHeightPx, cellWidthPx, type ViewTransform } from "../../geometry/viewTransform";
import { type Outline, traceOutlines } from "../../ops/outline";
import type { Dash, LabelArray } from "../../types";

export interface LabelPath {
  readonly label: number;
  readonly path: Path2D;
}

export const LINE_PX = 1.5;

/** Widths of an outline and of its halo in screen pixels: the same at any zoom of a view. */
export interface Pen {
  readonly linePx: number;
  readonly haloPx: number;
  readonly haloColour: string;
}

const LARGE_PEN: Pen = { linePx: LINE_PX, haloPx: 3.5, haloColour: "rgba(0, 0, 0, 0.75)" };
/** In a small view several readers' halos side by side would hide the organ they surround. */
const SMALL_PEN: Pen = { linePx: 1.25, haloPx: 2.25, haloColour: "rgba(0, 0, 0, 0.5)" };
const SMALL_VIEW_PX = 480;

/** The pen for a view of this size in CSS pixels. */
export function choosePen(width: number, height: number): Pen {
  return Math.min(width, height) < SMALL_VIEW_PX ? SMALL_PEN : LARGE_PEN;
}

export const DASHES: Readonly<Record<Dash, readonly number[]>> = {
  solid: [],
  long: [9, 5],
  dots: [2, 3.5],
  "dash-dot": [8, 3.5, 2, 3.5],
};

export function makePaths(cells: LabelArray, columns: number, rows: number): readonly LabelPath[] {
  return traceOutlines(cells, columns, rows).map((outline) => ({ label: outline.label, path: makePath(outline) }));
}

function makePath(outline: Outline): Path2D {
  const path = new Path2D();
  const { corners, ringEnds } = outline;
  let corner = 0;
  for (const end of ringEnds) {
    path.moveTo(corners[2 * corner] as number, corners[2 * corner + 1] as number);
    for (corner++; corner < end; corner++)
      path.lineTo(corners[2 * corner] as number, corners[2 * corner + 1] as number);
    path.closePath();
  }
  return path;
}

/** Paths from cell corners to CSS pixels, so that a line is 1.5 px wide at any zoom and aspect. */
export function placePaths(paths: readonly LabelPath[], view: ViewTransform): readonly LabelPath[] {
  const matrix = { a: cellWidthPx(view), d: cellHeightPx(view), e: view.originX, f: view.originY };
  return paths.map(({ label, path }) => {
    const placed = new Path2D();
    placed.addPath(path, matrix);
    return { label, path: placed };
  });
}

/** Strokes an outline over a dark halo, which keeps it visible on bone. */
export function strokeOutline(
  context: CanvasRenderingContext2D,
  path: Path2D,
  colour: string,
  dash: Dash,
  pen: Pen,
): void {
  context.lineJoin = "round";
  context.setLineDash([]);
  context.lineWidth = pen.haloPx;
  context.strokeStyle = pen.haloColour;
  context.stroke(path);
  context.setLineDash([...DASHES[dash]]);
  context.lineWidth = pen.linePx;
  context.strokeStyle = colour;
  context.stroke(path);
  context.setLineDash([]);
}
