/**
 * The engine's facade: what a page mounts, gives label maps to and receives edits from. See ViewerDoor for the contract.
 *
 * It composes and passes on; rules live below: what a gesture changes in tools/DrawingBoard, which gesture is under way in
 * tools/Toolbox, what a view shows in SliceView, what pointers mean in PointerInput. Fails closed: without a completely loaded active map nothing can be
 * drawn, and a map that did not load completely is not shown as if it were empty.
 */
import { toJournal } from "../labels/EditHistory";
import { encodeRuns } from "../labels/editCodec";
import { boundEdit, boundScope, DrawingBoard, findVoxelIjk } from "../tools/DrawingBoard";
import { type Sample, ToolRefusal, type ViewChange } from "../tools/Gesture";
import { clampToGrid } from "../tools/navigation";
import type { Ruler } from "../tools/ruler";
import { Toolbox } from "../tools/Toolbox";
import type {
  AcceptScope,
  ActiveSource,
  DisputedRegion,
  Edit,
  JournalEdit,
  LabelInfo,
  LayerLook,
  PaintLimits,
  Pick,
  Plane,
  Point3,
  RemoteMerge,
  Runs,
  SliceChecksum,
  ToolName,
  ToolOptions,
  ViewerDoor,
  ViewerOptions,
  ViewerState,
  ViewHandle,
} from "../types";
import { openVolume } from "../volume/openVolume";
import type { Window } from "../volume/windowTable";
import { SlabDecoder } from "../workers/SlabDecoder";
import { DisplayWindow } from "./DisplayWindow";
import { type Feed, feedImage, feedLabels } from "./feeds";
import { LayerViewer } from "./LayerViewer";
import type { PointerHost } from "./PointerInput";
import { ReferenceMaps } from "./ReferenceMaps";
import { describeCursor, makeState } from "./report";
import { findSlice, type MutableScene, makeColours, makeScene } from "./Scene";
import { SliceView } from "./SliceView";
import { FrameScheduler } from "./scheduler";
import { makeUuid } from "./uuid";
import { ViewSet } from "./ViewSet";

const WHEEL_RADIUS_FACTOR = 1.12;
const ERASER_COLOUR = "#ffffff";

export class Viewer extends LayerViewer implements ViewerDoor {
  protected readonly scene: MutableScene;
  private readonly size: Point3;
  private readonly scheduler = new FrameScheduler();
  private readonly decoder = new SlabDecoder();
  protected readonly imageFeed: Feed;
  private activeFeed: Feed | null = null;
  protected readonly views = new ViewSet();
  protected readonly references: ReferenceMaps;
  /** what the cursor line speaks of: the pointer, or the crosshair after a key */
  private pointed: Sample | null = null;
  private readonly window: DisplayWindow;
  protected readonly toolbox: Toolbox;
  private snapshot: ViewerState | null = null;
  private toldCrosshair: Point3;
  private readonly tellState = (): void => this.sayState();
  private readonly tellCursor = (): void => this.sayCursor();

  constructor(private readonly options: ViewerOptions) {
    super();
    const { image, startIjk } = options;
    const volume = openVolume(image, options.memoryBytes ?? Number.POSITIVE_INFINITY);
    this.size = [image.nx, image.ny, image.nz];
    this.window = new DisplayWindow(image, () => this.windowChanged());
    this.toldCrosshair = clampToGrid(
      startIjk ?? [(image.nx - 1) / 2, (image.ny - 1) / 2, (image.nz - 1) / 2],
      this.size,
    );
    this.scene = makeScene(volume, this.toldCrosshair, this.window.table);
    this.toolbox = this.makeToolbox();
    this.showCrosshairLines();
    this.updateBrushCursor();
    this.references = new ReferenceMaps(this.size, image.slabDepth, this.decoder, {
      changed: (maps, heat) => {
        this.scene.references = maps;
        this.scene.heat = heat;
        this.views.invalidate();
      },
      removed: (labels) => this.views.forgetReference(labels),
      failed: (sentence) => options.onProblem?.(sentence),
      drawing: () => this.scene.labels,
    });
    this.imageFeed = feedImage(volume, options.fetchSlab, options.slabAddress, this.toldCrosshair[2], this.decoder, {
      arrived: () => this.noteSlab(),
      failed: (sentence) => options.onProblem?.(sentence),
      late: (sentence) => options.onProblem?.(sentence),
    });
  }

