/** What the reading screen shows. Never voxels: those live in the engine; this is what panels and bars are drawn from. */
import { create } from "zustand";
import type {
  ApiProblem,
  AssignmentOut,
  ImageOut,
  ProjectOut,
  PropagationOut,
  ReviewOut,
  SaveState,
  SegmentationOut,
} from "../../api";
import type { AcceptScope, LabelInfo, LayerLook, Plane, Point3, Question, ViewerState } from "../../engine";
import type { Decision, OpinionGroup, Reason } from "./decisions";

/** One read-only map over the image: another expert's reading, or the model's proposal. */
export type Layer = {
  id: string;
  revisionId: string;
  /** The expert's name, or the style's label for the proposal. */
  title: string;
  author: SegmentationOut["author"];
  look: LayerLook;
  /** Set when its voxels could not be loaded. */
  problem: string | null;
};

/** What is laid over the image voxel by voxel: how unsure the prediction is, how much readings disagree, or where two differ. */
export type Heat = "uncertainty" | "disagreement" | "difference";

/** What a read is about, fixed while it is on the screen. */
export type ReadFacts = {
  /** Null where an image is only looked at: nobody's read of it is open. */
  assignment: AssignmentOut | null;
  /** Set where the image's readings are reviewed. */
  review: ReviewOut | null;
  image: ImageOut;
  project: ProjectOut;
  /** Submitted: shown, but not to be drawn on until it is reopened. */
  readOnly: boolean;
};

/** Which part of the prediction is taken over: of the large view's slices, and which way voxels may change. */
export type AcceptPart = {
  mode: AcceptScope["mode"];
  reach: "all" | "this" | "from-here" | "to-here";
};

export type AskState = {
  count: number;
  pending: boolean;
  hasProposal: boolean;
  /** Why there is no answer. */
  problem: string | null;
};

/** What was propagated from the drawn slices, on its way or on the screen. */
export type PropagationState = {
  pending: boolean;
  /** How far the pending one is, 0–1; null before the worker's first word. */
  progress: number | null;
  /** How many slices it began from, and of which labels. */
  drawn: number;
  labels: readonly number[];
  /** A proxy lies over the image. */
  isShown: boolean;
  /** How well drawn slices are found again from their neighbours alone; null with fewer than three. */
  leftOutDice: number | null;
  /** What the network had to do with it, null where it may not help. */
  network: PropagationOut["network"];
  /** How good the whole is thought to be. */
  estimate: PropagationOut["estimate"];
  /** The own branch learns from this reading just now. */
  isLearning: boolean;
  /** Why there is none. */
  problem: string | null;
};

/** One plausible segmentation as the strip shows it. */
export type OpinionCard = {
  /** Its layer in the viewer. */
  layerId: string;
  /** Share of the samples nearest to it; null for one expert's own style. */
  probability: number | null;
  expertName: string | null;
  voxels: Readonly<Record<string, number>>;
  /** With the prediction in my style, 0–1. */
  dice: number;
};

/** Where every miniature looks: the same slice and box, so that outlines can be compared. */
export type MiniaturePlace = { plane: Plane; slice: number; box: { min: Point3; max: Point3 } };

export type OpinionsState = {
  pending: boolean;
  /** Why there is no answer. */
  problem: string | null;
  /** Likeliest first, then each expert's own. */
  cards: readonly OpinionCard[];
  /** The card laid over the image. */
  chosen: number | null;
  drawn: number;
  place: MiniaturePlace | null;
  /** Label value → voxels that 10, 50 and 90 % of the samples do not exceed. */
  interval: Readonly<Record<string, readonly number[]>>;
  /** Whether the 10, 50 and 90 % outlines are shown. */
  contours: boolean;
  /** Whether the innermost and outermost outline of the drawn ones are shown. */
  envelope: boolean;
};

/** The disputed regions of a review, and the one looked at: `at` of `count`, -1 before the first. */
export type ReviewState = {
  isLoaded: boolean;
  problem: string | null;
  /** What became of its readings since it began, and whether it may begin anew with them. */
  changes: ReviewOut["changes"];
  canBeginAnew: boolean;
  canDecide: boolean;
  count: number;
  /** Disputed voxels in rims too thin to be decided on. */
  rimVoxels: number;
  decided: number;
  at: number;
  voxels: number;
  opinions: readonly OpinionGroup[];
  /** What was decided on this region, null while nothing is. */
  decision: Decision | null;
  /** The reason given with the next decision. */
  reason: Reason;
};

/** What may be taken over: the prediction, an opinion by its name, the answer to prompts, what was propagated. */
export type Taken = { kind: "prediction" | "answer" | "propagation" } | { kind: "opinion"; name: string };

