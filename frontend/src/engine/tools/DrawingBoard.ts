/**
 * The map being drawn with everything that decides what a gesture does to it: labels, limits, brush, undo.
 *
 * Pure: no canvas, no events, no network; Node tests drive it with random gestures. The page's facade (render/Viewer)
 * feeds it samples and carries its edits away.
 */
import { computeMetric, type Metric } from "../geometry/affine";
import type { VoxelBox } from "../geometry/box";
import type { PlaneAxes } from "../geometry/planes";
import { EditDraft } from "../labels/EditDraft";
import { EditHistory, type RemoteVoxels } from "../labels/EditHistory";
import { countHandDrawn, countValues } from "../labels/handDrawn";
import { makeLabelStore } from "../labels/LabelStore";
import { LabelVolume } from "../labels/LabelVolume";
import type { RowRuns } from "../labels/RowRuns";
import { acceptProposal } from "../ops/accept";
import { fillRegion } from "../ops/disputes";
import type {
  AcceptScope,
  DisputedRegion,
  DrawingTool,
  Edit,
  JournalEdit,
  LabelType,
  Pick,
  Plane,
  Point3,
  Runs,
} from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { Bench, type DrawingSettings } from "./Bench";
import { startBrush } from "./brush";
import { copySlice } from "./copySlice";
import { FILL_LIMIT_VOXELS, startFill } from "./fill";
import { type Gesture, type Sample, ToolRefusal } from "./Gesture";
import { startHoles } from "./holes";
import { startInterpolation } from "./interpolation";
import { startIslands } from "./islands";
import { startMargin } from "./margin";
import { startOutline } from "./outline";
import { startSmooth } from "./smooth";

/** How each tool begins. Throws ToolRefusal when it cannot. */
const STARTS: { readonly [Tool in DrawingTool]: (bench: Bench, sample: Sample, fillLimit: number) => Gesture } = {
  brush: (bench, sample) => startBrush(bench, "brush", sample),
  eraser: (bench, sample) => startBrush(bench, "eraser", sample),
  threshold: (bench, sample) => startBrush(bench, "threshold", sample),
  polygon: (bench, sample) => startOutline(bench, "polygon", sample),
  lasso: (bench, sample) => startOutline(bench, "lasso", sample),
  scissors: (bench, sample) => startOutline(bench, "scissors", sample),
  fill: (bench, sample, limit) => startFill(bench, "fill", sample, limit),
  fill3d: (bench, sample, limit) => startFill(bench, "fill3d", sample, limit),
  holes: (bench, sample) => startHoles(bench, "holes", sample),
  holes3d: (bench, sample) => startHoles(bench, "holes3d", sample),
  islands: (bench, sample) => startIslands(bench, sample),
  smooth: (bench, sample) => startSmooth(bench, sample),
  grow: (bench, sample) => startMargin(bench, "grow", sample),
  shrink: (bench, sample) => startMargin(bench, "shrink", sample),
  interpolate: (bench, sample) => startInterpolation(bench, sample),
};

export class DrawingBoard {
  readonly labels: LabelVolume;
  readonly history: EditHistory;
  private readonly metric: Metric;

  constructor(
    private readonly image: ImageVolume,
    dtype: LabelType,
    readonly settings: DrawingSettings,
    private readonly makeId: () => string,
  ) {
    const { nx, ny, nz, affine } = image.info;
    this.labels = new LabelVolume(nx, ny, nz, dtype, makeLabelStore(image.info, dtype, image.isWhole));
    this.history = new EditHistory(this.labels, makeId);
    this.metric = computeMetric(affine);
  }

  /** Begins a gesture; the refusal instead when it cannot begin. `fillLimit`: voxels a fill may change unasked. */
  begin(tool: DrawingTool, sample: Sample, fillLimit = FILL_LIMIT_VOXELS): Gesture | ToolRefusal {
    return this.tryTo(() => STARTS[tool](this.makeBench(), sample, fillLimit));
  }