  private makeToolbox(): Toolbox {
    const { onQuestion, onProblem } = this.options;
    const readWindow = (): Window => this.window.range;
    return new Toolbox(this.scene.volume, {
      get window() {
        return readWindow();
      },
      locate: (plane) => this.locate(plane),
      changeView: (change, place) => this.changeView(change, place),
      touch: (box) => this.views.touch(box),
      publish: (edit) => this.publish(edit),
      refuse: (sentence) => onProblem?.(sentence),
      prompt: (drawn) => this.options.onPrompt?.(drawn),
      ask: onQuestion === undefined ? null : (question) => onQuestion(question),
      changed: () => this.toolChanged(),
    });
  }

  /** Voxels along each axis. */
  get dims(): { readonly nx: number; readonly ny: number; readonly nz: number } {
    const [nx, ny, nz] = this.size;
    return { nx, ny, nz };
  }

  // ---------------------------------------------------------------------------------------------- views

  attach(canvas: HTMLCanvasElement, plane: Plane): ViewHandle {
    const view = new SliceView(canvas, this.scene.orientation.planes[plane], this.scene, this.scheduler);
    const host: PointerHost = {
      press: (pressed, kind, sample) => this.toolbox.press(pressed, kind, sample),
      drag: (_, samples) => this.toolbox.drag(samples),
      release: () => this.toolbox.release(),
      cancel: () => this.toolbox.cancel(),
      doubleClick: (clicked) => this.toolbox.close(clicked.plane),
      hover: (hovered, sample, isShift) => this.hover(hovered, sample, isShift),
      wheelSlices: (wheeled, steps) => this.scroll(wheeled.plane, steps),
      wheelBrush: (steps) => this.setBrush(this.toolbox.settings.radiusMm * WHEEL_RADIUS_FACTOR ** steps),
    };
    this.views.add(view, host);
    return {
      plane,
      reset: () => view.reset(),
      zoomBy: (factor) => view.zoom(factor),
      takePicture: (caption) => view.takePicture(caption),
      detach: () => this.detach(view),
    };
  }

  private detach(view: SliceView): void {
    this.toolbox.settle();
    this.views.remove(view);
  }

  private noteSlab(): void {
    this.views.noteSlab();
    this.stateChanged();
    this.point(this.pointed); // its value may be known by now
  }

  setWindow(low: number, high: number): void {
    this.window.range = { low, high };
    this.stateChanged();
  }

  private windowChanged(): void {
    this.scene.windowVersion += 1;
    this.views.invalidate();
  }

  goTo(ijk: Point3): void {
    const before = this.scene.crosshairIjk;
    this.scene.crosshairIjk = clampToGrid(ijk, this.size);
    const slice = this.scene.crosshairIjk[2];
    this.imageFeed.focus(slice);
    this.activeFeed?.focus(slice);
    this.references.focus(slice);
    this.views.followCrosshair(before, this.scene.crosshairIjk);
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
    this.toolbox.settings.labelInfos = labels;
    this.scene.colours = makeColours(labels, this.scene.colours.version + 1);
    this.updateBrushCursor();
    this.views.invalidate();
  }

  setActiveLabel(value: number): void {
    this.toolbox.setActiveLabel(value);
  }

  setTool(tool: ToolName, plane?: Plane): void {
    this.toolbox.setTool(tool, plane ?? null);
    this.showCrosshairLines();
  }

  previewInterpolation(plane: Plane): boolean {
    return this.toolbox.previewInterpolation(plane);
  }

  private showCrosshairLines(isSteered = false): void {
    const wanted = isSteered || this.toolbox.tool === "crosshair" || this.scene.orientation.shown.length > 1;
    if (wanted === this.scene.hasCrosshairLines) return;
    this.scene.hasCrosshairLines = wanted;
    this.views.invalidate();
  }

  setBrush(radiusMm: number, options?: { readonly ball: boolean }): void {
    this.toolbox.setBrush(radiusMm, options?.ball);
  }

  setPaintLimits(limits: PaintLimits): void {
    this.toolbox.setLimits(limits);
  }

  setToolOptions(change: Partial<ToolOptions>): void {
    this.toolbox.setOptions(change);
  }

