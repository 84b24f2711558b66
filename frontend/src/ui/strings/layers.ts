import { plural } from "./plural";

/** What lies over the image besides one's own drawing: other readings, their majority, heat maps. */
export const layers = {
  consensus: "Consensus",
  unnamed: (n: number) => `Reading ${n}`,
  proxy: "Stand-in reading",
  proxyHint: "Made by a model where no expert has read; not anybody's reading.",
  outlines: "Outlines",
  majority: (readings: number) => `Majority of ${readings}`,
  majorityHint: "The label most of these readings give each voxel; a tie goes to background.",
  heat: { uncertainty: "Uncertainty", disagreement: "Disagreement" },
  heatHint: {
    uncertainty: "How unsure the prediction is, from 0 to 1.",
    disagreement: "Share of the readings that are not with their majority.",
  },
  legendOf: {
    uncertainty: "Uncertainty of the prediction",
    disagreement: (readings: number) => `Share of ${plural(readings, "reading", "readings")} against their majority`,
  },
  legendFloor: "below 0.1: clear",
  unsureBand: "Where the prediction is unsure, slice by slice",
  noPrediction: "There is no prediction here whose uncertainty could be shown.",
  noUncertainty: "This prediction came without a map of its uncertainty.",
  tooFewReadings: "Disagreement takes two readings you may see; there are fewer here.",
  shareHere: (kind: "uncertainty" | "disagreement", share: number) => `${kind} ${share.toFixed(2)}`,
} as const;
