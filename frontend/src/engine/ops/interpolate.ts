/**
 * The instant preview: a shape between two drawn slices, voxel for voxel as worker/learning/interpolation.py makes it, which says
 * how and why. In short: signed distances in mm, saturated at the length of the gap, mixed linearly; a cell belongs to the shape
 * where the mixture is at most 0, or at the level at which the shape is as large as it should be there. Where both slices hold
 * exactly one component of at least 4 cells and their centroids lie closer than 1.5 · (r_a + r_b), with r the radius of the disc of
 * equal area, both shapes are first moved to the centroid between them.
 */
import { findComponents } from "./components";
import { measureDistances, type Plane } from "./signedDistance";
import { smallest } from "./smallest";

const MIN_COMPONENT_CELLS = 4;
const NEAR_RADII = 1.5;
/** Of what a ball has more than the area in between. */
const BULGE = 0.5;
/** Mixtures are compared in such steps, so that the last bits of no machine decide. */
const STEPS_PER_MM = 2 ** 20;

/** One slice's shape. At least one cell is inside. */
export interface Shape {
  readonly plane: Plane;
  readonly cells: number;
  readonly isOnePiece: boolean;
  readonly centroid: readonly [u: number, v: number];
  readonly box: CellRange;
}

/** First and last column and row inside. */
export type CellRange = readonly [left: number, top: number, right: number, bottom: number];

export function describeShape(plane: Plane): Shape {
  const { cells, width, height } = plane;
  let [count, sumU, sumV] = [0, 0, 0];
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      if (cells[v * width + u] !== 1) continue;
      count++;
      sumU += u;
      sumV += v;
      if (u < left) left = u;
      if (u > right) right = u;
      if (v < top) top = v;
      bottom = v;
    }
  }
  const mask = { box: { min: [0, 0, 0], max: [width - 1, height - 1, 0] }, size: [width, height, 1], cells } as const;
  const { voxels } = findComponents(mask, 1, "corners");
  return {
    plane,
    cells: count,
    isOnePiece: voxels.filter((each) => each >= MIN_COMPONENT_CELLS).length === 1,
    centroid: [sumU / count, sumV / count],
    box: [left, top, right, bottom],
  };
}

/** Two shapes `gapMm` apart. */
export class Between {
  /** from the centroid of a to that of b in cells, where both are moved to the one between them; else nothing */
  private readonly move: readonly [u: number, v: number];
  /** whatever is looked up lies in here or beyond the slice */
  private readonly frame: CellRange;
  private readonly distances: readonly [Float64Array, Float64Array];

  constructor(
    private readonly a: Shape,
    private readonly b: Shape,
    gapMm: number,
  ) {
    this.move = areNear(a, b) ? [b.centroid[0] - a.centroid[0], b.centroid[1] - a.centroid[1]] : [0, 0];
    const margin = Math.floor(Math.max(Math.abs(this.move[0]), Math.abs(this.move[1]))) + 2;
    const { width, height } = a.plane;
    this.frame = [
      Math.max(0, Math.min(a.box[0], b.box[0]) - margin),
      Math.max(0, Math.min(a.box[1], b.box[1]) - margin),
      Math.min(width - 1, Math.max(a.box[2], b.box[2]) + margin),
      Math.min(height - 1, Math.max(a.box[3], b.box[3]) + margin),
    ];
    this.distances = [saturated(a.plane, this.frame, gapMm), saturated(b.plane, this.frame, gapMm)];
  }

  /** Cells of the shape `share` (0–1, exclusive) of the way from a to b, all of them within `box`. */
  at(share: number): { readonly cells: Uint8Array; readonly box: CellRange } {
    const box = this.box(share);
    const [left, top, right, bottom] = box;
    const { width, height } = this.a.plane;
    const [du, dv] = this.move;
    const rowOfA = this.look(this.distances[0], box, -share * du, -share * dv);
    const rowOfB = this.look(this.distances[1], box, (1 - share) * du, (1 - share) * dv);
    const cells = new Uint8Array(width * height);
    const outside = new Float64Array((right - left + 1) * (bottom - top + 1));
    const where = new Int32Array(outside.length);
    const [rest, count] = [1 - share, right - left + 1];
    let [inside, others] = [0, 0];
    for (let v = top; v <= bottom; v++) {
      const [rowA, rowB, first] = [rowOfA(v), rowOfB(v), v * width + left];
      for (let n = 0; n < count; n++) {
        const steps = Math.floor((rest * (rowA[n] as number) + share * (rowB[n] as number)) * STEPS_PER_MM + 0.5);
        if (steps <= 0) {
          cells[first + n] = 1;
          inside++;
        } else {
          outside[others] = steps;
          where[others++] = first + n;
        }
      }
    }
    const missing = Math.min(this.wanted(share) - inside, others);
    if (missing <= 0) return { cells, box };
    const level = smallest(outside.slice(0, others), missing);
    for (let n = 0; n < others; n++) if ((outside[n] as number) <= level) cells[where[n] as number] = 1;
    return { cells, box };
  }

