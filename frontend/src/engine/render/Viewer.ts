/**
 * The engine's facade: what a page mounts, gives label maps to and receives edits from. See ViewerDoor for the contract.
 *
 * It composes and passes on; rules live below: what a gesture changes in tools/DrawingBoard, what a view shows in
 * SliceView, what pointers mean in PointerInput. Fails closed: without a completely loaded active map nothing can be
 * drawn, and a map that did not load completely is not shown as if it were empty.
 */
import { computeMetric } from "../geometry/affine";
import type { VoxelBox } from "../geometry/box";
import { computeOrientation, type PlaneAxes } from "../geometry/planes";
import { toJournal } from "../labels/EditHistory";
import { boundEdit, boundScope, DrawingBoard, type DrawingTool, makeSettings } from "../tools/DrawingBoard";
import type { Gesture, Sample, ViewChange } from "../tools/Gesture";
import { clampToGrid, startCrosshair, startPan, startWindow, startZoom } from "../tools/navigation";
import type {
  AcceptScope,
  ActiveSource,
  Edit,
  HeatSource,
  JournalEdit,
  LabelInfo,
  LayerLook,
  LayerSource,
  PaintLimits,
  Plane,
  Point3,
  SliceChecksum,
  ToolName,
  ViewerDoor,
  ViewerOptions,
  ViewerState,
  ViewHandle,
} from "../types";
import { ImageVolume } from "../volume/ImageVolume";
import { buildWindowTable, normaliseWindow, type Window } from "../volume/windowTable";
import { SlabDecoder } from "../workers/SlabDecoder";
import { type Feed, feedImage, feedLabels } from "./feeds";
import { type PointerHost, PointerInput, type PressKind } from "./PointerInput";
import { ReferenceMaps } from "./ReferenceMaps";
import { describeCursor, makeState } from "./report";
import { findSlice, makeColours, type Scene } from "./Scene";
import { SliceView } from "./SliceView";
import { FrameScheduler } from "./scheduler";
import { makeUuid } from "./uuid";

const MIN_RADIUS_MM = 0.1;
const MAX_RADIUS_MM = 50;
const WHEEL_RADIUS_FACTOR = 1.12;
const ERASER_COLOUR = "#ffffff";
const DRAWING_TOOLS: readonly string[] = ["brush", "eraser", "fill", "fill3d"] satisfies readonly DrawingTool[];

type MutableScene = { -readonly [Key in keyof Scene]: Scene[Key] };

/** A gesture under way; keyboard gestures have no view of their own. */
interface Running {
  readonly gesture: Gesture;
  readonly view: SliceView | null;
}

export class Viewer implements ViewerDoor {
  private readonly scene: MutableScene;
  private readonly size: Point3;
  private readonly scheduler = new FrameScheduler();
  private readonly decoder = new SlabDecoder();
  private readonly imageFeed: Feed;
  private activeFeed: Feed | null = null;
  private readonly attached = new Map<SliceView, PointerInput>();
  private readonly references: ReferenceMaps;
  private board: DrawingBoard | null = null;
  private running: Running | null = null;
  /** what the cursor line speaks of: the pointer, or the crosshair after a key */
  private pointed: Sample | null = null;
  private window: Window;
  private tool: ToolName = "brush";
  private readonly settings = makeSettings();
  private snapshot: ViewerState | null = null;
  private toldCrosshair: Point3;
  private readonly tellState = (): void => this.sayState();
  private readonly tellCursor = (): void => this.sayCursor();

