/**
 * The cells inside a closed line: even-odd, by cell centre, edges half-open, so that two polygons sharing an edge cover
 * each cell exactly once. Corners are pointer positions in 1/64 steps, so every comparison is between whole numbers and
 * exact.
 */
import { POINTER_STEPS_PER_VOXEL } from "../geometry/viewTransform";

/** A corner in cells: u along the rows, v across them; cell centres are at whole numbers. */
export type Corner = readonly [u: number, v: number];

/** Cells left … right − 1 of row v. */
export type VisitSpan = (v: number, left: number, right: number) => void;

/**
 * Visits the spans of cells inside, within columns 0 … width − 1 and rows 0 … height − 1, in ascending order.
 *
 * An edge crosses row v when its lower end is at or above v and its upper end below it (v0 ≤ v < v1); a cell is inside
 * when an odd number of crossings lie at or left of its centre.
 */
export function fillPolygon(corners: readonly Corner[], width: number, height: number, visit: VisitSpan): void {
  const whole = corners.map(
    ([u, v]) => [Math.round(u * POINTER_STEPS_PER_VOXEL), Math.round(v * POINTER_STEPS_PER_VOXEL)] as const,
  );
  const crossings = new Map<number, number[]>();
  whole.forEach((corner, n) => {
    const [a, b] = [corner, whole[(n + 1) % whole.length] as readonly [number, number]];
    const [low, high] = a[1] <= b[1] ? [a, b] : [b, a];
    addCrossings(low, high, height, crossings);
  });
  for (const v of [...crossings.keys()].sort((a, b) => a - b)) {
    const columns = (crossings.get(v) as number[]).sort((a, b) => a - b);
    for (let n = 0; n + 1 < columns.length; n += 2) {
      const left = Math.max(0, columns[n] as number);
      const right = Math.min(width, columns[n + 1] as number);
      if (left < right) visit(v, left, right);
    }
  }
}

/** Notes, for each row an edge crosses, the first column at or right of the crossing. Coordinates in 1/64 cells. */
function addCrossings(
  low: readonly [number, number],
  high: readonly [number, number],
  height: number,
  crossings: Map<number, number[]>,
): void {
  const rise = high[1] - low[1];
  const run = high[0] - low[0];
  const first = Math.max(0, Math.ceil(low[1] / POINTER_STEPS_PER_VOXEL));
  for (let v = first; v < height && v * POINTER_STEPS_PER_VOXEL < high[1]; v++) {
    // u = u0 + (v − v0) · run / rise. The numerator stays below 2⁵³, and a quotient that is no whole number is far
    // enough from one for the division's rounding not to matter.
    const numerator = low[0] * rise + (v * POINTER_STEPS_PER_VOXEL - low[1]) * run;
    const column = Math.ceil(numerator / (rise * POINTER_STEPS_PER_VOXEL));
    const row = crossings.get(v);
    if (row === undefined) crossings.set(v, [column]);
    else row.push(column);
  }
}
