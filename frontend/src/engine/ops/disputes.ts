/**
 * Where readings of one image differ, as regions a reviewer decides one by one (PRODUCT 4.9; decision 11).
 *
 * Readers differ along nearly every border, in a rim a voxel or two wide that joins whatever lies along it. So a region is a
 * connected part (26 neighbours) of the disputed voxels without thin rims: of those whose four neighbours in the slice are
 * disputed too, and of what is disputed of the eight around them. Kept whole, thin or not, is what agreed background surrounds: a
 * structure that some readings have and others lack. Worked out on runs along x: the volume is never unpacked.
 */
import { makeLabelArray } from "../labels/editCodec";
import type { RowRuns } from "../labels/RowRuns";
import type { DisputedRegion, DisputedStretch, Disputes, LabelType, Point3, Runs } from "../types";

/** A stretch with its place in the forest of connected stretches. */
interface Node extends DisputedStretch {
  parent: Node;
  /** touches a voxel that all readings give one and the same label */
  touchesAgreed: boolean;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Row {
  readonly disputed: readonly Node[];
  /** labels, not background, that all readings agree on */
  readonly agreed: readonly Span[];
}

const EMPTY: Row = { disputed: [], agreed: [] };

/** readings: two or more on one grid, complete. Regions come in the order they are to be settled: most voxels × entropy first. */
export function findDisputes(readings: readonly RowRuns[]): Disputes {
  const first = readings[0];
  if (first === undefined) return { regions: [], rimVoxels: 0 };
  const { nx, ny, nz } = first;
  const slices = Array.from({ length: nz }, (_, k) => Array.from({ length: ny }, (_row, j) => readRow(readings, j, k)));
  const all = connect(slices);
  const withAgreed = new Set(all.filter((node) => node.touchesAgreed).map(findRoot));
  const isIsland = (node: Node) => !withAgreed.has(findRoot(node));
  const kept = connect(slices.map((rows) => dropRims(rows, isIsland)));
  return { regions: collect(kept, nx, ny), rimVoxels: countVoxels(all) - countVoxels(kept) };
}

/** Joins what touches in all rows of all slices, and lists it in ascending order. */
function connect(slices: readonly (readonly Row[])[]): readonly Node[] {
  const nodes: Node[] = [];
  slices.forEach((rows, k) => {
    const before = slices[k - 1] ?? [];
    rows.forEach((row, j) => {
      if (row === EMPTY) return;
      for (const node of row.disputed) nodes.push(node);
      link(row, row);
      link(row, rows[j - 1] ?? EMPTY);
      for (let beside = j - 1; beside <= j + 1; beside++) link(row, before[beside] ?? EMPTY);
    });
  });
  return nodes;
}

/** A slice's rows with what is kept of the disputed stretches, as stretches of their own. */
function dropRims(rows: readonly Row[], isIsland: (node: Node) => boolean): readonly Row[] {
  const joined = rows.map(({ disputed }) => join(disputed));
  const deep = joined.map((spans, j) => {
    const inside = spans.map(({ start, end }) => ({ start: start + 1, end: end - 1 }));
    return spans.length === 0 ? [] : intersect(intersect(inside, joined[j - 1] ?? []), joined[j + 1] ?? []);
  });
  return rows.map(({ disputed }, j) => {
    if (disputed.length === 0) return EMPTY;
    const near = [...(deep[j - 1] ?? []), ...(deep[j] ?? []), ...(deep[j + 1] ?? [])];
    const widened = near.map(({ start, end }) => ({ start: start - 1, end: end + 1 }));
    const thick = join(widened.sort((a, b) => a.start - b.start));
    const pieces = disputed.flatMap((node) =>
      (isIsland(node) ? [node] : intersect([node], thick)).map(({ start, end }) =>
        plant(node.row, start, end, node.ballot),
      ),
    );
    return pieces.length === 0 ? EMPTY : { disputed: pieces, agreed: [] };
  });
}

/** What a decision makes of a region: `label` says it for the readings' labels and the voxel's number. */
export function fillRegion(
  { stretches, rowLength, voxels }: DisputedRegion,
  dtype: LabelType,
  label: (ballot: readonly number[], index: number) => number,
): Runs {
  const starts: number[] = [];
  const lengths: number[] = [];
  const values = makeLabelArray(dtype, voxels);
  let at = 0;
  let end = -1;
  for (const { row, start, end: stop, ballot } of stretches) {
    const index = row * rowLength + start;
    const length = stop - start;
    if (index === end) lengths[lengths.length - 1] = (lengths.at(-1) as number) + length;
    else {
      starts.push(index);
      lengths.push(length);
    }
    end = index + length;
    for (let n = index; n < end; n++) values[at++] = label(ballot, n);
  }
  return { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values };
}

/** The label that most of those who draw anything here give; the smallest where several have as many. 0: nobody draws. */
export function unite(ballot: readonly number[]): number {
  let [best, most] = [0, 0];
  for (const label of new Set(ballot)) {
    if (label === 0) continue;
    const votes = ballot.filter((one) => one === label).length;
    if (votes > most || (votes === most && label < best)) [best, most] = [label, votes];
  }
  return best;
}

function readRow(readings: readonly RowRuns[], j: number, k: number): Row {
  const ends = new Set<number>();
  const runs = readings.map((reading) => {
    const own: { start: number; end: number; value: number }[] = [];
    reading.forEachRun(j, k, (start, end, value) => {
      own.push({ start, end, value });
      ends.add(start).add(end);
    });
    return own;
  });
  if (ends.size === 0) return EMPTY;
  const bounds = [...ends].sort((a, b) => a - b);
  const next = runs.map(() => 0);
  const disputed: Node[] = [];
  const agreed: Span[] = [];
  const row = j + (readings[0] as RowRuns).ny * k;
  for (let n = 0; n + 1 < bounds.length; n++) {
    const [start, end] = [bounds[n] as number, bounds[n + 1] as number];
    const ballot = runs.map((own, reading) => {
      while ((own[next[reading] as number]?.end ?? Number.POSITIVE_INFINITY) <= start)
        next[reading] = (next[reading] as number) + 1;
      const run = own[next[reading] as number];
      return run !== undefined && run.start <= start ? run.value : 0;
    });
    if (ballot.some((label) => label !== ballot[0])) disputed.push(plant(row, start, end, ballot));
    else if (ballot[0] !== 0) agreed.push({ start, end });
  }
  return { disputed, agreed };
}

function plant(row: number, start: number, end: number, ballot: readonly number[]): Node {
  const node: Omit<Node, "parent"> & { parent: Node | null } = {
    row,
    start,
    end,
    ballot,
    parent: null,
    touchesAgreed: false,
  };
  node.parent = node as Node;
  return node as Node;
}

function findRoot(node: Node): Node {
  let root = node;
  while (root.parent !== root) root = root.parent;
  for (let at = node; at !== root; ) {
    const above = at.parent;
    at.parent = root;
    at = above;
  }
  return root;
}

/** Joins what touches, corners included, in two rows that lie beside each other (or in one and the same). */
function link(row: Row, other: Row): void {
  forEachTouching(row.disputed, other.disputed, (mine, theirs) => {
    findRoot(mine).parent = findRoot(theirs);
  });
  forEachTouching(row.disputed, other.agreed, (mine) => {
    mine.touchesAgreed = true;
  });
  if (row === other) return;
  forEachTouching(other.disputed, row.agreed, (theirs) => {
    theirs.touchesAgreed = true;
  });
}

/** Both in ascending x; half-open, so that equal bounds are neighbours. */
function forEachTouching<A extends Span, B extends Span>(
  mine: readonly A[],
  theirs: readonly B[],
  touch: (a: A, b: B) => void,
): void {
  let from = 0;
  for (const a of mine) {
    while (from < theirs.length && (theirs[from] as B).end < a.start) from++;
    for (let n = from; n < theirs.length && (theirs[n] as B).start <= a.end; n++) touch(a, theirs[n] as B);
  }
}

/** Stretches by their starts, those that overlap or lie end to end as one. */
function join(spans: readonly Span[]): Span[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

function intersect(a: readonly Span[], b: readonly Span[]): Span[] {
  const both: Span[] = [];
  for (const one of a) {
    for (const other of b) {
      const [start, end] = [Math.max(one.start, other.start), Math.min(one.end, other.end)];
      if (start < end) both.push({ start, end });
    }
  }
  return both;
}

function countVoxels(stretches: readonly Span[]): number {
  return stretches.reduce((sum, { start, end }) => sum + end - start, 0);
}

function collect(nodes: readonly Node[], nx: number, ny: number): DisputedRegion[] {
  const byRoot = new Map<Node, Node[]>();
  for (const node of nodes) {
    const root = findRoot(node);
    const own = byRoot.get(root);
    if (own === undefined) byRoot.set(root, [node]);
    else own.push(node);
  }
  const regions = [...byRoot.values()].map((stretches): DisputedRegion => {
    const entropy = stretches.reduce((sum, { start, end, ballot }) => sum + (end - start) * measureEntropy(ballot), 0);
    const head = stretches[0] as Node;
    const [key, middle] = [head.row * nx + head.start, findMiddle(stretches, ny)];
    return { key, voxels: countVoxels(stretches), entropy, middle, stretches, rowLength: nx };
  });
  return regions.sort((a, b) => b.entropy - a.entropy || a.key - b.key);
}

/** Shannon entropy of the labels given, in bits. */
function measureEntropy(ballot: readonly number[]): number {
  let bits = 0;
  for (const label of new Set(ballot)) {
    const share = ballot.filter((one) => one === label).length / ballot.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}

/** A voxel of the region to look at: the middle of the longest stretch of the slice that has most of it. */
function findMiddle(stretches: readonly DisputedStretch[], ny: number): Point3 {
  const perSlice = new Map<number, number>();
  const sliceOf = (row: number) => Math.floor(row / ny);
  for (const { row, start, end } of stretches)
    perSlice.set(sliceOf(row), (perSlice.get(sliceOf(row)) ?? 0) + end - start);
  const [k] = [...perSlice].reduce((best, one) => (one[1] > best[1] ? one : best));
  const longest = stretches
    .filter(({ row }) => sliceOf(row) === k)
    .reduce((best, one) => (one.end - one.start > best.end - best.start ? one : best));
  return [Math.floor((longest.start + longest.end - 1) / 2), longest.row % ny, k];
}