  takeRangeFromHere(plane: Plane): void {
    const isPointed = this.pointed?.axes.plane === plane;
    this.toolbox.takeRange(isPointed && this.pointed !== null ? this.pointed : this.locate(plane));
  }

  /** Tool, settings or sketch changed: what the views draw of them. */
  private toolChanged(): void {
    this.updateBrushCursor();
    const { tool, settings } = this.toolbox;
    this.window.tint(tool === "threshold" ? settings.options.range : null); // what threshold paint would take
    if (this.toolbox.sketch !== null || this.scene.sketch !== null) this.views.invalidate();
    this.scene.sketch = this.toolbox.sketch;
    this.stateChanged();
  }

  private updateBrushCursor(): void {
    const { activeLabel, radiusMm } = this.toolbox.settings;
    const { tool } = this.toolbox;
    this.views.invalidateCursor();
    const colour = tool === "eraser" ? ERASER_COLOUR : (this.scene.colours.css(activeLabel) ?? ERASER_COLOUR);
    const isBrush = tool === "brush" || tool === "eraser" || tool === "threshold";
    this.scene.brushCursor = isBrush ? { radiusMm, colour } : null;
    this.views.invalidateCursor();
  }

  private changeView(change: ViewChange, place: { readonly plane: Plane } | null): void {
    const view = this.views.find(place);
    if (change.kind === "pan") view?.pan(change.dx, change.dy);
    else if (change.kind === "zoom") view?.zoom(change.factor, change.at);
    else if (change.kind === "window") this.setWindow(change.window.low, change.window.high);
    else if (change.kind === "ruler") this.setRuler(change.ruler);
    else this.goTo(change.ijk);
  }

  private setRuler(ruler: Ruler | null): void {
    this.scene.ruler = ruler;
    this.views.invalidate();
  }

  cancel(): void {
    this.toolbox.cancel();
  }

  confirm(plane: Plane): boolean {
    return this.toolbox.confirm(plane);
  }

  dropCorner(): boolean {
    return this.toolbox.dropCorner();
  }

  copySlice(plane: Plane, direction: 1 | -1): Edit | null {
    const copied = this.toolbox.copySlice(plane, direction);
    if (copied instanceof ToolRefusal) return null;
    this.scroll(plane, direction);
    return copied;
  }

  moveCrosshair(plane: Plane, right: number, down: number): void {
    this.showCrosshairLines(true);
    const axes = this.scene.orientation.planes[plane];
    const ijk: [number, number, number] = [...this.scene.crosshairIjk];
    ijk[axes.columnAxis as 0 | 1 | 2] += axes.columnFlip ? -right : right;
    ijk[axes.rowAxis as 0 | 1 | 2] += axes.rowFlip ? -down : down;
    this.goTo(ijk);
    const sample = this.locate(plane);
    this.toolbox.follow(plane);
    this.views.moveCursorTo(plane, sample.ijk);
    this.point(sample);
  }

  toggleToolAtCrosshair(plane: Plane): void {
    this.toolbox.toggle(plane);
  }

  /** The crosshair, as a sample of one view. */
  private locate(plane: Plane): Sample {
    const axes = this.scene.orientation.planes[plane];
    const slice = findSlice(this.scene, axes);
    return { at: { x: 0, y: 0 }, ijk: this.scene.crosshairIjk, axes, slice, grabMm: 0 };
  }

  private hover(view: SliceView, sample: Sample | null, isShift: boolean): void {
    this.views.movePointer(view, sample);
    if (isShift && sample !== null && !this.toolbox.isBusy) this.goTo(sample.ijk);
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
    this.toolbox.settleAll();
    this.activeFeed?.stop();
    this.toolbox.board = null;
    this.scene.labels = null;
    const board = new DrawingBoard(this.scene.volume, source.dtype, this.toolbox.settings, makeUuid);
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
    if (problems.length > 0) throw new Error(problems[0]);
    board.history.replay(source.edits);
    this.toolbox.board = board;
    this.scene.labels = board.labels;
    this.views.invalidate();
    this.stateChanged();
  }

  applyRemote(edit: JournalEdit, pending: readonly JournalEdit[]): RemoteMerge {
    const unfinished = this.toolbox.settleAll();
    const mine = unfinished === null ? pending : [...pending, toJournal(unfinished)];
    const { kept, at } = this.requireBoard().applyRemote(edit, mine);
    const [nx, ny, nz] = this.size;
    this.views.touch({ min: [0, 0, 0], max: [nx - 1, ny - 1, nz - 1] });
    this.stateChanged();
    return { kept, at: at === null ? null : findVoxelIjk(at, this.size) };
  }

