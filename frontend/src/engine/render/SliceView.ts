/**
 * One plane on one canvas: keeps the layers of its slice, its zoom and pan, and repaints only what has changed.
 *
 * Order, from below: image, heat map, active fill, active outline, read-only layers, crosshair, letters and scale, brush cursor.
 * The dirty rectangle is in CSS pixels; it grows by the width of an outline, so that clipped strokes leave no seams.
 */
import { projectBox, type VoxelBox } from "../geometry/box";
import { computeLengthMm, hasLengths } from "../geometry/measure";
import type { PlaneAxes } from "../geometry/planes";
import {
  cellHeightPx,
  cellToScreen,
  cellWidthPx,
  fitView,
  panView,
  type ScreenPoint,
  screenToVoxel,
  type ViewTransform,
  voxelToScreen,
  zoomView,
} from "../geometry/viewTransform";
import type { LabelSlices } from "../labels/LabelSlices";
import type { Sample, Sketch } from "../tools/Gesture";
import type { Caption, Plane, Point3 } from "../types";
import { getContext } from "./canvas";
import { ActiveLayer } from "./layers/ActiveLayer";
import { CONFIDENCE_OPACITY, ConfidenceLayer } from "./layers/ConfidenceLayer";
import {
  type BrushShape,
  CROSSHAIR_GAP_PX,
  computeBrushEllipse,
  drawBrushCursor,
  drawCrosshair,
  drawLetters,
  drawRuler,
  drawScaleBar,
} from "./layers/furniture";
import { HEAT_OPACITY, HeatLayer } from "./layers/HeatLayer";
import { ImageLayer } from "./layers/ImageLayer";
import { drawPromptMark, markOn } from "./layers/promptMarks";
import { ReferenceLayers } from "./layers/ReferenceLayers";
import { drawSketch } from "./layers/sketch";
import { makePicture } from "./picture";
import { findSlice, type Scene } from "./Scene";
import type { FrameScheduler } from "./scheduler";

interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const BACKGROUND = "#000";
/** Slabs arrive faster than a view across them is worth painting. */
const FILL_EVERY_MS = 150;
const OUTLINE_MARGIN_PX = 4;
/** how near a corner of an outline must be to be dragged */
const HANDLE_REACH_PX = 9;

