/** One slice of the grid as cells (u, v), in the order of the voxel axes: for tools that work across a view's normal. */
import type { Metric } from "../geometry/affine";
import type { LabelVolume } from "../labels/LabelVolume";
import type { PlaneMetric } from "../ops/signedDistance";
import type { Point3 } from "../types";

const UPRIGHT = 1e-9;

export class SliceCells {
  /** voxel axes of u and v, ascending */
  readonly uAxis: 0 | 1;
  readonly vAxis: 1 | 2;
  readonly width: number;
  readonly height: number;
  readonly slices: number;
  private readonly steps: Point3;

  constructor(
    private readonly labels: LabelVolume,
    readonly axis: 0 | 1 | 2,
  ) {
    this.uAxis = axis === 0 ? 1 : 0;
    this.vAxis = axis === 2 ? 1 : 2;
    this.width = labels.dims[this.uAxis];
    this.height = labels.dims[this.vAxis];
    this.slices = labels.dims[axis];
    this.steps = [1, labels.nx, labels.nx * labels.ny];
  }

  /** Voxel numbers from one cell of a row to the next. */
  get uStep(): number {
    return this.steps[this.uAxis];
  }

  /** Voxel number of cell u + width · v of a slice. */
  indexOf(cell: number, slice: number): number {
    const { steps, width } = this;
    const u = cell % width;
    return u * steps[this.uAxis] + ((cell - u) / width) * steps[this.vAxis] + slice * steps[this.axis];
  }

  /** 1 where the slice has this label, width × height. */
  cut(slice: number, label: number): Uint8Array {
    const cells = new Uint8Array(this.width * this.height);
    const { steps } = this;
    const { labels } = this;
    const [uStep, vStep] = [steps[this.uAxis], steps[this.vAxis]];
    let at = 0;
    for (let v = 0; v < this.height; v++) {
      let from = slice * steps[this.axis] + v * vStep;
      for (let u = 0; u < this.width; u++, at++, from += uStep) cells[at] = labels.read(from) === label ? 1 : 0;
    }
    return cells;
  }

  /** uv is 0 where rows and columns stand at right angles apart from rounding. */
  metric({ ii, jj, kk, ij, ik, jk }: Metric): PlaneMetric {
    const [uu, vv, uv] = (
      [
        [jj, kk, jk],
        [ii, kk, ik],
        [ii, jj, ij],
      ] as const
    )[this.axis];
    return { uu, vv, uv: Math.abs(uv) < UPRIGHT * Math.sqrt(uu * vv) ? 0 : uv };
  }

  /** From one slice to the next. */
  stepMm({ ii, jj, kk }: Metric): number {
    return Math.sqrt([ii, jj, kk][this.axis] as number);
  }
}
