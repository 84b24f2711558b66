/**
 * Connected components of a mask, by runs along x and union-find: linear in runs, not in voxels times neighbours.
 *
 * `faces`: neighbours share a face (4 in a slice, 6 in the volume). `corners`: a corner is enough (8, 26). Components
 * are numbered in the order of their first voxel, x fastest, as scipy.ndimage.label numbers them.
 */
import type { Mask } from "./mask";

export type Neighbours = "faces" | "corners";

export interface Components {
  readonly count: number;
  /** run r covers cells starts[r] … ends[r] − 1 of row rows[r] (y + height · z) and belongs to component of[r] */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly rows: Int32Array;
  readonly of: Int32Array;
  /** voxels of each component */
  readonly voxels: Float64Array;
}

/** Components of the cells that equal `value` (0 or 1). */
export function findComponents(mask: Mask, value: 0 | 1, neighbours: Neighbours): Components {
  const runs = listRuns(mask, value);
  const parents = Int32Array.from(runs.starts, (_, run) => run);
  const [, height, depth] = mask.size;
  const reach = neighbours === "corners" ? 1 : 0;
  const join = (row: number, other: number): void => joinRows(runs, parents, row, other, reach);
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const row = y + height * z;
      if (y > 0) join(row, row - 1);
      if (z === 0) continue;
      for (let dy = -reach; dy <= reach; dy++) if (y + dy >= 0 && y + dy < height) join(row, row + dy - height);
    }
  }
  return number(runs, parents);
}

interface RunList {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly rows: Int32Array;
  /** runs of row r are rowEnds[r] … rowEnds[r + 1] − 1 */
  readonly rowEnds: Int32Array;
}

/** Runs of cells that equal `value`, row after row. */
export function listRuns({ size, cells }: Mask, value: 0 | 1): RunList {
  const [width, height, depth] = size;
  const starts: number[] = [];
  const ends: number[] = [];
  const rows: number[] = [];
  const rowEnds = new Int32Array(height * depth + 1);
  for (let row = 0; row < height * depth; row++) {
    const first = row * width;
    for (let x = 0; x < width; x++) {
      if (cells[first + x] !== value) continue;
      starts.push(x);
      while (x < width && cells[first + x] === value) x++;
      ends.push(x);
      rows.push(row);
    }
    rowEnds[row + 1] = starts.length;
  }
  return { starts: Int32Array.from(starts), ends: Int32Array.from(ends), rows: Int32Array.from(rows), rowEnds };
}

/** Joins the runs of two rows that touch; `reach` 1 lets corners touch. */
function joinRows(runs: RunList, parents: Int32Array, row: number, other: number, reach: 0 | 1): void {
  const { starts, ends, rowEnds } = runs;
  let a = rowEnds[row] as number;
  let b = rowEnds[other] as number;
  const [lastA, lastB] = [rowEnds[row + 1] as number, rowEnds[other + 1] as number];
  while (a < lastA && b < lastB) {
    const [endA, endB] = [ends[a] as number, ends[b] as number];
    if ((starts[a] as number) < endB + reach && (starts[b] as number) < endA + reach) unite(parents, a, b);
    if (endA < endB) a++;
    else b++;
  }
}

function findRoot(parents: Int32Array, run: number): number {
  let root = run;
  while (parents[root] !== root) {
    parents[root] = parents[parents[root] as number] as number;
    root = parents[root] as number;
  }
  return root;
}

/** The earlier root stays, so that a component's root is its first run. */
function unite(parents: Int32Array, a: number, b: number): void {
  const [rootA, rootB] = [findRoot(parents, a), findRoot(parents, b)];
  if (rootA < rootB) parents[rootB] = rootA;
  else parents[rootA] = rootB;
}

function number({ starts, ends, rows }: RunList, parents: Int32Array): Components {
  const of = new Int32Array(starts.length);
  const voxels: number[] = [];
  for (let run = 0; run < starts.length; run++) {
    const root = findRoot(parents, run);
    if (root === run) voxels.push(0);
    of[run] = root === run ? voxels.length - 1 : (of[root] as number);
    const component = of[run] as number;
    voxels[component] = (voxels[component] as number) + (ends[run] as number) - (starts[run] as number);
  }
  return { count: voxels.length, starts, ends, rows, of, voxels: Float64Array.from(voxels) };
}