/** Takes something over: at once, or after a question where it would change `voxels` that were drawn by hand. */
export type TakeOver = (taken: Taken, voxels: ReadonlyMap<number, number>, proceed: () => void) => void;

/** A submit with nothing drawn beside a prediction, one of a review with open regions, a review begun anew, or an acceptance that would change voxels drawn by hand. */
export type Asked =
  | { about: "empty-submit" }
  | { about: "begin-anew" }
  | { about: "open-regions"; open: number }
  | {
      about: "overdraw";
      taken: Taken;
      /** label value → voxels of mine that would change; 0 for those erased */
      voxels: ReadonlyMap<number, number>;
      proceed: () => void;
    };

export type ReadState = {
  phase: "loading" | "ready" | "failed";
  problem: ApiProblem | null;
  facts: ReadFacts | null;
  view: ViewerState | null;
  save: SaveState;
  labels: readonly LabelInfo[];
  /** Voxels of each label in the map being drawn. */
  voxels: ReadonlyMap<number, number>;
  /** Voxels of each label in the revision this drawing continues; null where it began empty. */
  parentVoxels: ReadonlyMap<number, number> | null;
  /** Slices of each plane that carry something drawn: marks on the slice bar. */
  drawnSlices: Readonly<Record<Plane, readonly number[]>>;
  experts: readonly Layer[];
  /** False until it is known who else has drawn here: the image comes first. */
  expertsKnown: boolean;
  proposal: Layer | null;
  /** The style that `proposal` was drawn in, and the one that draws for this reader now; null where there is none. */
  proposalStyleId: string | null;
  liveStyle: AssignmentOut["live_style"];
  /** The heat map over the image: one at a time, so that its legend is true. */
  heat: Heat | null;
  /** How unsure the prediction is in each slice of each plane, 0–1 of its most unsure one; for while that map is shown. */
  unsureSlices: Readonly<Record<Plane, readonly number[]>>;
  /** The majority of the readings as an outline of its own. */
  majority: boolean;
  acceptPart: AcceptPart;
  /** A revision the server computed after drawing began; offered, never swapped in. */
  newerProposal: AssignmentOut["prediction"];
  /** The view under the pointer or the focus: where keys act. */
  activePlane: Plane;
  largePlane: Plane;
  maximised: boolean;
  fillOpacity: number;
  overlayOpacity: number;
  hidden: boolean;
  submitting: boolean;
  sheetOpen: boolean;
  /** The open round of prompts; null when nothing is asked. */
  asking: AskState | null;
  /** Null while nothing is propagated. */
  propagation: PropagationState | null;
  /** Slices proposed to be drawn next, the best first, in one plane; null before the first propagation. */
  proposed: { plane: Plane; slices: readonly number[] } | null;
  /** The strip of several opinions; null while it is closed. */
  opinions: OpinionsState | null;
  review: ReviewState | null;
  /** What the engine asks before it goes on; null when it asks nothing. */
  question: Question | null;
  /** False where unsent strokes do not survive a crash: no encryption or no storage in this browser. */
  isProtected: boolean;
  /** What the doctor is asked before it is done; null when nothing is. */
  asked: Asked | null;
  /** What another window did to this case, and where to look. */
  note: {
    text: string;
    at: Point3 | null;
    /** What the text counts, when it tells of a merge. */
    merged: { strokes: number; kept: number; at: Point3 | null } | null;
  } | null;
  /** The server's words when a submit showed that browser and server differ. */
  mismatch: string | null;
  historyOpen: boolean;
  /** The earlier revision laid over the image. */
  previewed: string | null;
};

const noSlices: readonly number[] = [];
export const noPlanes = { axial: noSlices, sagittal: noSlices, coronal: noSlices } as const;

export const emptyRead: ReadState = {
  phase: "loading",
  problem: null,
  facts: null,
  view: null,
  save: { kind: "saved", at: null },
  labels: [],
  voxels: new Map(),
  parentVoxels: null,
  drawnSlices: noPlanes,
  experts: [],
  expertsKnown: false,
  proposal: null,
  proposalStyleId: null,
  liveStyle: null,
  heat: null,
  unsureSlices: noPlanes,
  majority: false,
  acceptPart: { mode: "replace", reach: "all" },
  newerProposal: null,
  activePlane: "axial",
  largePlane: "axial",
  maximised: false,
  fillOpacity: 0.35,
  overlayOpacity: 1,
  hidden: false,
  submitting: false,
  sheetOpen: false,
  asking: null,
  propagation: null,
  proposed: null,
  opinions: null,
  review: null,
  question: null,
  isProtected: true,
  asked: null,
  note: null,
  mismatch: null,
  historyOpen: false,
  previewed: null,
};

export const useRead = create<ReadState>(() => emptyRead);