export class SliceView {
  view: ViewTransform;
  private readonly context: CanvasRenderingContext2D;
  private readonly image: ImageLayer;
  private readonly references: ReferenceLayers;
  private heat: HeatLayer | null = null;
  private confidence: ConfidenceLayer | null = null;
  private fillDue: ReturnType<typeof setTimeout> | null = null;
  private active: ActiveLayer | null = null;
  private activeLabels: Scene["labels"] = null;
  private size = { width: 0, height: 0 };
  private ratio = 1;
  private isFitted = true;
  private dirty: Rect | null = null;
  private shownSlice = -1;
  private cursor: ScreenPoint | null = null;
  private readonly observer: ResizeObserver;
  private readonly painter = (): void => this.paint();

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly axes: PlaneAxes,
    private readonly scene: Scene,
    private readonly scheduler: FrameScheduler,
  ) {
    this.context = getContext(canvas);
    this.image = new ImageLayer(scene.volume, axes);
    this.references = new ReferenceLayers(axes);
    this.view = fitView(axes, 1, 1);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.resize();
  }

  get plane(): Plane {
    return this.axes.plane;
  }

  stop(): void {
    this.observer.disconnect();
    if (this.fillDue !== null) clearTimeout(this.fillDue);
    this.scheduler.forget(this.painter);
  }

  // ---------------------------------------------------------------------------------------------- what is seen

  reset(): void {
    this.isFitted = true;
    this.view = fitView(this.axes, this.size.width, this.size.height);
    this.invalidate();
  }

  pan(dx: number, dy: number): void {
    this.isFitted = false;
    this.view = panView(this.view, dx, dy);
    this.invalidate();
  }

  zoom(factor: number, at: ScreenPoint = { x: this.size.width / 2, y: this.size.height / 2 }): void {
    this.isFitted = false;
    this.view = zoomView(this.view, factor, at);
    this.invalidate();
  }

  /** A pointer position given in the page's client coordinates. */
  sample(clientX: number, clientY: number): Sample {
    const box = this.canvas.getBoundingClientRect();
    const at = { x: clientX - box.left, y: clientY - box.top };
    const slice = findSlice(this.scene, this.axes);
    const grabMm = HANDLE_REACH_PX / this.view.pxPerMm;
    return { at, ijk: screenToVoxel(this.view, at, slice), axes: this.axes, slice, grabMm };
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== deviceWidth) this.canvas.width = deviceWidth;
    if (this.canvas.height !== deviceHeight) this.canvas.height = deviceHeight;
    const [dx, dy] = [(width - this.size.width) / 2, (height - this.size.height) / 2];
    this.size = { width, height };
    this.ratio = ratio;
    this.view = this.isFitted ? fitView(this.axes, width, height) : panView(this.view, dx, dy);
    this.invalidate();
  }

  // ---------------------------------------------------------------------------------------------- what changed

  /** Everything may look different. */
  invalidate(): void {
    this.invalidateRect({ left: 0, top: 0, right: this.size.width, bottom: this.size.height });
  }

  /** A slab has arrived: shown at once where it is the slice's own, else with those that arrive a moment later. */
  noteSlab(): void {
    const slice = findSlice(this.scene, this.axes);
    if (this.axes.sliceAxis === 2) {
      if (!this.image.isWhole && this.scene.volume.hasSlice(slice)) this.invalidate();
      return;
    }
    this.fillDue ??= setTimeout(() => {
      this.fillDue = null;
      this.invalidate();
    }, FILL_EVERY_MS);
  }

  /**
   * The crosshair went elsewhere. Another slice repaints all; otherwise only the band that its lines swept, which keeps
   * the two small views almost free while the large one is scrolled.
   */
  followCrosshair(before: Point3, after: Point3): void {
    const moved = (axis: number): boolean => before[axis as 0 | 1 | 2] !== after[axis as 0 | 1 | 2];
    const { sliceAxis, columnAxis, rowAxis } = this.axes;
    if (moved(sliceAxis) || (moved(columnAxis) && moved(rowAxis))) {
      this.invalidate();
      return;
    }
    const [from, to] = [voxelToScreen(this.view, before), voxelToScreen(this.view, after)];
    const { width, height } = this.size;
    const reach = CROSSHAIR_GAP_PX;
    if (moved(columnAxis)) {
      const [left, right] = [Math.min(from.x, to.x) - reach, Math.max(from.x, to.x) + reach];
      this.invalidateRect({ left, right, top: 0, bottom: height });
    } else if (moved(rowAxis)) {
      const [top, bottom] = [Math.min(from.y, to.y) - reach, Math.max(from.y, to.y) + reach];
      this.invalidateRect({ left: 0, right: width, top, bottom });
    }
  }

  /** Labels in this box changed. */
  touch(box: VoxelBox): void {
    const cells = projectBox(this.axes, findSlice(this.scene, this.axes), box);
    if (cells === null) return;
    this.active?.touch(cells);
    if (this.scene.heat?.followsDrawing) this.heat?.forget();
    const { x: left, y: top } = cellToScreen(this.view, cells.left, cells.top);
    const { x: right, y: bottom } = cellToScreen(this.view, cells.right + 1, cells.bottom + 1);
    this.invalidateRect({ left, top, right, bottom });
  }

  /** Where the brush cursor is; null when the pointer is elsewhere. */
  moveCursor(at: ScreenPoint | null): void {
    this.invalidateCursor();
    this.cursor = at;
    this.invalidateCursor();
  }

  /** Drawing by keyboard: the brush cursor stands on a voxel. */
  moveCursorTo(ijk: Point3): void {
    this.moveCursor(voxelToScreen(this.view, ijk));
  }

  /** Call before and after the brush changes its size, its colour or its presence. */
  invalidateCursor(): void {
    const bounds = this.boundCursor();
    if (bounds !== null) this.invalidateRect(bounds);
  }

  forgetReference(labels: LabelSlices): void {
    this.references.forget(labels);
  }

  private boundCursor(): Rect | null {
    if (this.findSketch() !== null) return { left: 0, top: 0, right: this.size.width, bottom: this.size.height };
    const brush = this.findBrush();
    if (this.cursor === null || brush === null) return null;
    const { a } = computeBrushEllipse(this.view, brush);
    const { x, y } = this.cursor;
    return { left: x - a, top: y - a, right: x + a, bottom: y + a };
  }

  private invalidateRect(rect: Rect): void {
    const old = this.dirty ?? rect;
    this.dirty = {
      left: Math.min(old.left, rect.left - OUTLINE_MARGIN_PX),
      top: Math.min(old.top, rect.top - OUTLINE_MARGIN_PX),
      right: Math.max(old.right, rect.right + OUTLINE_MARGIN_PX),
      bottom: Math.max(old.bottom, rect.bottom + OUTLINE_MARGIN_PX),
    };
    this.scheduler.ask(this.painter);
  }

  // ---------------------------------------------------------------------------------------------- painting

  private paint(): void {
    if (this.size.width === 0 || this.size.height === 0 || this.dirty === null) return;
    const { scene, context } = this;
    const slice = findSlice(scene, this.axes);
    if (slice !== this.shownSlice) {
      this.shownSlice = slice;
      this.invalidate();
      this.scheduler.forget(this.painter);
    }
    this.image.update(slice, scene.windowTable, scene.windowVersion);
    this.updateActive(slice);
    context.save();
    this.clip(this.dirty);
    this.dirty = null;
    context.fillStyle = BACKGROUND;
    context.fillRect(0, 0, this.size.width, this.size.height);
    this.drawCells(this.image.canvas, scene.isSmooth);
    if (!scene.isHidden) this.drawOverlays(slice);
    this.drawFurniture();
    context.restore();
  }

  takePicture(caption: Caption): Promise<Blob> {
    const { cursor } = this;
    this.cursor = null;
    this.invalidate();
    this.paint();
    const picture = makePicture(this.canvas, this.ratio, caption);
    this.moveCursor(cursor);
    return picture;
  }

  private updateActive(slice: number): void {
    if (this.activeLabels !== this.scene.labels) {
      this.activeLabels = this.scene.labels;
      this.active = this.scene.labels === null ? null : new ActiveLayer(this.scene.labels, this.axes);
    }
    this.active?.update(slice, this.scene.colours);
  }

  /** Clips to whole device pixels and leaves the context in CSS pixels. */
  private clip(rect: Rect): void {
    const { context, ratio, canvas } = this;
    const left = Math.max(0, Math.floor(rect.left * ratio));
    const top = Math.max(0, Math.floor(rect.top * ratio));
    const right = Math.min(canvas.width, Math.ceil(rect.right * ratio));
    const bottom = Math.min(canvas.height, Math.ceil(rect.bottom * ratio));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(left, top, Math.max(0, right - left), Math.max(0, bottom - top));
    context.clip();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** Draws a picture of one pixel per cell over the slice's place on the screen. */
  private drawCells(picture: HTMLCanvasElement, isSmooth: boolean): void {
    const { view, context, axes } = this;
    context.imageSmoothingEnabled = isSmooth;
    context.drawImage(
      picture,
      view.originX,
      view.originY,
      axes.columns * cellWidthPx(view),
      axes.rows * cellHeightPx(view),
    );
  }

  private drawOverlays(slice: number): void {
    const { scene, context, view, active } = this;
    this.drawHeat(slice);
    if (scene.heat?.kind === "difference") return;
    if (active !== null) {
      context.globalAlpha = scene.fillOpacity * scene.overlayOpacity;
      this.drawCells(active.canvas, false);
      context.globalAlpha = scene.overlayOpacity;
      active.strokeOutlines(context, view, scene.colours);
    }
    this.drawConfidence(slice);
    const device = { width: this.canvas.width, height: this.canvas.height, ratio: this.ratio };
    const picture = this.references.update(scene.references, slice, view, device, scene.colours);
    if (picture !== null) {
      context.globalAlpha = scene.overlayOpacity;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.drawImage(picture, 0, 0);
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    }
    context.globalAlpha = 1;
  }

  private drawConfidence(slice: number): void {
    const { scene, context } = this;
    const map = scene.references.find((one) => one.unsure !== null && one.look.visible);
    if (map === undefined) {
      this.confidence = null;
      return;
    }
    this.confidence ??= new ConfidenceLayer(this.axes);
    const picture = this.confidence.update(map, slice, scene.colours);
    if (picture === null) return;
    context.globalAlpha = CONFIDENCE_OPACITY * scene.overlayOpacity;
    this.drawCells(picture, false);
    context.globalAlpha = 1;
  }

  private drawHeat(slice: number): void {
    const { scene, context } = this;
    if (scene.heat === null) {
      this.heat = null;
      return;
    }
    this.heat ??= new HeatLayer(this.axes);
    context.globalAlpha = HEAT_OPACITY * scene.overlayOpacity;
    this.drawCells(this.heat.update(scene.heat, slice), false);
    context.globalAlpha = 1;
  }

  private drawFurniture(): void {
    const { scene, context, view, size } = this;
    if (scene.hasCrosshairLines) drawCrosshair(context, view, scene.crosshairIjk, size);
    drawLetters(context, this.axes, size);
    if (hasLengths(scene.volume.info)) drawScaleBar(context, view, size);
    this.drawRuler();
    if (!scene.isHidden) this.drawPrompts();
    const sketch = this.findSketch();
    if (sketch !== null) drawSketch(context, view, sketch, this.cursor);
    const brush = this.findBrush();
    if (this.cursor !== null && brush !== null) {
      drawBrushCursor(context, view, brush, this.cursor, scene.brushCursor?.colour ?? "#fff");
    }
  }

  private drawRuler(): void {
    const { ruler, metric, volume } = this.scene;
    if (ruler === null || ruler.plane !== this.plane || ruler.slice !== this.shownSlice) return;
    const { from, to } = ruler;
    const words = hasLengths(volume.info)
      ? `${computeLengthMm(metric, from, to).toFixed(1)} mm`
      : `${Math.hypot(to[0] - from[0], to[1] - from[1], to[2] - from[2]).toFixed(1)} px`;
    drawRuler(this.context, this.view, [from, to], words);
  }

  private drawPrompts(): void {
    for (const prompt of this.scene.prompts) {
      const mark = markOn(prompt, this.axes, this.shownSlice);
      if (mark !== null) drawPromptMark(this.context, this.view, mark);
    }
  }

  /** The outline being drawn, when it belongs to the slice shown. */
  private findSketch(): Sketch | null {
    const { sketch } = this.scene;
    if (sketch?.axes !== this.axes) return null;
    return sketch.slice === null || sketch.slice === this.shownSlice ? sketch : null;
  }

  private findBrush(): BrushShape | null {
    const { brushCursor, metric } = this.scene;
    return brushCursor === null ? null : { radiusMm: brushCursor.radiusMm, metric };
  }
}
