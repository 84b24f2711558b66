/**
 * Signed distances in mm of a shape in one slice: to the nearest cell centre of the other side, negative inside.
 *
 * `at` is exact on every grid, sheared in the plane too, where the usual separable transforms are wrong: rows are searched
 * outwards from the cell until none can be nearer, and in each row the nearest cell on either side is looked up. The order
 * of its floating-point operations is part of the contract (tests/contract/tools_reference.py). `near` is what to ask
 * first: the same search over one table, several times quicker, for whoever can tell when a billionth would matter.
 * Asked for cell by cell and remembered, because an interpolation needs few of them.
 */

/** Metric of a plane in mm²: |Δ|² = uu·Δu² + vv·Δv² + 2·uv·Δu·Δv. */
export interface PlaneMetric {
  readonly uu: number;
  readonly vv: number;
  readonly uv: number;
}

/** For each cell, the column of the nearest cell of its row at or before it, and at or after it, that is outside / inside. */
interface NearestInRow {
  readonly before: readonly [Int32Array, Int32Array];
  readonly after: readonly [Int32Array, Int32Array];
}

/** How far `near` may be off, as a share of the distance. */
export const NEAR_ERROR = 1e-9;

export class SignedDistance {
  /** what `near` has answered */
  private readonly known: Float64Array;
  /** for the exact search, made when it is first needed */
  private rows: NearestInRow | null = null;
  /** how far the nearest point of a row away moves sideways, and the least distance to it, squared */
  private readonly lean: number;
  private readonly rowGapSquared: number;
  /**
   * Where columns stand at right angles to rows, apart from rounding: for each cell, columns one after the other, the squared
   * distance along its row to the nearest cell outside / inside.
   */
  private readonly alongRow: readonly [Float64Array, Float64Array] | null;

  /** `cells`: 1 inside, 0 outside, width × height. */
  constructor(
    readonly cells: Uint8Array,
    readonly width: number,
    readonly height: number,
    private readonly metric: PlaneMetric,
  ) {
    this.known = new Float64Array(cells.length).fill(Number.NaN);
    this.lean = metric.uv / metric.uu;
    this.rowGapSquared = metric.vv - (metric.uv * metric.uv) / metric.uu;
    const isUpright = Math.abs(metric.uv) < NEAR_ERROR * Math.sqrt(metric.uu * metric.vv);
    this.alongRow = isUpright ? [this.measureRows(0), this.measureRows(1)] : null;
  }

  private measureRows(side: 0 | 1): Float64Array {
    const { cells, width, height, metric } = this;
    const squared = new Float64Array(width * height).fill(Infinity);
    for (const step of [1, -1]) {
      const last = new Int32Array(height).fill(-1);
      for (let n = 0; n < width; n++) {
        const u = step === 1 ? n : width - 1 - n;
        for (let v = 0; v < height; v++) {
          if (cells[v * width + u] === side) last[v] = u;
          else if (last[v] === -1) continue;
          const du = (last[v] as number) - u;
          const each = metric.uu * du * du;
          if (each < (squared[u * height + v] as number)) squared[u * height + v] = each;
        }
      }
    }
    return squared;
  }

  private sweep(side: 0 | 1, step: 1 | -1): Int32Array {
    const { cells, width, height } = this;
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

  isInside(u: number, v: number): boolean {
    return u >= 0 && v >= 0 && u < this.width && v < this.height && this.cells[v * this.width + u] === 1;
  }

  /** Infinite where there is no cell of the other side. (u, v) must be a cell. */
  at(u: number, v: number): number {
    if (this.metric.uv === 0) return this.near(u, v); // the same operations in the same order
    const isInside = this.cells[v * this.width + u] === 1;
    const distance = Math.sqrt(this.search(u, v, isInside ? 0 : 1));
    return isInside ? -distance : distance;
  }

  /** The same, off by NEAR_ERROR of it at most. */
  near(u: number, v: number): number {
    const cell = v * this.width + u;
    const known = this.known[cell] as number;
    if (!Number.isNaN(known)) return known;
    const isInside = this.cells[cell] === 1;
    const table = this.alongRow?.[isInside ? 0 : 1];
    const distance = table === undefined ? this.at(u, v) : Math.sqrt(this.searchColumn(table, u, v));
    this.known[cell] = isInside ? -Math.abs(distance) : distance;
    return this.known[cell] as number;
  }

  private searchColumn(alongRow: Float64Array, u: number, v: number): number {
    const { height } = this;
    const { vv } = this.metric;
    const here = u * height + v;
    let best = alongRow[here] as number;
    let farther = vv;
    for (let gap = 1; gap < height && farther < best; gap++) {
      const above = v >= gap ? (alongRow[here - gap] as number) + farther : best;
      const below = v + gap < height ? (alongRow[here + gap] as number) + farther : best;
      if (above < best) best = above;
      if (below < best) best = below;
      farther = vv * (gap + 1) * (gap + 1);
    }
    return best;
  }

  /** Squared distance from a cell to the nearest cell of value `side`. */
  private search(u: number, v: number, side: 0 | 1): number {
    let best = this.searchRow(u, v, 0, side);
    for (let gap = 1; gap < this.height && this.rowGapSquared * gap * gap <= best * (1 + 1e-9); gap++) {
      if (v - gap >= 0) best = Math.min(best, this.searchRow(u, v, -gap, side));
      if (v + gap < this.height) best = Math.min(best, this.searchRow(u, v, gap, side));
    }
    return best;
  }

  /** The same among the cells of one row, `dv` rows away: the nearest on either side of the row's nearest point. */
  private searchRow(u: number, v: number, dv: number, side: 0 | 1): number {
    this.rows ??= { before: [this.sweep(0, 1), this.sweep(1, 1)], after: [this.sweep(0, -1), this.sweep(1, -1)] };
    const { before, after } = this.rows;
    const { uu, vv, uv } = this.metric;
    const { width } = this;
    const row = (v + dv) * width;
    const middle = Math.floor(u - this.lean * dv);
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
}