  /** Copies the active label of a slice onto another one; null when that changes nothing. */
  copySlice(axes: PlaneAxes, from: number, to: number): Edit | null | ToolRefusal {
    return this.tryTo(() => this.finish(copySlice(this.makeBench(), axes, from, to)));
  }

  private makeBench(): Bench {
    return new Bench(this.labels, this.history, this.image, this.metric, this.settings, this.makeId());
  }

  private tryTo<Result>(act: () => Result): Result | ToolRefusal {
    try {
      return act();
    } catch (error) {
      if (error instanceof ToolRefusal) return error;
      throw error;
    }
  }

  /** Ends a gesture: its edit enters the undo history. */
  finish(gesture: Gesture): Edit | null {
    const edit = gesture.finish();
    return edit === null ? null : this.history.record(edit);
  }

  /** Takes over a proposal within a scope; `range` is the scope's part of the grid. No revision: one of several opinions. */
  accept(proposal: RowRuns, revisionId: string | null, scope: AcceptScope, range: VoxelBox): Edit | null {
    const tool = revisionId === null ? "opinion" : "accept";
    const edit = this.draftAccept(proposal, scope, range).finish(this.makeId(), tool, revisionId);
    return edit === null ? null : this.history.record(edit);
  }

  /** Value → how many voxels that I gave it by hand accepting would change; all of them where my steps left the memory. */
  countOverdrawn(proposal: RowRuns, scope: AcceptScope, range: VoxelBox): ReadonlyMap<number, number> {
    return this.countByHand(this.peek(this.draftAccept(proposal, scope, range)));
  }

  /** How many voxels of a proposal are neither taken over nor decided by hand. `whole`: the grid. */
  countLeft(proposal: RowRuns, whole: VoxelBox): number {
    const change = this.peek(this.draftAccept(proposal, { labels: "all", mode: "replace" }, whole));
    const byHand = [...this.countByHand(change).values()];
    return byHand.reduce((left, count) => left - count, change?.voxels ?? 0);
  }

  /** The same of `acceptRuns`. */
  countOverdrawnByRuns(runs: Runs, label: number): ReadonlyMap<number, number> {
    return this.countByHand(this.peek(this.draftRuns(runs, label)));
  }

  /** What a draft would change; everything stays as it is. */
  private peek(draft: EditDraft): Edit | null {
    const change = draft.finish(this.makeId(), "accept", null);
    draft.cancel();
    return change;
  }

  private countByHand(change: Edit | null): ReadonlyMap<number, number> {
    if (change === null) return new Map();
    const { standing, undoDepth } = this.history;
    return standing.length < undoDepth ? countValues(change, () => true) : countHandDrawn(change, standing);
  }

  private draftAccept(proposal: RowRuns, scope: AcceptScope, range: VoxelBox): EditDraft {
    const locked = new Set(this.settings.labelInfos.filter((label) => label.locked).map((label) => label.value));
    const chosen = scope.labels === "all" ? null : new Set(scope.labels);
    const highest = this.labels.dtype === "uint8" ? 255 : 65535;
    const draft = new EditDraft(this.labels);
    acceptProposal(draft, proposal, {
      isChosen: (label) => chosen === null || chosen.has(label),
      adds: scope.mode !== "remove",
      removes: scope.mode !== "add",
      range,
      // A 16-bit proposal may hold labels that an 8-bit map cannot: they are left out, never cut to another label.
      mayChange: (_, present, next) => next <= highest && !locked.has(present) && !locked.has(next),
    });
    return draft;
  }

  /** Somebody else's edit below mine that wait; says what stayed mine. Throws BadEdit. */
  applyRemote(theirs: JournalEdit, pending: readonly JournalEdit[]): RemoteVoxels {
    return this.history.applyRemote(theirs, pending);
  }

  /** Every voxel that differs from another map of this grid takes its value, locks or not: going back to a revision. */
  restore(whole: RowRuns, revisionId: string): Edit | null {
    const [nx, ny, nz] = [this.labels.nx, this.labels.ny, this.labels.nz];
    const draft = new EditDraft(this.labels);
    acceptProposal(draft, whole, {
      isChosen: () => true,
      adds: true,
      removes: true,
      range: { min: [0, 0, 0], max: [nx - 1, ny - 1, nz - 1] },
      mayChange: () => true,
    });
    const edit = draft.finish(this.makeId(), "restore", revisionId);
    return edit === null ? null : this.history.record(edit);
  }

