/**
 * The chosen tool, what it is set to, and the gestures under way. Pure: the viewer feeds it samples and carries out what
 * it says.
 *
 * Two gestures may be under way. A *running* one lasts from press to release. A *staged* one waits between presses: an
 * open outline, or a preview. Panning, zooming and scrolling leave a staged gesture alone; another drawing tool, undo or
 * somebody else's edit give it up.
 */
import { computeMetric } from "../geometry/affine";
import { boundGrid, type VoxelBox } from "../geometry/box";
import { visitCapsule } from "../ops/capsule";
import { computeRange } from "../ops/valueRange";
import type {
  DisputedRegion,
  DrawingTool,
  Edit,
  PaintLimits,
  Pick,
  Plane,
  PromptDrawn,
  Question,
  StagedState,
  ToolName,
  ToolOptions,
} from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import type { Window } from "../volume/windowTable";
import { type AskGesture, startAsk } from "./ask";
import { makeSettings } from "./Bench";
import type { DrawingBoard } from "./DrawingBoard";
import { type Gesture, type Sample, type Sketch, ToolRefusal, type ViewChange } from "./Gesture";
import { startCrosshair, startPan, startWindow, startZoom } from "./navigation";
import { startRuler } from "./ruler";

const MIN_RADIUS_MM = 0.1;
const MAX_RADIUS_MM = 50;
/** Tools that act where they are clicked, without a stroke: `confirm` lets them act at the crosshair. */
const ACTS_AT_ONCE: readonly ToolName[] = [
  "holes",
  "holes3d",
  "islands",
  "smooth",
  "grow",
  "shrink",
  "interpolate",
] satisfies readonly DrawingTool[];
const NAVIGATION = ["crosshair", "window", "pan", "zoom", "ruler"] as const;

export type PressKind = "tool" | "opposite" | "pan" | "eraser";

export function isDrawingTool(tool: ToolName): tool is DrawingTool {
  return tool !== "ask" && !(NAVIGATION as readonly ToolName[]).includes(tool);
}

/** The view a gesture was begun in; null by keyboard. */
export interface Place {
  readonly plane: Plane;
}

export interface ToolboxHost {
  readonly window: Window;
  /** the crosshair, as a sample of one view */
  locate(plane: Plane): Sample;
  changeView(change: ViewChange, place: Place | null): void;
  touch(box: VoxelBox | null): void;
  /** a finished edit, in the undo history already */
  publish(edit: Edit): void;
  refuse(sentence: string): void;
  /** a gesture of Ask AI is complete */
  prompt(drawn: PromptDrawn): void;
  /** null: nobody can be asked */
  readonly ask: ((question: Question) => void) | null;
  /** tool, settings or sketch are no longer what they were */
  changed(): void;
}

interface Running {
  readonly gesture: Gesture;
  readonly place: Place | null;
}

interface Staged {
  readonly gesture: Gesture;
  readonly tool: DrawingTool;
  readonly plane: Plane;
}

export class Toolbox {
  tool: ToolName = "brush";
  readonly settings = makeSettings();
  board: DrawingBoard | null = null;
  private running: Running | null = null;
  private staged: Staged | null = null;
  private asking: AskGesture | null = null;

  constructor(
    private readonly image: ImageVolume,
    private readonly host: ToolboxHost,
  ) {
    const { windowLow: low, windowHigh: high } = image.info;
    this.settings.options = { ...this.settings.options, range: { low, high } };
  }

  /** Null for a freehand line too: it ends with its stroke. */
  get stagedState(): StagedState | null {
    const stage = this.staged?.gesture.stage;
    if (!this.staged || !stage || stage.sketch?.hasHandles === false) return null;
    return { tool: this.staged.tool, kind: stage.kind };
  }

  get sketch(): Sketch | null {
    return this.asking?.sketch ?? this.staged?.gesture.stage?.sketch ?? null;
  }

  /** Something is pressed. */
  get isBusy(): boolean {
    return this.running !== null;
  }

  // ---------------------------------------------------------------------------------------------- what is set

  /** `plane`: the view where a tool that begins at once begins. */
  setTool(tool: ToolName, plane: Plane | null): void {
    if (isDrawingTool(tool) && this.staged !== null && this.staged.tool !== tool) this.giveUpStaged();
    this.tool = tool;
    this.host.changed();
    if (tool === "interpolate" && plane !== null && this.staged === null)
      this.begin(tool, this.host.locate(plane), null);
  }

  previewInterpolation(plane: Plane): boolean {
    this.giveUpStaged();
    const sample = this.host.locate(plane);
    const gesture = this.board?.begin("interpolate", sample) ?? null;
    if (gesture === null || gesture instanceof ToolRefusal) return false;
    this.tool = "interpolate";
    this.staged = { gesture, tool: "interpolate", plane };
    this.drag([sample]);
    this.host.changed();
    return true;
  }