  constructor(private readonly options: ViewerOptions) {
    const { image, startIjk } = options;
    const volume = new ImageVolume(image);
    this.size = [image.nx, image.ny, image.nz];
    const middle: Point3 = [(image.nx - 1) / 2, (image.ny - 1) / 2, (image.nz - 1) / 2];
    this.window = normaliseWindow({ low: image.windowLow, high: image.windowHigh }, image);
    this.toldCrosshair = clampToGrid(startIjk ?? middle, this.size);
    this.scene = {
      volume,
      orientation: computeOrientation(image),
      metric: computeMetric(image.affine),
      crosshairIjk: this.toldCrosshair,
      hasCrosshairLines: false,
      windowTable: buildWindowTable(this.window, image),
      windowVersion: 0,
      labels: null,
      colours: makeColours([], 0),
      references: [],
      heat: null,
      fillOpacity: 0.35,
      overlayOpacity: 1,
      isHidden: false,
      isSmooth: true,
      brushCursor: null,
    };
    this.showCrosshairLines();
    this.updateBrushCursor();
    this.references = new ReferenceMaps(this.size, image.slabDepth, this.decoder, {
      changed: (maps, heat) => {
        this.scene.references = maps;
        this.scene.heat = heat;
        this.invalidate();
      },
      removed: (labels) => {
        for (const view of this.attached.keys()) view.forgetReference(labels);
      },
      failed: (sentence) => options.onProblem?.(sentence),
    });
    this.imageFeed = feedImage(volume, options.fetchSlab, this.toldCrosshair[2], this.decoder, {
      arrived: () => this.noteSlab(),
      failed: (sentence) => options.onProblem?.(sentence),
    });
  }

  // ---------------------------------------------------------------------------------------------- views

  attach(canvas: HTMLCanvasElement, plane: Plane): ViewHandle {
    const view = new SliceView(canvas, this.scene.orientation.planes[plane], this.scene, this.scheduler);
    const host: PointerHost = {
      press: (pressed, kind, sample) => this.press(pressed, kind, sample),
      drag: (_, samples) => this.drag(samples),
      release: () => this.finishGesture(),
      cancel: () => this.cancel(),
      hover: (hovered, sample, isShift) => this.hover(hovered, sample, isShift),
      wheelSlices: (wheeled, steps) => this.scroll(wheeled.plane, steps),
      wheelBrush: (steps) => this.setBrush(this.settings.radiusMm * WHEEL_RADIUS_FACTOR ** steps),
    };
    this.attached.set(view, new PointerInput(view, host));
    return {
      plane,
      reset: () => view.reset(),
      zoomBy: (factor) => view.zoom(factor),
      detach: () => this.detach(view),
    };
  }

  private detach(view: SliceView): void {
    if (this.running?.view === view) this.finishGesture();
    this.attached.get(view)?.stop();
    this.attached.delete(view);
    view.stop();
  }

  private invalidate(): void {
    for (const view of this.attached.keys()) view.invalidate();
  }

  private touch(box: VoxelBox | null): void {
    if (box === null) return;
    for (const view of this.attached.keys()) view.touch(box);
  }

  private noteSlab(): void {
    this.invalidate();
    this.stateChanged();
  }

  setSmoothing(isSmooth: boolean): void {
    this.scene.isSmooth = isSmooth;
    this.invalidate();
  }

  setWindow(low: number, high: number): void {
    const { info } = this.scene.volume;
    this.window = normaliseWindow({ low, high }, info);
    buildWindowTable(this.window, info, this.scene.windowTable as Uint32Array<ArrayBuffer>);
    this.scene.windowVersion += 1;
    this.invalidate();
    this.stateChanged();
  }

  setOpacity(fill: number, overlays: number): void {
    this.scene.fillOpacity = fill;
    this.scene.overlayOpacity = overlays;
    this.invalidate();
  }

  setHidden(hidden: boolean): void {
    this.scene.isHidden = hidden;
    this.invalidate();
  }

  goTo(ijk: Point3): void {
    const before = this.scene.crosshairIjk;
    this.scene.crosshairIjk = clampToGrid(ijk, this.size);
    const slice = this.scene.crosshairIjk[2];
    this.imageFeed.focus(slice);
    this.activeFeed?.focus(slice);
    this.references.focus(slice);
    for (const view of this.attached.keys()) view.followCrosshair(before, this.scene.crosshairIjk);
    this.stateChanged();
  }