  /** How many cells the shape has there at least. */
  private wanted(share: number): number {
    const [a, b] = [this.a.cells, this.b.cells];
    return Math.floor((1 - share) * a + share * b + BULGE * share * (1 - share) * Math.abs(a - b) + 0.5);
  }

  /** Around both shapes where they are moved to, within the slice. */
  private box(share: number): CellRange {
    const { width, height } = this.a.plane;
    const [a, b] = [this.a.box, this.b.box];
    const [du, dv] = this.move;
    const least = (n: 0 | 1, move: number): number =>
      Math.max(0, Math.floor(Math.min(a[n] + share * move, b[n] + (share - 1) * move)));
    const most = (n: 2 | 3, move: number): number =>
      Math.ceil(Math.max(a[n] + share * move, b[n] + (share - 1) * move));
    return [least(0, du), least(1, dv), Math.min(width - 1, most(2, du)), Math.min(height - 1, most(3, dv))];
  }

  /** For each row of the box, top to bottom, what stands (u, v) cells away: bilinear, beyond the slice its nearest cell speaks. */
  private look(distances: Float64Array, box: CellRange, u: number, v: number): (row: number) => Float64Array {
    const [left, , right] = box;
    const { frame } = this;
    const [firstU, firstV] = [Math.floor(u), Math.floor(v)];
    const [across, down] = [u - firstU, v - firstV];
    const width = frame[2] - frame[0] + 1;
    const within = (at: number, first: number, last: number): number => Math.min(Math.max(at, first), last) - first;
    const length = right - left + 1;
    const columns = Int32Array.from({ length: length + 1 }, (_, n) => within(left + n + firstU, frame[0], frame[2]));
    if (across === 0 && down === 0)
      return (row) => {
        const start = (row - frame[1]) * width + left - frame[0];
        return distances.subarray(start, start + length);
      };
    let [upper, lower] = [new Float64Array(length), new Float64Array(length)];
    const there = new Float64Array(length);
    const read = (into: Float64Array, row: number): void => {
      const start = within(row + firstV, frame[1], frame[3]) * width;
      for (let n = 0; n < length; n++) {
        const here = distances[start + (columns[n] as number)] as number;
        into[n] = (1 - across) * here + across * (distances[start + (columns[n + 1] as number)] as number);
      }
    };
    read(lower, box[1]);
    return (row) => {
      [upper, lower] = [lower, upper];
      read(lower, row + 1);
      for (let n = 0; n < length; n++) there[n] = (1 - down) * (upper[n] as number) + down * (lower[n] as number);
      return there;
    };
  }
}

/** Distances within a frame of the slice, none of them counting for more than the length of the gap. */
function saturated({ cells, width, metric }: Plane, frame: CellRange, gapMm: number): Float64Array {
  const [left, top, right, bottom] = frame;
  const size = { width: right - left + 1, height: bottom - top + 1 };
  const cut = new Uint8Array(size.width * size.height);
  for (let v = top; v <= bottom; v++)
    cut.set(cells.subarray(v * width + left, v * width + right + 1), (v - top) * size.width);
  const distances = measureDistances({ cells: cut, ...size, metric });
  for (let n = 0; n < distances.length; n++) {
    const distance = distances[n] as number;
    distances[n] = Number.isFinite(distance)
      ? distance / (1 + Math.abs(distance) / gapMm)
      : Math.sign(distance) * gapMm;
  }
  return distances;
}

function areNear(a: Shape, b: Shape): boolean {
  const { uu, vv, uv } = a.plane.metric;
  if (!a.isOnePiece || !b.isOnePiece) return false;
  const du = b.centroid[0] - a.centroid[0];
  const dv = b.centroid[1] - a.centroid[1];
  const apart = Math.sqrt(uu * du * du + vv * dv * dv + 2 * uv * du * dv);
  const cellArea = Math.sqrt(uu * vv - uv * uv);
  const radius = (cells: number): number => Math.sqrt((cells * cellArea) / Math.PI);
  return apart < NEAR_RADII * (radius(a.cells) + radius(b.cells));
}