  /** A decision on a disputed region: one edit of all its voxels, changed or not, so that it is kept that it was made. */
  decide(region: DisputedRegion, tool: string, pick: Pick): Edit | ToolRefusal {
    const { labels } = this;
    const runs = fillRegion(region, labels.dtype, (ballot, index) => pick?.(ballot) ?? labels.read(index));
    const locked = this.settings.labelInfos.find(
      ({ value, locked: isLocked }) => isLocked && isTouched(labels, runs, value),
    );
    if (locked) return new ToolRefusal(`Label ${locked.name} is locked: unlock it to decide on this region.`);
    const before = labels.applyRuns(runs);
    const origin = { editId: this.makeId(), tool, sourceRevisionId: null, undoes: null };
    return this.history.record({ ...origin, runs, before, voxels: region.voxels, checksums: null });
  }

  /** Takes over a proposal in run form: values where it has some; 0 where it has 0 and `label` is drawn. Locks hold. */
  acceptRuns(runs: Runs, label: number, editId: string): Edit | null {
    const edit = this.draftRuns(runs, label).finish(editId, "ask", null);
    return edit === null ? null : this.history.record(edit);
  }

  private draftRuns(runs: Runs, label: number): EditDraft {
    const locked = new Set(this.settings.labelInfos.filter((info) => info.locked).map((info) => info.value));
    const { nx, ny } = this.image.info;
    const draft = new EditDraft(this.labels);
    let read = 0;
    runs.starts.forEach((start, n) => {
      for (let index = start; index < start + (runs.lengths[n] as number); index++) {
        const next = runs.values[read++] as number;
        const present = this.labels.read(index);
        const isMeant = next === 0 ? present === label : present !== next;
        if (!isMeant || locked.has(present) || locked.has(next)) continue;
        const row = Math.floor(index / nx);
        draft.write(index, index % nx, row % ny, Math.floor(row / ny), next);
      }
    });
    return draft;
  }
}

/** Whether applying these runs would give or take this label anywhere. */
function isTouched(labels: LabelVolume, runs: Runs, label: number): boolean {
  let at = 0;
  return runs.starts.some((start, n) => {
    for (let index = start; index < start + (runs.lengths[n] as number); index++, at++) {
      const [present, next] = [labels.read(index), runs.values[at]];
      if (present !== next && (present === label || next === label)) return true;
    }
    return false;
  });
}

/** The smallest box around an edit: what views paint again after undo, redo or accept. */
export function boundEdit(edit: Edit, size: Point3): VoxelBox {
  const slice = size[0] * size[1];
  const last = edit.runs.starts.length - 1;
  const first = Math.floor((edit.runs.starts[0] as number) / slice);
  const end = (edit.runs.starts[last] as number) + (edit.runs.lengths[last] as number) - 1;
  return { min: [0, 0, first], max: [size[0] - 1, size[1] - 1, Math.floor(end / slice)] };
}

/** Index of a voxel → where it is. */
export function findVoxelIjk(index: number, [nx, ny]: Point3): Point3 {
  const row = Math.floor(index / nx);
  return [index - row * nx, row % ny, Math.floor(row / ny)];
}

/** The part of the grid that an acceptance is limited to. */
export function boundScope(scope: AcceptScope, planes: Readonly<Record<Plane, PlaneAxes>>, size: Point3): VoxelBox {
  const min: [number, number, number] = [0, 0, 0];
  const max: [number, number, number] = [size[0] - 1, size[1] - 1, size[2] - 1];
  if (scope.slices !== undefined) {
    const axis = planes[scope.slices.plane].sliceAxis as 0 | 1 | 2;
    min[axis] = Math.max(0, scope.slices.from);
    max[axis] = Math.min(max[axis], scope.slices.to);
  }
  return { min, max };
}
