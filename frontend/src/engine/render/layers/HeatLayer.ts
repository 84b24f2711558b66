/** Shares 0–1 over the image in one view (uncertainty, disagreement): one pixel per voxel, painted once per slice. */
import type { PlaneAxes } from "../../geometry/planes";
import type { ShareSlices } from "../../labels/LabelSlices";
import type { HeatSource } from "../../types";
import { makeCanvas } from "../canvas";
import { buildDifferenceTable, buildHeatTable } from "../heatColours";

/** How much of the image shines through the strongest share. */
export const HEAT_OPACITY = 0.7;

/** Something per voxel laid over the image: shares in heat colours, or the classes of a comparison. */
export interface HeatShown {
  readonly shares: ShareSlices;
  readonly kind: HeatSource["kind"];
  /** one of its sides is the map being drawn, so it changes with every stroke */
  readonly followsDrawing: boolean;
}

const HEAT_TABLE = buildHeatTable();
const DIFFERENCE_TABLE = buildDifferenceTable();

export class HeatLayer {
  private readonly context: CanvasRenderingContext2D;
  private readonly image: ImageData;
  private readonly pixels: Uint32Array<ArrayBuffer>;
  private readonly cells: Uint8Array;
  private shown: { readonly shares: ShareSlices; readonly slice: number; readonly slabs: number } | null = null;

  constructor(private readonly axes: PlaneAxes) {
    this.context = makeCanvas(axes.columns, axes.rows);
    this.image = this.context.createImageData(axes.columns, axes.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.cells = new Uint8Array(axes.columns * axes.rows);
  }

  /** The map being drawn changed: read the slice anew. */
  forget(): void {
    this.shown = null;
  }

  /** The slice's picture, opaque where there is something to see: the caller sets opacity and scale. */
  update({ shares, kind }: HeatShown, slice: number): HTMLCanvasElement {
    const { canvas } = this.context;
    const { shown } = this;
    if (shown?.shares === shares && shown.slice === slice && shown.slabs === shares.slabsLoaded) return canvas;
    this.shown = { shares, slice, slabs: shares.slabsLoaded };
    const table = kind === "difference" ? DIFFERENCE_TABLE : HEAT_TABLE;
    shares.readShares(this.axes, slice, this.cells);
    for (let cell = 0; cell < this.cells.length; cell++)
      this.pixels[cell] = table[this.cells[cell] as number] as number;
    this.context.putImageData(this.image, 0, 0);
    return canvas;
  }
}