  scroll(plane: Plane, slices: number): void {
    const { sliceAxis } = this.scene.orientation.planes[plane];
    const ijk: [number, number, number] = [...this.scene.crosshairIjk];
    ijk[sliceAxis as 0 | 1 | 2] += slices;
    this.goTo(ijk);
    this.followScroll();
  }

  // ---------------------------------------------------------------------------------------------- tools

  setLabels(labels: readonly LabelInfo[]): void {
    this.settings.labelInfos = labels;
    this.scene.colours = makeColours(labels, this.scene.colours.version + 1);
    this.updateBrushCursor();
    this.invalidate();
  }

  setActiveLabel(value: number): void {
    this.settings.activeLabel = value;
    this.updateBrushCursor();
    this.stateChanged();
  }

  setTool(tool: ToolName): void {
    this.tool = tool;
    this.showCrosshairLines();
    this.updateBrushCursor();
    this.stateChanged();
  }

  private showCrosshairLines(isSteered = false): void {
    const wanted = isSteered || this.tool === "crosshair" || this.scene.orientation.shown.length > 1;
    if (wanted === this.scene.hasCrosshairLines) return;
    this.scene.hasCrosshairLines = wanted;
    this.invalidate();
  }

  setBrush(radiusMm: number, options?: { readonly ball: boolean }): void {
    this.settings.radiusMm = Math.min(MAX_RADIUS_MM, Math.max(MIN_RADIUS_MM, radiusMm));
    this.settings.isBall = options?.ball ?? this.settings.isBall;
    this.updateBrushCursor();
    this.stateChanged();
  }

  setPaintLimits(limits: PaintLimits): void {
    this.settings.limits = limits;
  }

  private updateBrushCursor(): void {
    const { activeLabel, radiusMm } = this.settings;
    for (const view of this.attached.keys()) view.invalidateCursor();
    const colour = this.tool === "eraser" ? ERASER_COLOUR : (this.scene.colours.css(activeLabel) ?? ERASER_COLOUR);
    const isBrush = this.tool === "brush" || this.tool === "eraser";
    this.scene.brushCursor = isBrush ? { radiusMm, colour } : null;
    for (const view of this.attached.keys()) view.invalidateCursor();
  }

  private press(view: SliceView, kind: PressKind, sample: Sample): void {
    this.finishGesture();
    const gesture = this.startGesture(this.chooseTool(kind), sample);
    if (gesture === null) return;
    this.running = { gesture, view };
    this.drag([sample]);
  }

  /** Right button: the opposite of brush and eraser, the window with every other tool. */
  private chooseTool(kind: PressKind): ToolName {
    if (kind === "pan" || kind === "eraser") return kind;
    if (kind === "tool") return this.tool;
    return this.tool === "brush" ? "eraser" : this.tool === "eraser" ? "brush" : "window";
  }

  private startGesture(tool: ToolName, sample: Sample): Gesture | null {
    if (tool === "pan") return startPan(sample);
    if (tool === "zoom") return startZoom(sample);
    if (tool === "window") return startWindow(sample, this.window);
    if (tool === "crosshair") return startCrosshair();
    if (this.board === null) {
      this.options.onProblem?.("Your segmentation is not loaded yet: drawing starts when it is here.");
      return null;
    }
    const begun = this.board.begin(tool, sample);
    if (typeof begun !== "string") return begun;
    this.options.onProblem?.(begun);
    return null;
  }

  private drag(samples: readonly Sample[]): void {
    if (this.running === null) return;
    const { gesture, view } = this.running;
    const change = gesture.move(samples);
    if (change !== null) this.changeView(change, view);
    this.touch(gesture.takeDirty());
  }

