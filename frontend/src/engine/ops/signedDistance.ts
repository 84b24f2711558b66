/**
 * Signed distances in mm of a shape in one slice: to the nearest cell centre of the other side, negative inside, infinite where
 * there is none.
 *
 * Exact on every grid. Where columns stand at right angles to rows, by lower envelopes of parabolas (Felzenszwalb and Huttenlocher,
 * Theory of Computing 2012), linear in cells. Sheared in the plane, where separable transforms are wrong, rows are searched
 * outwards from the cell until none can be nearer, and in each row the nearest cell on either side is looked up.
 */

/** Metric of a plane in mm²: |Δ|² = uu·Δu² + vv·Δv² + 2·uv·Δu·Δv. */
export interface PlaneMetric {
  readonly uu: number;
  readonly vv: number;
  readonly uv: number;
}

/** `cells`: 1 inside, 0 outside, width × height. */
export interface Plane {
  readonly cells: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly metric: PlaneMetric;
}

export function measureDistances(plane: Plane): Float64Array {
  return plane.metric.uv === 0 ? measureUpright(plane) : measureSheared(plane);
}

function measureUpright(plane: Plane): Float64Array {
  const { cells } = plane;
  const distances = new Float64Array(cells.length);
  for (const side of [0, 1] as const) {
    const squared = squareAlongRows(plane, side);
    squareAlongColumns(plane, squared);
    for (let cell = 0; cell < cells.length; cell++) {
      if (cells[cell] === side) continue;
      const distance = Math.sqrt(squared[cell] as number);
      distances[cell] = side === 0 ? -distance : distance;
    }
  }
  return distances;
}

/** Squared distance along its row to the nearest cell of value `side`. */
function squareAlongRows({ cells, width, height, metric }: Plane, side: 0 | 1): Float64Array {
  const squared = new Float64Array(cells.length).fill(Infinity);
  for (let row = 0; row < cells.length && row < width * height; row += width) {
    let last = -Infinity;
    for (let u = 0; u < width; u++) {
      if (cells[row + u] === side) last = u;
      squared[row + u] = metric.uu * (u - last) * (u - last);
    }
    last = Infinity;
    for (let u = width - 1; u >= 0; u--) {
      if (cells[row + u] === side) last = u;
      const other = metric.uu * (last - u) * (last - u);
      if (other < (squared[row + u] as number)) squared[row + u] = other;
    }
  }
  return squared;
}

/** The least of what stands in its column plus the squared way there, in place. */
function squareAlongColumns({ width, height, metric: { vv } }: Plane, squared: Float64Array): void {
  const here = new Float64Array(height);
  const lowest = new Int32Array(height);
  const from = new Float64Array(height + 1);
  for (let u = 0; u < width; u++) {
    let count = 0;
    for (let v = 0; v < height; v++) {
      const value = squared[v * width + u] as number;
      here[v] = value;
      if (value === Infinity) continue;
      let start = -Infinity;
      while (count > 0) {
        const other = lowest[count - 1] as number;
        start = ((value - (here[other] as number)) / vv + v * v - other * other) / (2 * (v - other));
        if (start > (from[count - 1] as number)) break;
        count--;
        start = -Infinity;
      }
      lowest[count] = v;
      from[count++] = start;
    }
    if (count === 0) continue;
    from[count] = Infinity;
    for (let v = 0, n = 0; v < height; v++) {
      while ((from[n + 1] as number) < v) n++;
      const gap = v - (lowest[n] as number);
      squared[v * width + u] = (here[lowest[n] as number] as number) + vv * gap * gap;
    }
  }
}

/** For each cell, the column of the nearest cell of its row at or before it, and at or after it, that is outside / inside. */
interface NearestInRow {
  readonly before: readonly [Int32Array, Int32Array];
  readonly after: readonly [Int32Array, Int32Array];
}

function measureSheared(plane: Plane): Float64Array {
  const { cells, width } = plane;
  const nearest: NearestInRow = {
    before: [sweep(plane, 0, 1), sweep(plane, 1, 1)],
    after: [sweep(plane, 0, -1), sweep(plane, 1, -1)],
  };
  return Float64Array.from(cells, (value, cell) => {
    const u = cell % width;
    const distance = Math.sqrt(search(plane, nearest, u, (cell - u) / width, value === 1 ? 0 : 1));
    return value === 1 ? -distance : distance;
  });
}

function sweep({ cells, width, height }: Plane, side: 0 | 1, step: 1 | -1): Int32Array {
  const nearest = new Int32Array(cells.length).fill(-1);
  for (let v = 0; v < height; v++) {
    let last = -1;
    for (let n = 0; n < width; n++) {
      const u = step === 1 ? n : width - 1 - n;
      if (cells[v * width + u] === side) last = u;
      nearest[v * width + u] = last;
    }
  }
  return nearest;
}

/** Squared distance from a cell to the nearest cell of value `side`. */
function search(plane: Plane, nearest: NearestInRow, u: number, v: number, side: 0 | 1): number {
  const { height } = plane;
  const { uu, vv, uv } = plane.metric;
  const rowGapSquared = vv - (uv * uv) / uu; // the least distance to the next row
  let best = searchRow(plane, nearest, u, v, 0, side);
  for (let gap = 1; gap < height && rowGapSquared * gap * gap <= best * (1 + 1e-9); gap++) {
    if (v - gap >= 0) best = Math.min(best, searchRow(plane, nearest, u, v, -gap, side));
    if (v + gap < height) best = Math.min(best, searchRow(plane, nearest, u, v, gap, side));
  }
  return best;
}

/** The same among the cells of one row, `dv` rows away: the nearest on either side of the row's nearest point. */
function searchRow(plane: Plane, nearest: NearestInRow, u: number, v: number, dv: number, side: 0 | 1): number {
  const { before, after } = nearest;
  const { width } = plane;
  const { uu, vv, uv } = plane.metric;
  const row = (v + dv) * width;
  const middle = Math.floor(u - (uv / uu) * dv);
  let best = Infinity;
  const left = middle < 0 ? -1 : (before[side][row + Math.min(middle, width - 1)] as number);
  if (left >= 0) {
    const du = left - u;
    best = uu * du * du + vv * dv * dv + 2 * uv * du * dv;
  }
  const right = middle + 1 >= width ? -1 : (after[side][row + Math.max(middle + 1, 0)] as number);
  if (right >= 0) {
    const du = right - u;
    best = Math.min(best, uu * du * du + vv * dv * dv + 2 * uv * du * dv);
  }
  return best;
}
