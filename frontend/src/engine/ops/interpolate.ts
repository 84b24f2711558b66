/**
 * A shape between two drawn slices (LEARNING.md section 4, "Instant preview"): signed distances in mm, mixed linearly;
 * a cell belongs to the shape where the mixture is at most 0.
 *
 * Where both slices hold exactly one component of at least 4 cells and their centroids lie closer than 1.5 · (r_a + r_b),
 * with r the radius of the disc of equal area, both shapes are first moved to the centroid between them, by whole cells.
 * A shape less than half as large as the smaller neighbour has vanished midway: the nearer slice is copied instead.
 */
import { findComponents } from "./components";
import { NEAR_ERROR, type PlaneMetric, SignedDistance } from "./signedDistance";

const MIN_COMPONENT_CELLS = 4;
const NEAR_RADII = 1.5;
const VANISHED_SHARE = 0.5;

/** One slice's shape: `cells` 1 inside, 0 outside, width × height. At least one cell is inside. */
export interface Shape {
  readonly distance: SignedDistance;
  readonly cells: number;
  readonly isOnePiece: boolean;
  readonly centroid: readonly [u: number, v: number];
  readonly box: CellRange;
}

/** First and last column and row inside. */
export type CellRange = readonly [left: number, top: number, right: number, bottom: number];

export function describeShape(cells: Uint8Array, width: number, height: number, metric: PlaneMetric): Shape {
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
    distance: new SignedDistance(cells, width, height, metric),
    cells: count,
    isOnePiece: voxels.filter((each) => each >= MIN_COMPONENT_CELLS).length === 1,
    centroid: [sumU / count, sumV / count],
    box: [left, top, right, bottom],
  };
}

/** Cells of the shape `share` (0–1, exclusive) of the way from a to b, all of them within `box`. */
export function interpolateShapes(
  a: Shape,
  b: Shape,
  share: number,
  metric: PlaneMetric,
): { readonly cells: Uint8Array; readonly box: CellRange } {
  const { width, height } = a.distance;
  const [shiftA, shiftB] = areNear(a, b, metric) ? alignShapes(a, b, share) : [STAY, STAY];
  const mixed = new Uint8Array(width * height);
  let count = 0;
  const left = Math.max(0, Math.min(a.box[0] + shiftA[0], b.box[0] + shiftB[0]));
  const top = Math.max(0, Math.min(a.box[1] + shiftA[1], b.box[1] + shiftB[1]));
  const right = Math.min(width - 1, Math.max(a.box[2] + shiftA[0], b.box[2] + shiftB[0]));
  const bottom = Math.min(height - 1, Math.max(a.box[3] + shiftA[1], b.box[3] + shiftB[1]));
  for (let v = top; v <= bottom; v++) {
    for (let u = left; u <= right; u++) {
      if (!isBetween(a.distance, u - shiftA[0], v - shiftA[1], b.distance, u - shiftB[0], v - shiftB[1], share))
        continue;
      mixed[v * width + u] = 1;
      count++;
    }
  }
  if (count >= VANISHED_SHARE * Math.min(a.cells, b.cells)) return { cells: mixed, box: [left, top, right, bottom] };
  const { distance, box } = share <= 0.5 ? a : b;
  return { cells: distance.cells, box };
}

const STAY: readonly [number, number] = [0, 0];

/** Whether the mixture of both distances is at most 0. A cell from beyond the grid is infinitely far outside. */
function isBetween(
  a: SignedDistance,
  uA: number,
  vA: number,
  b: SignedDistance,
  uB: number,
  vB: number,
  share: number,
): boolean {
  const [inA, inB] = [a.isInside(uA, vA), b.isInside(uB, vB)];
  if (inA === inB) return inA;
  if (!isCell(a, uA, vA) || !isCell(b, uB, vB)) return false;
  const [nearA, nearB] = [(1 - share) * a.near(uA, vA), share * b.near(uB, vB)];
  const isClear = Math.abs(nearA + nearB) > 4 * NEAR_ERROR * (Math.abs(nearA) + Math.abs(nearB));
  return (isClear ? nearA + nearB : (1 - share) * a.at(uA, vA) + share * b.at(uB, vB)) <= 0;
}

function isCell({ width, height }: SignedDistance, u: number, v: number): boolean {
  return u >= 0 && v >= 0 && u < width && v < height;
}

function areNear(a: Shape, b: Shape, { uu, vv, uv }: PlaneMetric): boolean {
  if (!a.isOnePiece || !b.isOnePiece) return false;
  const du = b.centroid[0] - a.centroid[0];
  const dv = b.centroid[1] - a.centroid[1];
  const apart = Math.sqrt(uu * du * du + vv * dv * dv + 2 * uv * du * dv);
  const cellArea = Math.sqrt(uu * vv - uv * uv);
  const radius = (cells: number): number => Math.sqrt((cells * cellArea) / Math.PI);
  return apart < NEAR_RADII * (radius(a.cells) + radius(b.cells));
}

/** Whole-cell moves of a and of b to the centroid between them. */
function alignShapes(a: Shape, b: Shape, share: number): [readonly [number, number], readonly [number, number]] {
  const du = b.centroid[0] - a.centroid[0];
  const dv = b.centroid[1] - a.centroid[1];
  const round = (cells: number): number => Math.floor(cells + 0.5);
  return [
    [round(share * du), round(share * dv)],
    [round((share - 1) * du), round((share - 1) * dv)],
  ];
}