  private changeView(change: ViewChange, view: SliceView | null): void {
    if (change.kind === "pan") view?.pan(change.dx, change.dy);
    else if (change.kind === "zoom") view?.zoom(change.factor, change.at);
    else if (change.kind === "window") this.setWindow(change.window.low, change.window.high);
    else this.goTo(change.ijk);
  }

  private finishGesture(): Edit | null {
    if (this.running === null) return null;
    const { gesture } = this.running;
    this.running = null;
    if (this.board === null) return null;
    return this.publish(this.board.finish(gesture));
  }

  cancel(): void {
    if (this.running === null) return;
    const { gesture } = this.running;
    this.running = null;
    gesture.cancel();
    this.touch(gesture.takeDirty());
  }

  moveCrosshair(plane: Plane, right: number, down: number): void {
    this.showCrosshairLines(true);
    const axes = this.scene.orientation.planes[plane];
    const ijk: [number, number, number] = [...this.scene.crosshairIjk];
    ijk[axes.columnAxis as 0 | 1 | 2] += axes.columnFlip ? -right : right;
    ijk[axes.rowAxis as 0 | 1 | 2] += axes.rowFlip ? -down : down;
    this.goTo(ijk);
    const sample = this.sampleCrosshair(axes);
    if (this.running?.view === null) this.drag([sample]);
    for (const view of this.attached.keys()) {
      if (view.plane === plane) view.moveCursorTo(sample.ijk);
      else view.moveCursor(null);
    }
    this.point(sample);
  }

  toggleToolAtCrosshair(plane: Plane): void {
    if (this.running !== null) {
      this.finishGesture();
      return;
    }
    if (!DRAWING_TOOLS.includes(this.tool)) return;
    const sample = this.sampleCrosshair(this.scene.orientation.planes[plane]);
    const gesture = this.startGesture(this.tool, sample);
    if (gesture === null) return;
    this.running = { gesture, view: null };
    this.drag([sample]);
  }

  private sampleCrosshair(axes: PlaneAxes): Sample {
    return { at: { x: 0, y: 0 }, ijk: this.scene.crosshairIjk, axes, slice: findSlice(this.scene, axes) };
  }

  private hover(view: SliceView, sample: Sample | null, isShift: boolean): void {
    for (const other of this.attached.keys()) other.moveCursor(other === view ? (sample?.at ?? null) : null);
    if (isShift && sample !== null && this.running === null) this.goTo(sample.ijk);
    this.point(sample);
  }

  private point(sample: Sample | null): void {
    this.pointed = sample;
    this.scheduler.ask(this.tellCursor);
  }

  /** After scrolling, the pointer is over another voxel without having moved. */
  private followScroll(): void {
    if (this.pointed === null) return;
    const slice = findSlice(this.scene, this.pointed.axes);
    const ijk: [number, number, number] = [...this.pointed.ijk];
    ijk[this.pointed.axes.sliceAxis as 0 | 1 | 2] = slice;
    this.point({ ...this.pointed, ijk, slice });
  }

  // ---------------------------------------------------------------------------------------------- the active map

  async loadActive(source: ActiveSource): Promise<void> {
    this.cancel();
    this.activeFeed?.stop();
    this.board = null;
    this.scene.labels = null;
    const board = new DrawingBoard(this.scene.volume, source.dtype, this.settings, makeUuid);
    const problems: string[] = [];
    if (source.fetchSlab !== null) {
      const { slabDepth } = this.scene.volume.info;
      const feed = feedLabels(board.labels, source.fetchSlab, slabDepth, this.scene.crosshairIjk[2], {
        arrived: () => undefined,
        failed: (sentence) => problems.push(sentence),
      });
      this.activeFeed = feed;
      await feed.finished;
      if (this.activeFeed !== feed) return;
    }
    if (problems.length > 0) throw new Error(`${problems[0]} Reload the page to try again.`);
    for (const edit of source.edits) board.history.replay(edit);
    this.board = board;
    this.scene.labels = board.labels;
    this.invalidate();
    this.stateChanged();
  }

