import { plural } from "./plural";

/** Ask AI: prompts and their proposals. */
export const ask = {
  shape: "Form of the prompt",
  shapes: { point: "Click", scribble: "Scribble", box: "Box", lasso: "Lasso" },
  boxSlices: "Slices to each side",
  chooseLabel: "Choose a label first: Ask AI proposes one label at a time.",
  otherLabelOpen: "A proposal for another label is open: Enter accepts it, Esc withdraws it.",
  stillPending: "The answer is still on its way.",
  pending: (count: number) => `Asking … (${plural(count, "prompt", "prompts")})`,
  answered: (count: number) => `Proposal from ${plural(count, "prompt", "prompts")}`,
  none: "No proposal yet",
  accept: "Accept (Enter)",
  takeBack: "Take last back (Ctrl+Z)",
  withdraw: "Withdraw (Esc)",
};
