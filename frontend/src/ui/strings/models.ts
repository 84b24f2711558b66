import { plural } from "./plural";

export const models = {
  none: "No model yet",
  noneNext:
    "The model learns from submitted readings of several experts: imported with the images, or drawn here. Once there are some, press Start pretraining.",
  noneReader: "The project's manager starts pretraining when readings are there.",
  versions: "Model versions",
  version: "Version",
  versionName: (number: number, method: string) => `v${number}, ${method.replaceAll("_", " ")}`,
  figures: "Figures",
  noFigures: "no figures",
  made: "Made",
  states: { candidate: "Candidate", live: "Live", retired: "Retired" },
  styles: "Styles",
  origins: {
    consensus: "average style of all experts",
    pretrained: "from pretraining",
    nearest: "nearest expert",
    row: "own style",
    adapter: "own style with adapter",
  },
  styleLine: (origin: string, readings: number, figures: string) =>
    [origin, readings > 0 ? `learnt from ${plural(readings, "reading", "readings")}` : "", figures]
      .filter((part) => part !== "" && part !== "no figures")
      .join(" · "),
  gatePassed: "Went live.",
  gateHeld: "Held back.",
  rollBack: "Roll back to this",
  promote: "Make live",
  olderStyles: (n: number) => `Show ${n} older`,
  promoteModel: (number: number) => `Make model v${number} live`,
  promoteModelBody: "All predictions of this project are computed with it from now on. The present version is kept.",
  promoteStyle: (name: string, number: number) => `Make style v${number} of ${name} live`,
  promoteStyleBody: "New predictions for this expert are drawn in this style from now on. The present style is kept.",
  reason: "Reason (kept in the audit trail)",
  confirm: "Make live",
} as const;
