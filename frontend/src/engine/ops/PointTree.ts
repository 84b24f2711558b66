/**
 * Nearest of many points in space: a k-d tree (Bentley 1975) laid out in the order of the points themselves, the median
 * of each stretch in its middle, split along x, y, z in turn.
 */
export class PointTree {
  private readonly points: Float64Array;

  /** `points`: x, y, z, x, …; at least one. They are copied. */
  constructor(points: Float64Array) {
    this.points = points.slice();
    this.build(0, points.length / 3 - 1, 0);
  }

  distanceTo(x: number, y: number, z: number): number {
    return Math.sqrt(this.search(0, this.points.length / 3 - 1, 0, [x, y, z], Infinity));
  }

  private build(left: number, right: number, axis: number): void {
    if (right <= left) return;
    const middle = (left + right) >> 1;
    this.select(left, right, middle, axis);
    const next = (axis + 1) % 3;
    this.build(left, middle - 1, next);
    this.build(middle + 1, right, next);
  }

  /** Quickselect: afterwards nothing left of `wanted` lies beyond it along `axis`, nothing right of it before it. */
  private select(first: number, last: number, wanted: number, axis: number): void {
    let [left, right] = [first, last];
    while (left < right) {
      const pivot = this.points[3 * ((left + right) >> 1) + axis] as number;
      let [i, j] = [left, right];
      while (i <= j) {
        while ((this.points[3 * i + axis] as number) < pivot) i++;
        while ((this.points[3 * j + axis] as number) > pivot) j--;
        if (i <= j) this.swap(i++, j--);
      }
      if (wanted <= j) right = j;
      else if (wanted >= i) left = i;
      else return;
    }
  }

  private swap(a: number, b: number): void {
    for (let part = 0; part < 3; part++) {
      const kept = this.points[3 * a + part] as number;
      this.points[3 * a + part] = this.points[3 * b + part] as number;
      this.points[3 * b + part] = kept;
    }
  }

  /** Squared distance to the nearest point of a stretch, or `best` where none is nearer. */
  private search(
    left: number,
    right: number,
    axis: number,
    at: readonly [number, number, number],
    best: number,
  ): number {
    if (right < left) return best;
    const middle = (left + right) >> 1;
    const dx = (this.points[3 * middle] as number) - at[0];
    const dy = (this.points[3 * middle + 1] as number) - at[1];
    const dz = (this.points[3 * middle + 2] as number) - at[2];
    const nearest = Math.min(best, dx * dx + dy * dy + dz * dz);
    const beyond = (at[axis] as number) - (this.points[3 * middle + axis] as number);
    const next = (axis + 1) % 3;
    const near = beyond < 0 ? ([left, middle - 1] as const) : ([middle + 1, right] as const);
    const far = beyond < 0 ? ([middle + 1, right] as const) : ([left, middle - 1] as const);
    const found = this.search(near[0], near[1], next, at, nearest);
    return beyond * beyond < found ? this.search(far[0], far[1], next, at, found) : found;
  }
}