  applyRemote(edit: JournalEdit, pending: readonly JournalEdit[]): number {
    const unfinished = this.finishGesture();
    const mine = unfinished === null ? pending : [...pending, toJournal(unfinished)];
    const kept = this.requireBoard().applyRemote(edit, mine);
    const [nx, ny, nz] = this.size;
    this.touch({ min: [0, 0, 0], max: [nx - 1, ny - 1, nz - 1] });
    this.stateChanged();
    return kept;
  }

  undo(): Edit | null {
    this.finishGesture();
    return this.publish(this.board?.history.undo() ?? null);
  }

  redo(): Edit | null {
    this.finishGesture();
    return this.publish(this.board?.history.redo() ?? null);
  }

  acceptLayer(id: string, scope: AcceptScope): Edit | null {
    this.finishGesture();
    const layer = this.references.find(id);
    if (layer === null || this.board === null) return null;
    if (!layer.runs.isComplete) {
      this.options.onProblem?.("Not all of the proposal is here yet: accept it when it has loaded.");
      return null;
    }
    const range = boundScope(scope, this.scene.orientation.planes, this.size);
    return this.publish(this.board.accept(layer.runs, layer.revisionId, scope, range));
  }

  /** An edit that has been applied and recorded: paint it, tell the page. */
  private publish(edit: Edit | null): Edit | null {
    if (edit === null) return null;
    this.touch(boundEdit(edit, this.size));
    this.stateChanged();
    this.options.onEdit?.(edit);
    return edit;
  }

  countVoxels(): ReadonlyMap<number, number> {
    return this.board?.labels.countVoxels() ?? new Map<number, number>();
  }

  listDrawnSlices(plane: Plane): readonly number[] {
    return this.board?.labels.listDrawnSlices(this.scene.orientation.planes[plane].sliceAxis) ?? [];
  }

  takeChecksums(): readonly SliceChecksum[] {
    return this.board?.labels.takeChecksums() ?? [];
  }

  private requireBoard(): DrawingBoard {
    if (this.board === null) throw new Error("No segmentation is loaded: call loadActive first.");
    return this.board;
  }

  // ---------------------------------------------------------------------------------------------- read-only maps

  async addLayer(source: LayerSource): Promise<void> {
    await this.references.add(source, this.scene.crosshairIjk[2]);
  }

  updateLayer(id: string, look: Partial<LayerLook>): void {
    this.references.update(id, look);
  }

  removeLayer(id: string): void {
    this.references.remove(id);
  }

  async showHeat(heat: HeatSource | null): Promise<void> {
    await this.references.showHeat(heat, this.scene.crosshairIjk[2]);
  }

  showConsensus(layers: readonly string[], look: LayerLook | null): void {
    this.references.showConsensus(layers, look);
  }

  // ---------------------------------------------------------------------------------------------- telling the page

  get state(): ViewerState {
    this.snapshot ??= makeState(this.scene, this.board, this.settings, this.tool, this.window);
    return this.snapshot;
  }

  private stateChanged(): void {
    this.snapshot = null;
    this.scheduler.ask(this.tellState);
  }

  private sayState(): void {
    const { state } = this;
    if (state.crosshairIjk !== this.toldCrosshair) {
      this.toldCrosshair = state.crosshairIjk;
      this.options.onCrosshair?.(state.crosshairIjk, state.crosshairMm);
    }
    this.options.onViewChange?.(state);
  }

  private sayCursor(): void {
    this.options.onCursor?.(this.pointed === null ? null : describeCursor(this.scene, this.pointed));
  }

  destroy(): void {
    this.running = null;
    for (const view of [...this.attached.keys()]) this.detach(view);
    this.references.removeAll();
    this.imageFeed.stop();
    this.activeFeed?.stop();
    this.activeFeed = null;
    this.decoder.stop();
    this.scheduler.stop();
    this.board = null;
  }
}
