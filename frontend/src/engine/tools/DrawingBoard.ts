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
import { EditHistory, mergeRemote } from "../labels/EditHistory";
import { decodeRuns } from "../labels/editCodec";
import { LabelVolume } from "../labels/LabelVolume";
import { compilePaintRule } from "../labels/PaintRule";
import type { RowRuns } from "../labels/RowRuns";
import { acceptProposal } from "../ops/accept";
import type { VoxelRange } from "../ops/capsule";
import type { AcceptScope, Edit, JournalEdit, LabelInfo, LabelType, PaintLimits, Plane, Point3 } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { startBrush } from "./brush";
import { startFill } from "./fill";
import type { Gesture, Sample } from "./Gesture";

export type DrawingTool = "brush" | "eraser" | "fill" | "fill3d";

/** What the next gesture will do; the page changes it at any time, a running gesture keeps what it began with. */
export interface DrawingSettings {
  labelInfos: readonly LabelInfo[];
  activeLabel: number;
  limits: PaintLimits;
  radiusMm: number;
  isBall: boolean;
}

export function makeSettings(): DrawingSettings {
  const limits: PaintLimits = { over: "everything", range: null, eraseAnyLabel: false };
  return { labelInfos: [], activeLabel: 1, limits, radiusMm: 4, isBall: false };
}

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
    this.labels = new LabelVolume(nx, ny, nz, dtype);
    this.history = new EditHistory(this.labels, makeId);
    this.metric = computeMetric(affine);
  }

  /** Begins a gesture. A sentence instead when it cannot begin, for the person drawing. */
  begin(tool: DrawingTool, sample: Sample): Gesture | string {
    const { activeLabel, limits, labelInfos, radiusMm, isBall } = this.settings;
    const value = tool === "eraser" ? 0 : activeLabel;
    const rule = compilePaintRule(value, activeLabel, limits, labelInfos, this.image);
    if (!rule.mayWrite) return `Label ${this.nameLabel(value)} is locked: unlock it or choose another one.`;
    const { geometry } = this.image.info;
    const is3DAllowed = geometry !== "irregular" && geometry !== "uncalibrated";
    if (tool === "fill3d" && !is3DAllowed)
      return "This image's slices are uneven or without millimetres: fill slice by slice.";
    const order = { value, rule, editId: this.makeId() };
    if (tool === "brush" || tool === "eraser") {
      return startBrush(
        this.labels,
        { ...order, radiusMm, isBall: isBall && is3DAllowed, metric: this.metric },
        sample,
      );
    }
    const fill = startFill(this.labels, { ...order, is3D: tool === "fill3d" }, sample);
    return fill ?? "This region has more than 5 million voxels, so nothing was filled: close its outline first.";
  }

  /** Ends a gesture: its edit enters the undo history. */
  finish(gesture: Gesture): Edit | null {
    const edit = gesture.finish();
    return edit === null ? null : this.history.record(edit);
  }

  /** Takes over a proposal within a scope; `range` is the scope's part of the grid. */
  accept(proposal: RowRuns, revisionId: string, scope: AcceptScope, range: VoxelRange): Edit | null {
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
    const edit = draft.finish(this.makeId(), "accept", revisionId);
    return edit === null ? null : this.history.record(edit);
  }

  /** Somebody else's edit; returns how many of its voxels stayed mine. Throws BadEdit. */
  applyRemote(theirs: JournalEdit, pending: readonly JournalEdit[]): number {
    const decode = (edit: JournalEdit) => decodeRuns(edit.runs, this.labels.size, this.labels.dtype);
    return mergeRemote(this.labels, decode(theirs), pending.map(decode));
  }

  private nameLabel(value: number): string {
    return this.settings.labelInfos.find((label) => label.value === value)?.name ?? String(value);
  }
}

/** The smallest box around an edit: what views paint again after undo, redo or accept. */
export function boundEdit(edit: Edit, size: Point3): VoxelBox {
  const slice = size[0] * size[1];
  const last = edit.runs.starts.length - 1;
  const first = Math.floor((edit.runs.starts[0] as number) / slice);
  const end = (edit.runs.starts[last] as number) + (edit.runs.lengths[last] as number) - 1;
  return { min: [0, 0, first], max: [size[0] - 1, size[1] - 1, Math.floor(end / slice)] };
}

/** The part of the grid that an acceptance is limited to. */
export function boundScope(scope: AcceptScope, planes: Readonly<Record<Plane, PlaneAxes>>, size: Point3): VoxelRange {
  const min: [number, number, number] = [0, 0, 0];
  const max: [number, number, number] = [size[0] - 1, size[1] - 1, size[2] - 1];
  if (scope.slices !== undefined) {
    const axis = planes[scope.slices.plane].sliceAxis as 0 | 1 | 2;
    min[axis] = Math.max(0, scope.slices.from);
    max[axis] = Math.min(max[axis], scope.slices.to);
  }
  return { min, max };
}
