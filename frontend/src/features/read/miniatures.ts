/** Where the miniatures of several opinions look: one slice and one box for all, so that they can be compared. Pure. */
import type { Plane, Point3, Runs } from "../../engine";
import type { MiniaturePlace } from "./store";

/**
 * The acquisition slice on which the opinions together draw most, and the box of all they draw there; null where nothing is.
 * `preferred`: a slice taken instead where any of them draws on it.
 */
export function placeOf(
  opinions: readonly Runs[],
  dims: { readonly nx: number; readonly ny: number; readonly nz: number },
  plane: Plane,
  preferred: number | null = null,
): MiniaturePlace | null {
  const { nx, ny, nz } = dims;
  const drawn = new Float64Array(nz);
  for (const runs of opinions)
    eachRow(runs, nx, (first, last, row) => {
      const slice = Math.floor(row / ny);
      drawn[slice] = (drawn[slice] as number) + last - first + 1;
    });
  const slice = preferred !== null && drawn[preferred] ? preferred : drawn.indexOf(Math.max(...drawn));
  if (slice < 0 || drawn[slice] === 0) return null;
  const [min, max]: [number, number, number][] = [
    [nx, ny, slice],
    [-1, -1, slice],
  ] as [[number, number, number], [number, number, number]];
  if (min === undefined || max === undefined) return null;
  for (const runs of opinions)
    eachRow(runs, nx, (first, last, row) => {
      if (Math.floor(row / ny) !== slice) return;
      min[0] = Math.min(min[0], first);
      max[0] = Math.max(max[0], last);
      min[1] = Math.min(min[1], row % ny);
      max[1] = Math.max(max[1], row % ny);
    });
  return { plane, slice, box: { min: min as Point3, max: max as Point3 } };
}

/** Calls back with the first and last voxel of every run within its row, a run over several rows row by row. */
function eachRow(runs: Runs, nx: number, visit: (first: number, last: number, row: number) => void): void {
  runs.starts.forEach((start, n) => {
    const end = start + (runs.lengths[n] as number);
    for (let at = start; at < end; ) {
      const row = Math.floor(at / nx);
      const next = Math.min(end, (row + 1) * nx);
      visit(at - row * nx, next - 1 - row * nx, row);
      at = next;
    }
  });
}
