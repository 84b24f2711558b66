/**
 * The surface of one label as triangles in patient millimetres: surface nets (Gibson 1998) over the share of each block
 * of voxels that carries the label, at the level of one half.
 *
 * Blocks of more than one voxel keep large organs at a size that a software renderer can turn; for looking at, never a
 * source of labels or of figures.
 */
import { toMm } from "../geometry/affine";
import type { RowRuns } from "../labels/RowRuns";
import type { Point3, SurfaceMesh } from "../types";

/** Blocks along the longest side. */
const LONGEST_SIDE = 112;
const LEVEL = 0.5;

/** The eight corners of a cell, and its twelve edges as pairs of them. */
const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n & 1, (n >> 1) & 1, n >> 2] as const);
const EDGES = CORNERS.flatMap((_, from) =>
  [1, 2, 4].filter((bit) => (from & bit) === 0).map((bit) => [from, from | bit] as const),
);

interface Field {
  /** voxels of a block along each axis */
  readonly block: Point3;
  /** voxel where the first block begins; one empty block lies around the label */
  readonly origin: Point3;
  readonly size: Point3;
  readonly shares: Float32Array;
}

/** Null where the label has no voxel. */
export function buildSurfaceMesh(map: RowRuns, label: number, affine: readonly number[]): SurfaceMesh | null {
  const field = sampleField(map, label);
  if (field === null) return null;
  const { vertexOf, points } = placeVertices(field, affine);
  return { points: Float32Array.from(points), triangles: Uint32Array.from(joinVertices(field, vertexOf, affine)) };
}

function sampleField(map: RowRuns, label: number): Field | null {
  const low = [Infinity, Infinity, Infinity];
  const high = [-1, -1, -1];
  const grow = (axis: number, first: number, last: number): void => {
    low[axis] = Math.min(low[axis] as number, first);
    high[axis] = Math.max(high[axis] as number, last);
  };
  map.forEachRunOf(label, (j, k, start, end) => {
    grow(0, start, end - 1);
    grow(1, j, j);
    grow(2, k, k);
  });
  if ((high[0] as number) < 0) return null;
  const extent = high.map((last, axis) => last - (low[axis] as number) + 1);
  const block = extent.map((voxels) => Math.max(1, Math.ceil(voxels / LONGEST_SIDE))) as [number, number, number];
  const origin = low.map((first, axis) => first - (block[axis] as number)) as [number, number, number];
  const size = extent.map((voxels, axis) => Math.ceil(voxels / (block[axis] as number)) + 2) as [
    number,
    number,
    number,
  ];
  const shares = new Float32Array(size[0] * size[1] * size[2]);
  const share = 1 / (block[0] * block[1] * block[2]);
  map.forEachRunOf(label, (j, k, start, end) => {
    const row = Math.floor((j - origin[1]) / block[1]) + size[1] * Math.floor((k - origin[2]) / block[2]);
    for (let i = start; i < end; i++) {
      const at = row * size[0] + Math.floor((i - origin[0]) / block[0]);
      shares[at] = (shares[at] as number) + share;
    }
  });
  return { block, origin, size, shares };
}

/** One vertex in every cell (of eight block centres) that the surface passes, at the mean of its edges' crossings. */
function placeVertices(field: Field, affine: readonly number[]): { vertexOf: Int32Array; points: number[] } {
  const { size, shares, block, origin } = field;
  const [nx, ny, nz] = size;
  const vertexOf = new Int32Array(shares.length).fill(-1);
  const points: number[] = [];
  const offsets = CORNERS.map(([x, y, z]) => x + nx * (y + ny * z));
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const cell = x + nx * (y + ny * z);
        const at = meanCrossing(shares, cell, offsets);
        if (at === null) continue;
        vertexOf[cell] = points.length / 3;
        const place = [x, y, z].map(
          (corner, axis) =>
            (origin[axis] as number) + (corner + (at[axis] as number) + 0.5) * (block[axis] as number) - 0.5,
        ) as [number, number, number];
        points.push(...toMm(affine, place));
      }
    }
  }
  return { vertexOf, points };
}

function meanCrossing(shares: Float32Array, cell: number, offsets: readonly number[]): Point3 | null {
  const sum = [0, 0, 0];
  let crossings = 0;
  for (const [from, to] of EDGES) {
    const [a, b] = [shares[cell + (offsets[from] as number)], shares[cell + (offsets[to] as number)]] as [
      number,
      number,
    ];
    if (a >= LEVEL === b >= LEVEL) continue;
    const part = (LEVEL - a) / (b - a);
    const [start, end] = [CORNERS[from], CORNERS[to]] as [Point3, Point3];
    for (const axis of [0, 1, 2] as const)
      sum[axis] = (sum[axis] as number) + start[axis] + (end[axis] - start[axis]) * part;
    crossings += 1;
  }
  if (crossings === 0) return null;
  return sum.map((total) => total / crossings) as [number, number, number];
}

/** Two triangles around each edge of the block grid that the surface crosses, facing out of the label. */
function joinVertices({ size, shares }: Field, vertexOf: Int32Array, affine: readonly number[]): number[] {
  const [nx, ny, nz] = size;
  const steps = [1, nx, nx * ny] as const;
  const isMirrored = determinant(affine) < 0;
  const triangles: number[] = [];
  // The rim of the field is empty, so no edge that is crossed lies in it: every cell asked for is there.
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const at = x + nx * (y + ny * z);
        for (const axis of [0, 1, 2] as const) {
          const inside = (shares[at] as number) >= LEVEL;
          if (inside === (shares[at + steps[axis]] as number) >= LEVEL) continue;
          const [u, v] = [steps[(axis + 1) % 3] as number, steps[(axis + 2) % 3] as number];
          const [a, b, c, d] = [at - u - v, at - v, at, at - u].map((cell) => vertexOf[cell] as number) as [
            number,
            number,
            number,
            number,
          ];
          if (inside === isMirrored) triangles.push(a, c, b, a, d, c);
          else triangles.push(a, b, c, a, c, d);
        }
      }
    }
  }
  return triangles;
}

function determinant(affine: readonly number[]): number {
  const [a = 0, b = 0, c = 0, , d = 0, e = 0, f = 0, , g = 0, h = 0, i = 0] = affine;
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}
