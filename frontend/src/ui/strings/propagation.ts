import { plural } from "./plural";

/** Propagation: drawn slices carried through the volume, and which slice to draw next. */
export const propagation = {
  title: "Propagation",
  pending: (drawn: number) =>
    drawn === 0 ? "Propagating …" : `Propagating from ${plural(drawn, "slice", "slices")} …`,
  share: (progress: number | null) => (progress === null ? "" : ` ${Math.round(100 * progress)} %`),
  shown: (drawn: number) => `Propagated from ${plural(drawn, "drawn slice", "drawn slices")}; faint where unsure`,
  shownWhy: "What you drew stays as it is.",
  leftOut: (dice: number) => `Drawn slices, each left out, are found again with Dice ${dice.toFixed(2)}`,
  /** What stands behind it, in two or three words. */
  alone: "propagation alone",
  aloneWhy: "No prediction in your style may be shown here, so this is propagation and nothing else.",
  silent: "your style waits",
  silentWhy: (dice: number) =>
    `Your style draws the slices you have drawn with Dice ${dice.toFixed(0)} so far: too little to have a part in this.`,
  together: "with your style",
  togetherWhy: (dice: number, slices: number) =>
    `Merged with the prediction in your style, which drew ${plural(slices, "slice", "slices")} of yours with Dice ${dice.toFixed(0)} before it had seen them.`,
  learning: "learning …",
  learningWhy: "Your style learns from what you have drawn; the next propagation is better for it. Go on drawing.",
  estimate: (low: number | null, high: number | null) =>
    low === null || high === null ? "quality not known yet" : `Dice ${low.toFixed(0)}–${high.toFixed(0)}`,
  estimateUnknown: (cases: number, goal: number) =>
    `An estimate worth showing takes 19 finished cases, and there are ${cases}. The goal of this project is ${goal.toFixed(0)}.`,
  estimateWhy: (dice: number, cases: number, goal: number) =>
    `Estimated, not measured: about ${dice.toFixed(0)}; nine in ten of your ${cases} finished cases lay within such an interval. The goal of this project is ${goal.toFixed(0)}.`,
  goodEnough: "good enough",
  goodEnoughWhy: (goal: number) => `The lower end has reached this project's goal of ${goal.toFixed(0)}. You decide.`,
  renewing: "You drew on: propagating again …",
  nothingDrawn:
    "Nothing to propagate: draw or correct the object by hand on one slice of this view first. Slices only accepted from a prediction do not count.",
  same: "The drawing already agrees with what was propagated.",
  stillPending: "The propagation is still on its way.",
  accept: "Accept (Enter)",
  acceptOnly: (label: string) => `Only ${label}`,
  acceptOnlyWhy: "Takes over the label you are drawing with; what was propagated of the others waits.",
  discard: "Discard (Esc)",
  asking: "Looking for the slice to draw next …",
  noneLeft: "No slice left to propose: every slice of the object is drawn.",
  next: (slice: number, why: string) => `Slice ${slice} next: ${why}`,
  reasons: {
    first: () => "a good one to begin with",
    unsure: (voxels: number | null) => `the propagation is least sure there${about(voxels)}`,
    differs: (voxels: number | null) => `propagation and prediction disagree most there${about(voxels)}`,
    changed: (voxels: number | null) => `it changed most since you last drew${about(voxels)}`,
    far: (voxels: number | null) => `the farthest from what you have drawn${about(voxels)}`,
    random: () => "picked at random",
  },
  mark: (slice: number) => `Proposed: slice ${slice}`,
} as const;

function about(voxels: number | null): string {
  return voxels === null ? "" : ` (about ${plural(voxels, "voxel", "voxels")} uncertain)`;
}
