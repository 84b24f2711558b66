import { plural } from "./plural";

/** Propagation: drawn slices carried through the volume, and which slice to draw next. */
export const propagation = {
  title: "Propagation",
  pending: (drawn: number) =>
    drawn === 0 ? "Propagating …" : `Propagating from ${plural(drawn, "slice", "slices")} …`,
  shown: (drawn: number) =>
    `Propagated from ${plural(drawn, "drawn slice", "drawn slices")}; what you drew stays; faint where unsure`,
  leftOut: (dice: number) => `Drawn slices, each left out, are found again with Dice ${dice.toFixed(2)}`,
  renewing: "You drew on: propagating again …",
  nothingDrawn: "Nothing to propagate: draw the object on one slice of this view first.",
  same: "The drawing already agrees with what was propagated.",
  stillPending: "The propagation is still on its way.",
  accept: "Accept (Enter)",
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
