/**
 * The map being drawn in one view: fill at one pixel per voxel, outlines as paths. An edit repaints only the cells it
 * touched; a new slice repaints all.
 */
import { type CellBox, uniteCells } from "../../geometry/box";
import { computeSteps, type PlaneAxes } from "../../geometry/planes";
import type { ViewTransform } from "../../geometry/viewTransform";
import { makeLabelArray } from "../../labels/editCodec";
import type { LabelVolume } from "../../labels/LabelVolume";
import { readDenseSlice } from "../../labels/readSlice";
import type { LabelArray } from "../../types";
import { makeCanvas } from "../canvas";
import { type LabelPath, LINE_PX, makePaths, placePaths } from "./outlinePaths";

/** Opaque pixel per label value, 0 where the label is hidden; and its CSS colour. */
export interface LabelColours {
  readonly pixels: Uint32Array;
  readonly css: (label: number) => string | null;
  /** counts changes, so that layers know when to paint again */
  readonly version: number;
}

export class ActiveLayer {
  private readonly context: CanvasRenderingContext2D;
  private readonly image: ImageData;
  private readonly pixels: Uint32Array<ArrayBuffer>;
  private readonly cells: LabelArray;
  private dirty: CellBox | null = null;
  private slice = -1;
  private coloursVersion = -1;
  private paths: readonly LabelPath[] | null = null;
  private placed: { readonly view: ViewTransform; readonly paths: readonly LabelPath[] } | null = null;

  constructor(
    private readonly labels: LabelVolume,
    private readonly axes: PlaneAxes,
  ) {
    this.context = makeCanvas(axes.columns, axes.rows);
    this.image = this.context.createImageData(axes.columns, axes.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.cells = makeLabelArray(labels.dtype, axes.columns * axes.rows);
  }

  /** These cells of the shown slice changed. */
  touch(box: CellBox): void {
    this.dirty = uniteCells(this.dirty, box);
  }

  update(slice: number, colours: LabelColours): void {
    if (slice !== this.slice || colours.version !== this.coloursVersion) {
      this.slice = slice;
      this.coloursVersion = colours.version;
      this.dirty = { left: 0, top: 0, right: this.axes.columns - 1, bottom: this.axes.rows - 1 };
    }
    if (this.dirty === null) return;
    const { left, top, right, bottom } = this.dirty;
    const { columns } = this.axes;
    const steps = computeSteps(this.axes, slice, this.labels.nx, this.labels.ny);
    readDenseSlice(this.labels, steps, columns, this.dirty, this.cells);
    for (let row = top; row <= bottom; row++) {
      for (let cell = row * columns + left; cell <= row * columns + right; cell++) {
        this.pixels[cell] = colours.pixels[this.cells[cell] as number] as number;
      }
    }
    this.context.putImageData(this.image, 0, 0, left, top, right - left + 1, bottom - top + 1);
    this.dirty = null;
    this.paths = null;
  }

  /** The fill, one opaque pixel per voxel: the caller sets opacity and scale. */
  get canvas(): HTMLCanvasElement {
    return this.context.canvas;
  }

  strokeOutlines(context: CanvasRenderingContext2D, view: ViewTransform, colours: LabelColours): void {
    if (this.paths === null) {
      this.paths = makePaths(this.cells, this.axes.columns, this.axes.rows);
      this.placed = null;
    }
    if (this.placed?.view !== view) this.placed = { view, paths: placePaths(this.paths, view) };
    context.lineWidth = LINE_PX;
    context.setLineDash([]);
    for (const { label, path } of this.placed.paths) {
      const colour = colours.css(label);
      if (colour === null) continue;
      context.strokeStyle = colour;
      context.stroke(path);
    }
  }
}
