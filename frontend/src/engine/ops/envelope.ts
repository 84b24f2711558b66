/**
 * The envelope of several opinions: what some of them hold and not all alike, between their intersection and their union.
 *
 * Each of its voxels has the value of the first opinion that holds one there. Where all agree it is empty, so its outlines are
 * the innermost and the outermost that were drawn. No array of the grid's size: the sorted runs are walked together.
 */
import type { Runs } from "../types";

/** One opinion's run that is walked: voxels from `start` to before `end`, the first of which has `values[at]`. */
interface Walk {
  readonly runs: Runs;
  run: number;
  at: number;
}

export function buildEnvelope(opinions: readonly Runs[]): Runs {
  const walks: Walk[] = opinions.map((runs) => ({ runs, run: 0, at: 0 }));
  const starts: number[] = [];
  const lengths: number[] = [];
  const values: number[] = [];
  for (let from = firstVoxel(walks, 0); from < Number.POSITIVE_INFINITY; ) {
    // Up to `end` the same opinions hold something.
    const holding = walks.filter(({ runs, run }) => (runs.starts[run] ?? Number.POSITIVE_INFINITY) <= from);
    const ends = holding.map(endOf);
    const later = walks.map(({ runs, run }) => runs.starts[run] ?? Number.POSITIVE_INFINITY);
    const end = Math.min(...ends, ...later.filter((start) => start > from));
    for (let index = from; index < end; index++) {
      const [first, ...others] = holding.map(
        ({ runs, run, at }) => runs.values[at + index - (runs.starts[run] as number)],
      );
      if (holding.length === walks.length && others.every((value) => value === first)) continue;
      if (isNext(starts, lengths, index)) lengths[lengths.length - 1] = (lengths.at(-1) as number) + 1;
      else {
        starts.push(index);
        lengths.push(1);
      }
      values.push(first as number);
    }
    for (const walk of holding) {
      if (endOf(walk) > end) continue;
      walk.at += walk.runs.lengths[walk.run] as number;
      walk.run += 1;
    }
    from = firstVoxel(walks, end);
  }
  return { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values: Uint8Array.from(values) };
}

/** The next voxel that any opinion holds, from `least` on; infinity where there is none. */
function firstVoxel(walks: readonly Walk[], least: number): number {
  const next = walks.map(({ runs, run }) => Math.max(least, runs.starts[run] ?? Number.POSITIVE_INFINITY));
  return Math.min(Number.POSITIVE_INFINITY, ...next);
}

function endOf({ runs, run }: Walk): number {
  return (runs.starts[run] as number) + (runs.lengths[run] as number);
}

function isNext(starts: readonly number[], lengths: readonly number[], index: number): boolean {
  return starts.length > 0 && (starts.at(-1) as number) + (lengths.at(-1) as number) === index;
}
