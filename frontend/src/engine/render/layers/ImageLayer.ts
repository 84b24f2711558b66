/**
 * The grey (or RGB) slice at one pixel per voxel, in display orientation; painted again only when the slice, the window
 * or the arrived slabs change. Voxels whose slab is not here stay transparent.
 */
import { computeSteps, type PlaneAxes, type SliceSteps } from "../../geometry/planes";
import type { ImageVolume } from "../../volume/ImageVolume";
import { makeCanvas } from "../canvas";

export class ImageLayer {
  private readonly context: CanvasRenderingContext2D;
  private readonly image: ImageData;
  private readonly pixels: Uint32Array<ArrayBuffer>;
  private key = "";
  private paintedWhole = false;

  constructor(
    private readonly volume: ImageVolume,
    private readonly axes: PlaneAxes,
  ) {
    this.context = makeCanvas(axes.columns, axes.rows);
    this.image = this.context.createImageData(axes.columns, axes.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  get canvas(): HTMLCanvasElement {
    return this.context.canvas;
  }

  /** False while some of the slice painted last was not here. */
  get isWhole(): boolean {
    return this.paintedWhole;
  }

  /** `windowVersion` counts window changes; `table` is the window table of that version. */
  update(slice: number, table: Uint32Array, windowVersion: number): void {
    const isWhole = this.volume.hasAllOf(slice, this.axes.sliceAxis);
    const key = `${slice} ${windowVersion} ${isWhole || this.volume.slabsLoaded}`;
    if (key === this.key) return;
    this.key = key;
    this.paintedWhole = isWhole;
    if (this.volume.info.channels === 1) this.paintGrey(slice, table);
    else this.paintColour(slice);
    this.context.putImageData(this.image, 0, 0);
  }

  private paintGrey(slice: number, table: Uint32Array): void {
    const { pixels, axes, volume } = this;
    const { columns, rows } = axes;
    const { base, columnStep, rowStep } = this.findSteps(slice);
    const grey = volume.grey;
    let to = 0;
    for (let row = 0; row < rows; row++) {
      let from = base + row * rowStep;
      if (!this.hasRow(slice, row)) {
        pixels.fill(0, to, to + columns);
        to += columns;
        continue;
      }
      for (const end = to + columns; to < end; to++, from += columnStep) {
        pixels[to] = table[grey[from] as number] as number;
      }
    }
  }

  private paintColour(slice: number): void {
    const { pixels, axes, volume } = this;
    const { base, columnStep, rowStep } = this.findSteps(slice);
    const { rgb, voxelsHeld } = volume;
    let to = 0;
    for (let row = 0; row < axes.rows; row++) {
      let from = base + row * rowStep;
      const here = this.hasRow(slice, row);
      for (let column = 0; column < axes.columns; column++, to++, from += columnStep) {
        const [red, green, blue] = [rgb[from], rgb[voxelsHeld + from], rgb[2 * voxelsHeld + from]];
        const colour = 0xff000000 | ((blue as number) << 16) | ((green as number) << 8) | (red as number);
        pixels[to] = here ? colour >>> 0 : 0;
      }
    }
  }

  /** Where the slice's cells lie in the volume's arrays. */
  private findSteps(slice: number): SliceSteps {
    const { axes, volume } = this;
    const steps = computeSteps(axes, slice, volume.info.nx, volume.info.ny);
    return axes.sliceAxis === 2 ? { ...steps, base: steps.base + volume.shiftOf(slice) } : steps;
  }

  /** Slabs divide k. Where k runs along the columns a row is shown once all its slabs are here. */
  private hasRow(slice: number, row: number): boolean {
    const { axes, volume } = this;
    if (axes.sliceAxis === 2) return volume.hasSlice(slice);
    if (axes.rowAxis === 2) return volume.hasSlice(axes.rowFlip ? axes.rows - 1 - row : row);
    return volume.isComplete;
  }
}
