/**
 * Voxels ↔ screen for one view: zoom and pan on a plane of the grid, drawn with the mm aspect of its voxels.
 *
 * Three spaces. *Voxel*: indices (i, j, k). *Cell*: column and row of the slice as displayed, flips applied; the cell of
 * a voxel covers [c, c+1), so a centre is at c + 0.5. *Screen*: CSS pixels from the canvas's top left corner.
 */
import type { Point3 } from "../types";
import type { PlaneAxes } from "./planes";

export interface ScreenPoint {
  readonly x: number;
  readonly y: number;
}

export interface ViewTransform {
  readonly axes: PlaneAxes;
  readonly pxPerMm: number;
  /** screen position of cell (0, 0)'s corner */
  readonly originX: number;
  readonly originY: number;
}

/** Pointer positions are rounded to this before any tool sees them, so that a journal replays identically everywhere. */
export const POINTER_STEPS_PER_VOXEL = 64;
const FIT_MARGIN = 0.98;

/** The whole slice, centred. An empty box (hidden view) gives a transform that is valid but shows nothing. */
export function fitView(axes: PlaneAxes, widthPx: number, heightPx: number): ViewTransform {
  const [widthMm, heightMm] = [axes.columns * axes.columnMm, axes.rows * axes.rowMm];
  const pxPerMm = Math.max(1e-6, FIT_MARGIN * Math.min(widthPx / widthMm, heightPx / heightMm));
  return {
    axes,
    pxPerMm,
    originX: (widthPx - widthMm * pxPerMm) / 2,
    originY: (heightPx - heightMm * pxPerMm) / 2,
  };
}

export function panView(view: ViewTransform, dx: number, dy: number): ViewTransform {
  return { ...view, originX: view.originX + dx, originY: view.originY + dy };
}

/** Zoom keeping the point under the cursor where it is; between 0.02 and 400 px per mm. */
export function zoomView(view: ViewTransform, factor: number, at: ScreenPoint): ViewTransform {
  const pxPerMm = Math.min(400, Math.max(0.02, view.pxPerMm * factor));
  const ratio = pxPerMm / view.pxPerMm;
  return {
    ...view,
    pxPerMm,
    originX: at.x - (at.x - view.originX) * ratio,
    originY: at.y - (at.y - view.originY) * ratio,
  };
}

export function cellWidthPx(view: ViewTransform): number {
  return view.axes.columnMm * view.pxPerMm;
}

export function cellHeightPx(view: ViewTransform): number {
  return view.axes.rowMm * view.pxPerMm;
}

/** Cell corner coordinates (fractions allowed) to screen. */
export function cellToScreen(view: ViewTransform, column: number, row: number): ScreenPoint {
  return { x: view.originX + column * cellWidthPx(view), y: view.originY + row * cellHeightPx(view) };
}

/** Voxel position (centres at integers) to screen; the coordinate through the slice does not matter. */
export function voxelToScreen(view: ViewTransform, ijk: Point3): ScreenPoint {
  const { axes } = view;
  const column = ijk[axes.columnAxis as 0 | 1 | 2];
  const row = ijk[axes.rowAxis as 0 | 1 | 2];
  return cellToScreen(
    view,
    (axes.columnFlip ? axes.columns - 1 - column : column) + 0.5,
    (axes.rowFlip ? axes.rows - 1 - row : row) + 0.5,
  );
}

/** Screen to voxel position on slice `slice`, rounded to 1/64 voxel. May lie outside the grid. */
export function screenToVoxel(view: ViewTransform, at: ScreenPoint, slice: number): Point3 {
  const { axes } = view;
  const column = (at.x - view.originX) / cellWidthPx(view) - 0.5;
  const row = (at.y - view.originY) / cellHeightPx(view) - 0.5;
  const ijk: [number, number, number] = [0, 0, 0];
  ijk[axes.columnAxis as 0 | 1 | 2] = roundPointer(axes.columnFlip ? axes.columns - 1 - column : column);
  ijk[axes.rowAxis as 0 | 1 | 2] = roundPointer(axes.rowFlip ? axes.rows - 1 - row : row);
  ijk[axes.sliceAxis as 0 | 1 | 2] = slice;
  return ijk;
}

export function roundPointer(position: number): number {
  return Math.round(position * POINTER_STEPS_PER_VOXEL) / POINTER_STEPS_PER_VOXEL;
}

/** The voxel whose half-open cell [n − ½, n + ½) holds a position. */
export function nearestVoxel(position: Point3): Point3 {
  return [Math.floor(position[0] + 0.5), Math.floor(position[1] + 0.5), Math.floor(position[2] + 0.5)];
}
