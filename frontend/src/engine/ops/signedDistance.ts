/**
 * Signed distances in mm of a shape in one slice: to the nearest cell centre of the other side, negative inside.
 *
 * Exact on every grid, sheared in the plane too, where the usual separable transforms are wrong: rows are searched
 * outwards from the cell until none can be nearer, and in each row the nearest cell on either side is looked up.
 * Asked for cell by cell and remembered, because an interpolation needs few of them. The order of the floating-point
 * operations is part of the contract (tests/contract/tools_reference.py).
 */

/** Metric of a plane in mm²: |Δ|² = uu·Δu² + vv·Δv² + 2·uv·Δu·Δv. */
export interface PlaneMetric {
  readonly uu: number;
  readonly vv: number;
  readonly uv: number;
}

export class SignedDistance {
  private readonly known: Float64Array;
  /** for each cell, the nearest cell of its row at or before it, and at or after it, that is inside / outside */
  private readonly before: readonly [Int32Array, Int32Array];
  private readonly after: readonly [Int32Array, Int32Array];
  /** how far the nearest point of a row away moves sideways, and the least distance to it, squared */
  private readonly lean: number;
  private readonly rowGapSquared: number;

  /** `cells`: 1 inside, 0 outside, width × height. */
  constructor(
    readonly cells: Uint8Array,
    readonly width: number,
    readonly height: number,
    private readonly metric: PlaneMetric,
  ) {
    this.known = new Float64Array(cells.length).fill(Number.NaN);
    this.before = [this.sweep(0, 1), this.sweep(1, 1)];
    this.after = [this.sweep(0, -1), this.sweep(1, -1)];
    this.lean = metric.uv / metric.uu;
    this.rowGapSquared = metric.vv - (metric.uv * metric.uv) / metric.uu;
  }

  private sweep(value: 0 | 1, step: 1 | -1): Int32Array {
    const { cells, width, height } = this;
    const nearest = new Int32Array(cells.length).fill(-1);
    for (let v = 0; v < height; v++) {
      let last = -1;
      for (let n = 0; n < width; n++) {
        const u = step === 1 ? n : width - 1 - n;
        if (cells[v * width + u] === value) last = u;
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
    const cell = v * this.width + u;
    const known = this.known[cell] as number;
    if (!Number.isNaN(known)) return known;
    const isInside = this.cells[cell] === 1;
    const distance = Math.sqrt(this.search(u, v, isInside ? 0 : 1));
    this.known[cell] = isInside ? -distance : distance;
    return this.known[cell] as number;
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
    const { uu, vv, uv } = this.metric;
    const { width } = this;
    const row = (v + dv) * width;
    const middle = Math.floor(u - this.lean * dv);
    let best = Infinity;
    const left = middle < 0 ? -1 : (this.before[side][row + Math.min(middle, width - 1)] as number);
    if (left >= 0) {
      const du = left - u;
      best = uu * du * du + vv * dv * dv + 2 * uv * du * dv;
    }
    const right = middle + 1 >= width ? -1 : (this.after[side][row + Math.max(middle + 1, 0)] as number);
    if (right >= 0) {
      const du = right - u;
      best = Math.min(best, uu * du * du + vv * dv * dv + 2 * uv * du * dv);
    }
    return best;
  }
}