  setActiveLabel(value: number): void {
    this.settings.activeLabel = value;
    this.previewAgain();
    this.host.changed();
  }

  setBrush(radiusMm: number, isBall = this.settings.isBall): void {
    this.settings.radiusMm = Math.min(MAX_RADIUS_MM, Math.max(MIN_RADIUS_MM, radiusMm));
    this.settings.isBall = isBall;
    this.host.changed();
  }

  setLimits(limits: PaintLimits): void {
    this.settings.limits = limits;
    this.host.changed();
  }

  /** The value range is one and the same for threshold paint and for the limits of every tool. */
  setOptions(change: Partial<ToolOptions>): void {
    this.settings.options = { ...this.settings.options, ...change };
    const { range } = this.settings.options;
    if (this.settings.limits.range !== null) this.settings.limits = { ...this.settings.limits, range };
    this.previewAgain();
    this.host.changed();
  }

  /** A preview shows what the settings say now. */
  private previewAgain(): void {
    const { staged } = this;
    if (staged?.gesture.stage?.kind !== "preview") return;
    this.giveUpStaged();
    this.begin(staged.tool, this.host.locate(staged.plane), null);
  }

  /** The range of values under the brush at a place. */
  takeRange({ ijk, axes, slice }: Sample): void {
    const { info } = this.image;
    const size = [info.nx, info.ny, info.nz] as const;
    const box = boundGrid(size, axes.sliceAxis, this.settings.isBall ? null : slice);
    const under = new Set<number>();
    visitCapsule(ijk, ijk, this.settings.radiusMm, computeMetric(info.affine), box, (i, j, k) => {
      if (this.image.hasSlice(k)) under.add(i + info.nx * (j + info.ny * k));
    });
    const range = info.channels === 1 ? computeRange(this.image, [...under]) : null;
    if (range === null) this.host.refuse("There are no values under the brush here: point at the image first.");
    else this.setOptions({ range });
  }

  // ---------------------------------------------------------------------------------------------- gestures

  press(place: Place, kind: PressKind, sample: Sample): void {
    this.settle();
    if (this.tool === "ask" && (kind === "tool" || kind === "opposite")) this.ask(sample, place, kind === "tool");
    else this.begin(this.chooseTool(kind), sample, place);
  }

  private ask(sample: Sample, place: Place | null, isInclude: boolean): void {
    if (this.board === null) {
      this.host.refuse("Your segmentation is not loaded yet: asking starts when it is here.");
      return;
    }
    const { info } = this.image;
    const size = [info.nx, info.ny, info.nz] as const;
    this.asking = startAsk(this.settings.options.ask, isInclude, size, computeMetric(info.affine), sample);
    this.running = { gesture: this.asking, place };
    this.host.changed();
  }

  /** Right button: the opposite of brush and eraser, the window with every other tool. */
  private chooseTool(kind: PressKind): ToolName {
    if (kind === "pan" || kind === "eraser") return kind;
    if (kind === "tool") return this.tool;
    return this.tool === "brush" ? "eraser" : this.tool === "eraser" ? "brush" : "window";
  }

  private begin(tool: ToolName, sample: Sample, place: Place | null, fillLimit?: number): void {
    if (this.staged?.tool === tool && this.staged.gesture.stage !== undefined) {
      const refusal = this.staged.gesture.stage.press(sample);
      if (refusal === null) this.running = { gesture: this.staged.gesture, place };
      else this.host.refuse(refusal);
      this.host.changed();
      return;
    }
    const gesture = this.start(tool, sample, fillLimit);
    if (gesture === null) return;
    if (isDrawingTool(tool) && gesture.stage !== undefined) {
      this.giveUpStaged();
      this.staged = { gesture, tool, plane: sample.axes.plane };
    }
    if (gesture.stage?.kind !== "preview") this.running = { gesture, place };
    this.drag([sample]);
    this.host.changed();
  }

  private start(tool: ToolName, sample: Sample, fillLimit?: number): Gesture | null {
    if (tool === "pan") return startPan(sample);
    if (tool === "zoom") return startZoom(sample);
    if (tool === "window") return startWindow(sample, this.host.window);
    if (tool === "crosshair" || tool === "ask") return startCrosshair();
    if (tool === "ruler") return startRuler(sample);
    if (this.board === null) {
      this.host.refuse("Your segmentation is not loaded yet: drawing starts when it is here.");
      return null;
    }
    const begun = this.board.begin(tool, sample, fillLimit);
    if (!(begun instanceof ToolRefusal)) return begun;
    if (begun.canProceed && this.host.ask !== null) {
      this.host.ask({ kind: "large-fill", proceed: () => this.fillAnyway(tool, sample) });
    } else this.host.refuse(begun.message);
    return null;
  }

  private fillAnyway(tool: ToolName, sample: Sample): void {
    this.settle();
    this.begin(tool, sample, null, Number.POSITIVE_INFINITY);
    this.release();
  }

