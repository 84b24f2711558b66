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
    const { width, height, lean, rowGapSquared, metric } = this;
    const { uu, vv, uv } = metric;
    const [before, after] = [this.before[side], this.after[side]];
    let best = Infinity;
    const look = (row: number): void => {
      const dv = row - v;
      // The row's point nearest to the cell, in whole cells: candidates lie on both sides of it.
      const middle = Math.floor(u - lean * dv);
      if (middle >= 0) compare(before[row * width + Math.min(middle, width - 1)] as number, dv);
      if (middle + 1 < width) compare(after[row * width + Math.max(middle + 1, 0)] as number, dv);
    };
    const compare = (column: number, dv: number): void => {
      if (column < 0) return;
      const du = column - u;
      best = Math.min(best, uu * du * du + vv * dv * dv + 2 * uv * du * dv);
    };
    look(v);
    for (let gap = 1; gap < height && rowGapSquared * gap * gap <= best * (1 + 1e-9); gap++) {
      if (v - gap >= 0) look(v - gap);
      if (v + gap < height) look(v + gap);
    }
    return best;
  }
}
