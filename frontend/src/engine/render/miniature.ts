/** A small picture of one slice with one map's outline on it: enough to tell plausible segmentations apart. */
import type { VoxelBox } from "../geometry/box";
import type { PlaneAxes } from "../geometry/planes";
import { makeLabelArray } from "../labels/editCodec";
import type { LabelSlices } from "../labels/LabelSlices";
import { getContext } from "./canvas";
import { ImageLayer } from "./layers/ImageLayer";
import { makePaths, type Pen, placePaths, strokeOutline } from "./layers/outlinePaths";
import type { Scene } from "./Scene";

/** Room around the box, as a share of it. */
const MARGIN = 0.12;
/** In the canvas's own pixels, of which a miniature has two for each on the page. */
const PEN: Pen = { linePx: 3, haloPx: 5, haloColour: "rgba(0, 0, 0, 0.6)" };

/** Miniatures come in strips of one slice: its grey is painted once for all of them. */
export class MiniaturePainter {
  private axes: PlaneAxes | null = null;
  private image: ImageLayer | null = null;

  constructor(private readonly scene: Scene) {}

  /** Fills the canvas with the part of a slice that `box` bounds, in the display's orientation and mm aspect. */
  draw(canvas: HTMLCanvasElement, axes: PlaneAxes, slice: number, labels: LabelSlices, box: VoxelBox): void {
    if (this.image === null || this.axes !== axes) this.image = new ImageLayer(this.scene.volume, axes);
    this.axes = axes;
    this.image.update(slice, this.scene.windowTable, this.scene.windowVersion);
    drawMiniature(canvas, this.scene, axes, slice, this.image.canvas, labels, box);
  }
}

function drawMiniature(
  canvas: HTMLCanvasElement,
  scene: Scene,
  axes: PlaneAxes,
  slice: number,
  grey: HTMLCanvasElement,
  labels: LabelSlices,
  box: VoxelBox,
): void {
  const { columns, rows, columnMm, rowMm } = axes;
  const across = boundCells(box, axes.columnAxis, columns, axes.columnFlip);
  const down = boundCells(box, axes.rowAxis, rows, axes.rowFlip);
  const [widthMm, heightMm] = [across.count * columnMm * (1 + 2 * MARGIN), down.count * rowMm * (1 + 2 * MARGIN)];
  const pxPerMm = Math.min(canvas.width / widthMm, canvas.height / heightMm);
  const originX = canvas.width / 2 - (across.first + across.count / 2) * columnMm * pxPerMm;
  const originY = canvas.height / 2 - (down.first + down.count / 2) * rowMm * pxPerMm;
  const cells = makeLabelArray("uint16", columns * rows);
  labels.readSlice(axes, slice, cells);
  const context = getContext(canvas);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(grey, originX, originY, columns * columnMm * pxPerMm, rows * rowMm * pxPerMm);
  for (const { label, path } of placePaths(makePaths(cells, columns, rows), { axes, pxPerMm, originX, originY })) {
    const colour = scene.colours.css(label);
    if (colour !== null) strokeOutline(context, path, colour, "solid", PEN);
  }
}

function boundCells(box: VoxelBox, axis: number, cells: number, isFlipped: boolean): { first: number; count: number } {
  const [low, high] = [box.min[axis as 0 | 1 | 2], box.max[axis as 0 | 1 | 2]];
  return { first: isFlipped ? cells - 1 - high : low, count: high - low + 1 };
}
