/** A read-only map filled in its labels' colours in one view, the fainter the less sure: one pixel per voxel, painted once per slice. */
import type { PlaneAxes } from "../../geometry/planes";
import { makeLabelArray } from "../../labels/editCodec";
import type { LabelArray } from "../../types";
import { makeCanvas } from "../canvas";
import type { LabelColours } from "./ActiveLayer";
import type { ReferenceMap } from "./ReferenceLayers";

/** How much of the image shines through what is certain. */
export const CONFIDENCE_OPACITY = 0.6;

export class ConfidenceLayer {
  private readonly context: CanvasRenderingContext2D;
  private readonly image: ImageData;
  private readonly pixels: Uint32Array<ArrayBuffer>;
  private readonly labels: LabelArray;
  private readonly unsure: Uint8Array;
  private key = "";

  constructor(private readonly axes: PlaneAxes) {
    const cells = axes.columns * axes.rows;
    this.context = makeCanvas(axes.columns, axes.rows);
    this.image = this.context.createImageData(axes.columns, axes.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.labels = makeLabelArray("uint16", cells);
    this.unsure = new Uint8Array(cells);
  }

  /** The slice's picture; the caller sets opacity and scale. Null: this map does not say how sure it is. */
  update(map: ReferenceMap, slice: number, colours: LabelColours): HTMLCanvasElement | null {
    if (map.unsure === null) return null;
    const key = `${map.id} ${map.version} ${slice} ${colours.version}`;
    if (key === this.key) return this.context.canvas;
    this.key = key;
    map.labels.readSlice(this.axes, slice, this.labels);
    map.unsure.readShares(this.axes, slice, this.unsure);
    for (let cell = 0; cell < this.pixels.length; cell++) {
      const colour = colours.pixels[this.labels[cell] as number] as number;
      const alpha = colour === 0 ? 0 : 255 - (this.unsure[cell] as number);
      this.pixels[cell] = ((colour & 0xffffff) | (alpha << 24)) >>> 0;
    }
    this.context.putImageData(this.image, 0, 0);
    return this.context.canvas;
  }
}