  drag(samples: readonly Sample[]): void {
    if (this.running === null) {
      this.host.touch(this.staged?.gesture.takeDirty() ?? null);
      return;
    }
    const { gesture, place } = this.running;
    const change = gesture.move(samples);
    if (change !== null) this.host.changeView(change, place);
    this.host.touch(gesture.takeDirty());
    if (gesture.stage !== undefined || this.asking !== null) this.host.changed();
  }

  /** The pointer, or the keyboard's tool, went up. */
  release(): void {
    if (this.running === null) return;
    const { gesture } = this.running;
    const next = gesture.stage?.release() ?? "done";
    if (next === "held") return;
    this.running = null;
    if (next === "waits") return;
    if (gesture.stage !== undefined) this.staged = null;
    this.finish(gesture);
  }

  /** A gesture that lasts while something is pressed ends where it is; a staged one waits on. */
  settle(): void {
    if (this.running === null) return;
    const { gesture } = this.running;
    this.running = null;
    if (gesture.stage === undefined) this.finish(gesture);
  }

  /** Before labels change by other hands: the stroke under way becomes an edit, what is staged is given up. */
  settleAll(): Edit | null {
    const running = this.running?.gesture ?? null;
    this.running = null;
    this.giveUpStaged();
    return running === null || running.stage !== undefined ? null : this.finish(running);
  }

  private finish(gesture: Gesture): Edit | null {
    if (gesture === this.asking) {
      const drawn = this.asking.prompt();
      this.asking = null;
      this.host.changed();
      if (drawn !== null) this.host.prompt(drawn);
      return null;
    }
    const edit = this.board?.finish(gesture) ?? null;
    if (edit !== null) this.host.publish(edit);
    this.host.changed();
    return edit;
  }

  /** Abandons the gesture under way, else the staged one. */
  cancel(): void {
    const running = this.running?.gesture;
    this.running = null;
    if (this.asking !== null) {
      this.asking = null;
      this.host.changed();
    } else if (running !== undefined && running.stage === undefined) {
      running.cancel();
      this.host.touch(running.takeDirty());
    } else this.giveUpStaged();
  }

  private giveUpStaged(): void {
    if (this.staged === null) return;
    const { gesture } = this.staged;
    this.staged = null;
    if (this.running?.gesture === gesture) this.running = null;
    gesture.cancel();
    this.host.touch(gesture.takeDirty());
    this.host.changed();
  }

  // ---------------------------------------------------------------------------------------------- keys

  /** The crosshair moved: a tool that is down by keyboard draws along. */
  follow(plane: Plane): void {
    if (this.running !== null && this.running.place === null) this.drag([this.host.locate(plane)]);
  }

  /** Tool down at the crosshair, or up again. A new corner of an outline is set at once. */
  toggle(plane: Plane): void {
    if (this.running !== null) {
      this.release();
      return;
    }
    if (this.tool === "ask") {
      this.ask(this.host.locate(plane), null, true);
      if (this.settings.options.ask.shape === "point") this.release();
      return;
    }
    if (!isDrawingTool(this.tool)) return;
    this.begin(this.tool, this.host.locate(plane), null);
    if (this.sketch?.hasHandles || ACTS_AT_ONCE.includes(this.tool)) this.release();
  }

  /** Closes the outline, accepts the preview, or lets the tool act at the crosshair; false when none of them is there. */
  confirm(plane: Plane): boolean {
    if (this.staged !== null) {
      const { gesture } = this.staged;
      this.staged = null;
      this.running = null;
      this.finish(gesture);
      return true;
    }
    if (!ACTS_AT_ONCE.includes(this.tool)) return false;
    this.settle();
    this.begin(this.tool, this.host.locate(plane), null);
    this.release();
    return true;
  }

  /** A double click closes the open outline in whose view it was. */
  close(plane: Plane): void {
    if (this.sketch?.hasHandles && this.sketch.corners.length > 2) this.confirm(plane);
  }

  dropCorner(): boolean {
    const stage = this.staged?.gesture.stage;
    if (stage?.kind !== "outline") return false;
    if (!stage.dropCorner()) this.giveUpStaged();
    this.host.changed();
    return true;
  }

  copySlice(plane: Plane, direction: 1 | -1): Edit | null | ToolRefusal {
    this.settleAll();
    const { axes, slice } = this.host.locate(plane);
    return this.tell(this.board?.copySlice(axes, slice, slice + direction) ?? null);
  }

  decide(region: DisputedRegion, tool: string, pick: Pick): Edit | null {
    this.settleAll();
    const decided = this.tell(this.board?.decide(region, tool, pick) ?? null);
    return decided instanceof ToolRefusal ? null : decided;
  }

  /** Publishes what was done at once, or says why it was not. */
  private tell(done: Edit | null | ToolRefusal): Edit | null | ToolRefusal {
    if (done instanceof ToolRefusal) this.host.refuse(done.message);
    else if (done !== null) this.host.publish(done);
    return done;
  }
}
