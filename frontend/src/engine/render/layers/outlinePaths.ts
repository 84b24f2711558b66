/** Outlines as Path2D: made once per slice in cell corners, placed on the screen once per pan or zoom. */
import { cellHeightPx, cellWidthPx, type ViewTransform } from "../../geometry/viewTransform";
import { type Outline, traceOutlines } from "../../ops/outline";
import type { Dash, LabelArray } from "../../types";

export interface LabelPath {
  readonly label: number;
  readonly path: Path2D;
}

export const LINE_PX = 1.5;
const HALO_PX = 3.5;
const HALO_COLOUR = "rgba(0, 0, 0, 0.75)";

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
export function strokeOutline(context: CanvasRenderingContext2D, path: Path2D, colour: string, dash: Dash): void {
  context.lineJoin = "round";
  context.setLineDash([]);
  context.lineWidth = HALO_PX;
  context.strokeStyle = HALO_COLOUR;
  context.stroke(path);
  context.setLineDash([...DASHES[dash]]);
  context.lineWidth = LINE_PX;
  context.strokeStyle = colour;
  context.stroke(path);
  context.setLineDash([]);
}
