import { plural } from "./plural";

export const history = {
  title: "History",
  open: "History of this reading",
  close: "Close the history",
  explain:
    "Nothing is ever overwritten. Going back to a revision is a step like any other: Undo takes it back, and every revision stays here.",
  now: (steps: number) => `On the screen now: ${plural(steps, "step", "steps")} can be undone.`,
  revision: (n: number) => `Revision ${n}`,
  origin: {
    blank: "Opened, empty",
    import: "Imported",
    fold: "Saved",
    predict: "Predicted",
    restore: "Restored",
    fork: "Saved from a browser that differed",
    propagate: "Propagated",
    majority: "Majority of the readings",
  },
  submitted: "Submitted",
  assisted: "Assisted",
  /** Whose help a reading had; the style is null where none drew it (a propagation, an answer without a network). */
  assistedBy: (style: string | null) => (style === null ? "assisted" : `assisted by ${style}`),
  unassisted: "drawn without help",
  submittedAt: (when: string, help: string) => `${when}, ${help}`,
  assistedHint: "Voxels of a model's prediction were accepted on the way here.",
  show: (n: number) => `Show revision ${n} over the image`,
  hide: (n: number) => `Hide revision ${n}`,
  download: (n: number) => `Download revision ${n} as NIfTI`,
  restore: "Restore",
  restoreNumber: (n: number) => `Restore revision ${n}`,
  restored: (n: number) => `Back to revision ${n}. Undo takes this back.`,
  same: "Your drawing is already the same as this revision.",
} as const;
