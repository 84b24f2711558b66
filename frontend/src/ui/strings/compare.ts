/** Two label maps of one image against each other. */
export const compare = {
  title: "Compare",
  hint: "Two readings or revisions against each other: where they differ, Dice and surface distance.",
  open: "Compare two readings",
  close: "End comparing",
  sideA: "A",
  sideB: "B",
  drawing: "My drawing now",
  mine: "My revisions",
  prediction: "Prediction",
  revision: (whose: string, number: number, at: Date, submitted: boolean) =>
    `${whose}, r${number}, ${at.toLocaleString("en-GB", { dateStyle: "short", timeStyle: "short" })}${submitted ? ", submitted" : ""}`,
  label: "Label",
  allLabels: "All",
  dice: "Dice",
  hd95: "HD95 mm",
  assd: "ASSD mm",
  figuresHint:
    "HD95: 95 % of each surface lies this near to the other. ASSD: mean distance between the surfaces. Click a label to see it alone.",
  measuring: "Measuring…",
  failed: (why: string) => `Not compared: ${why}`,
  none: "–",
  onlyA: "only in A",
  onlyB: "only in B",
  both: "in both",
  otherLabel: "different labels",
  legend: "Comparison",
} as const;