  holdsStep(step: "undo" | "redo"): boolean {
    return this.toolbox.board?.history.holds(step) ?? true;
  }

  /** While an outline is open, its last corner is what was done last. */
  undo(): Edit | null {
    if (this.toolbox.dropCorner()) return null;
    this.toolbox.settleAll();
    return this.publish(this.toolbox.board?.history.undo() ?? null);
  }

  redo(): Edit | null {
    this.toolbox.settleAll();
    return this.publish(this.toolbox.board?.history.redo() ?? null);
  }

  countOverdrawn(id: string, scope: AcceptScope): ReadonlyMap<number, number> {
    this.toolbox.settleAll();
    const runs = this.references.find(id)?.runs;
    if (!runs?.isComplete || this.toolbox.board === null) return new Map();
    return this.toolbox.board.countOverdrawn(runs, scope, this.rangeOf(scope));
  }

  countOverdrawnByProposal(runs: Runs, label: number): ReadonlyMap<number, number> {
    this.toolbox.settleAll();
    return this.toolbox.board?.countOverdrawnByRuns(runs, label) ?? new Map();
  }

  acceptLayer(id: string, scope: AcceptScope): Edit | null {
    this.toolbox.settleAll();
    const layer = this.references.find(id);
    if (layer === null || this.toolbox.board === null) return null;
    if (!layer.runs.isComplete) {
      this.options.onProblem?.("Not all of the proposal is here yet: accept it when it has loaded.");
      return null;
    }
    return this.publish(this.toolbox.board.accept(layer.runs, layer.revisionId, scope, this.rangeOf(scope)));
  }

  private rangeOf = (scope: AcceptScope) => boundScope(scope, this.scene.orientation.planes, this.size);

  restoreLayer(id: string): Edit | null {
    this.toolbox.settleAll();
    const layer = this.references.find(id);
    if (layer === null || layer.revisionId === null || this.toolbox.board === null) return null;
    if (!layer.runs.isComplete) return null;
    return this.publish(this.toolbox.board.restore(layer.runs, layer.revisionId));
  }

  encodeMap(): string {
    return encodeRuns(this.requireBoard().labels.toRuns());
  }

  private requireBoard(): DrawingBoard {
    if (this.toolbox.board === null) throw new Error("No segmentation is loaded: call loadActive first.");
    return this.toolbox.board;
  }

  showProposal(id: string, runs: Runs, look: LayerLook): void {
    this.references.addRuns(id, runs, look);
  }

  acceptProposal(runs: Runs, label: number, editId: string): Edit | null {
    this.toolbox.settleAll();
    return this.publish(this.toolbox.board?.acceptRuns(runs, label, editId) ?? null);
  }

  decide(region: DisputedRegion, tool: string, pick: Pick): Edit | null {
    return this.toolbox.decide(region, tool, pick);
  }

  /** An edit that has been applied and recorded: paint it, tell the page. */
  private publish(edit: Edit | null): Edit | null {
    if (edit === null) return null;
    this.views.touch(boundEdit(edit, this.size));
    this.stateChanged();
    this.options.onEdit?.(edit);
    return edit;
  }

  countVoxels(): ReadonlyMap<number, number> {
    return this.toolbox.board?.labels.countVoxels() ?? new Map<number, number>();
  }

  listDrawnSlices(plane: Plane): readonly number[] {
    return this.toolbox.board?.labels.listDrawnSlices(this.scene.orientation.planes[plane].sliceAxis) ?? [];
  }

  takeChecksums(): readonly SliceChecksum[] {
    this.toolbox.settleAll();
    return this.toolbox.board?.labels.takeChecksums() ?? [];
  }

  // ---------------------------------------------------------------------------------------------- telling the page

  get state(): ViewerState {
    this.snapshot ??= makeState(this.scene, this.toolbox, this.window.range);
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
    this.views.removeAll();
    this.references.removeAll();
    this.imageFeed.stop();
    this.activeFeed?.stop();
    this.activeFeed = null;
    this.decoder.stop();
    this.scheduler.stop();
    this.toolbox.board = null;
  }
}
