/** Which voxels that a change would overwrite are the reader's own work and not a proposal's: what may not go unseen. */
import type { Edit, Runs } from "../types";

const OPEN = 0;
const TAKEN_OVER = 1;
const BY_HAND = 2;

/**
 * Voxels of `change` whose present value the reader drew or erased, counted by that value (0: erased). `standing`: the edits that stand, oldest first; the
 * last one to touch a voxel decides, and only "accept" and "opinion" take over a proposal. What no edit touched came with the revision
 * the reading continues: drawn unless it is background.
 */
export function countHandDrawn(change: Edit, standing: readonly Edit[]): ReadonlyMap<number, number> {
  const states = new Uint8Array(change.voxels);
  for (const edit of standing.toReversed()) mark(states, change.runs, edit);
  return countValues(change, (at) => states[at] === BY_HAND || (states[at] === OPEN && change.before[at] !== 0));
}

/** How many voxels of a change had each value before it; those of which `counts` is false are left out. */
export function countValues(change: Edit, counts: (at: number) => boolean): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (let at = 0; at < change.voxels; at++) {
    if (!counts(at)) continue;
    const value = change.before[at] as number;
    found.set(value, (found.get(value) ?? 0) + 1);
  }
  return found;
}

/** Both are sorted, so one walk over their runs finds what they share. */
function mark(states: Uint8Array, runs: Runs, { runs: theirs, tool }: Edit): void {
  const state = tool === "accept" || tool === "opinion" ? TAKEN_OVER : BY_HAND;
  let other = 0;
  let at = 0;
  for (let run = 0; run < runs.starts.length; run++) {
    const start = runs.starts[run] as number;
    const end = start + (runs.lengths[run] as number);
    while (other < theirs.starts.length && endOf(theirs, other) <= start) other++;
    for (let next = other; next < theirs.starts.length && (theirs.starts[next] as number) < end; next++) {
      const first = Math.max(start, theirs.starts[next] as number);
      const last = Math.min(end, endOf(theirs, next));
      for (let index = first; index < last; index++) states[at + index - start] ||= state;
    }
    at += end - start;
  }
}

function endOf({ starts, lengths }: Runs, run: number): number {
  return (starts[run] as number) + (lengths[run] as number);
}
