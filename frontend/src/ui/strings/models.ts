import { plural } from "./plural";

const signed = (points: number) => `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;

export const models = {
  none: "No model yet",
  noneNext:
    "The model learns from submitted readings of several experts: imported with the images, or drawn here. Once there are some, press Start pretraining.",
  noneReader: "The project's manager starts pretraining when readings are there.",
  versions: "Model versions",
  version: "Version",
  versionName: (number: number, method: string) =>
    `v${number}, ${method === "dpersona" ? "D-Persona" : method.replaceAll("_", " ")}`,
  figures: "Figures",
  noFigures: "no figures",
  made: "Made",
  states: { candidate: "Candidate", live: "Live", retired: "Retired", refused: "Kept back" },
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
  imported: "taken in from a file",
  onVersion: (number: number) => `on model v${number}`,
  trainedOn: (readings: number, patients: number, experts: number) =>
    `${plural(readings, "reading", "readings")} of ${plural(patients, "patient", "patients")} by ${plural(experts, "expert", "experts")}`,
  notYet:
    "No style of their own yet: it is learnt once enough corrected readings are submitted, and goes live if it beats the average style.",
  learning: "A style is being learnt from the newest readings.",
  toJobs: "See how far it is",
  waitsFor: {
    correction: (accepted: number, missing: number) =>
      `${plural(accepted, "new reading", "new readings")}, submitted exactly as predicted. Accepting teaches nothing new, so no personalisation starts; it does once ${plural(missing, "reading is corrected", "readings are corrected")}.`,
    more: (changed: number, accepted: number, missing: number) =>
      `${plural(changed, "new reading", "new readings")} corrected${accepted > 0 ? `, ${accepted} submitted exactly as predicted (they count half)` : ""}: the next personalisation starts after ${missing} more.`,
    quiet: "Enough new readings: the next personalisation starts at the next pause in submitting.",
    turn: "Enough new readings: the next personalisation is about to start.",
  },
  withdrawnOf: (readings: number, patients: number, when: string) =>
    `${plural(readings, "reading", "readings")} of ${plural(patients, "patient", "patients")} behind it ${readings === 1 ? "was" : "were"} withdrawn since, the last on ${when}.`,
  pretrainAgain: "Start a pretraining: the next version does without them.",
  anew: {
    correction: (left: number, missing: number) =>
      `${plural(left, "reading is", "readings are")} left, submitted exactly as predicted, which alone teaches nothing. A style is learnt without the withdrawn readings once ${plural(missing, "reading is corrected", "readings are corrected")}.`,
    more: (left: number, missing: number) =>
      `A style is learnt without the withdrawn readings once ${plural(missing, "more corrected reading is", "more corrected readings are")} submitted; ${left === 0 ? "none is" : left === 1 ? "1 is" : `${left} are`} left.`,
    quiet: "At the next pause in submitting and withdrawing, a style is learnt without the withdrawn readings.",
    turn: "A style without the withdrawn readings is about to be learnt.",
    pretrained: "This style was learnt in pretraining: the next model version does without the withdrawn readings.",
    tried:
      "A style was to be learnt without the withdrawn readings since, and none went live. Make one live below that does without them, or submit more corrected readings.",
    off: "This project does not personalise by itself (Policy), so no style is learnt without the withdrawn readings.",
  },
  goal: "Goal (Dice, points)",
  outlook: {
    reached: (goal: number) => `${goal} Dice is reached on this expert's held-out cases.`,
    reachable: (more: number, goal: number) =>
      `Annotate about ${plural(more, "more case", "more cases")} to reach ${goal} Dice, by the curve so far.`,
    far: (goal: number) => `${goal} Dice is further away than the curve so far can tell.`,
    beyond: (ceiling: number, goal: number) =>
      `The curve so far flattens near ${ceiling.toFixed(1)} Dice, below the goal of ${goal}.`,
    unknown: "Not known yet how many more cases a goal needs: that takes three personalisations with growing numbers.",
  },
  curveWhat: "Dice on held-out cases, in points, by number of own annotations",
  curve: (name: string, points: string) => `Dice of ${name}'s styles by number of own annotations: ${points}`,
  curveReadings: "Own annotations",
  curveStyle: "This style",
  curveLive: "Live until then",
  curveNearest: "Closest colleague, untrained",
  curveConsensus: "Average style",
  learntFrom: "Learnt from",
  readingsOf: (name: string, number: number) => `What style v${number} of ${name} learnt from`,
  image: "Image",
  reader: "Reader",
  revision: "Revision",
  use: "Use",
  withdrawnAt: (when: string) => `withdrawn ${when}`,
  uses: { train: "Learnt from", gate: "Judged by" },
  hiddenReadings: (n: number) => `${plural(n, "reading", "readings")} more that you may not know of.`,
  export: "Export",
  exportStyle: (number: number) => `Export style v${number} as a file`,
  importStyle: "Import a style file",
  tookIn: "Taken in as a candidate: nothing changes until you make it live.",
  gatePassed: "Went live.",
  gateHeld: "Kept back.",
  gateFolds: "With so few patients, each was left out of the learning in turn.",
  streams: "Learning while drawing",
  streamsHint:
    "Each finished case that propagation helped with, in the order it was read. The branch that learns while its expert draws is asked for its prediction as it was before any label of that patient; it draws for its expert alone and never goes live by itself.",
  streamCase: "Case",
  streamBranch: "Branch, before it learnt",
  streamLive: "Live style, before",
  streamMean: "Branch, mean so far",
  stream: (name: string, points: string) => `Dice of ${name}'s branch by case, before it learnt from it: ${points}`,
  streamFigures: (mean: number, lastTen: number, live: number) =>
    `Mean ${mean.toFixed(1)} Dice, last ten ${lastTen.toFixed(1)}; the live style on the same cases ${live.toFixed(1)}.`,
  forgotten: (points: number) =>
    points > 0
      ? `Forgotten of the first cases: ${points.toFixed(1)} points.`
      : `Nothing forgotten of the first cases (${signed(-points)} points).`,
  forgottenUnknown: "Forgetting is measured from the second case on.",
  evaluation: "Evaluation on unseen readings",
  evaluate: "Evaluate",
  evaluationStarted: "The evaluation is queued. Its table appears here.",
  evaluationRuns: "Evaluation is under way",
  noEvaluation:
    "An evaluation draws again what experts submitted on patients that nothing has learnt from, and says how near each live style comes.",
  evaluatedAt: (when: string) =>
    `Dice in points, mean over patients, ${when}. Each style is judged on its own expert's readings; hold the pointer over a figure for its 95 % interval.`,
  unseen: "Judged by",
  judgedBy: (cases: number, patients: number, assisted: number) =>
    `${plural(cases, "reading", "readings")} of ${plural(patients, "patient", "patients")}${assisted > 0 ? `, ${assisted} drawn over a prediction` : ""}`,
  candidates: {
    live: "Live style",
    nearest: "Closest colleague, untrained",
    average: "Average style",
    others: "Majority of the others",
  },
  leadOverClosest: "Live − closest",
  lead: ({ mean, low, high }: { mean: number; low: number; high: number }) =>
    `${signed(mean)} [${signed(low)}, ${signed(high)}]`,
  ownRow: "part of pretraining",
  surface: "ASSD · HD95",
  distances: (live: { assd: { mean: number }; hd95: { mean: number } } | undefined, unit: string) =>
    live ? `${live.assd.mean.toFixed(2)} · ${live.hd95.mean.toFixed(2)} ${unit}` : "–",
  interval: (low: number, high: number, cases: number) =>
    `95 % interval ${low.toFixed(1)} to ${high.toFixed(1)}, on ${plural(cases, "reading", "readings")}`,
  rollBack: "Roll back to this",
  promote: "Make live",
  olderStyles: (n: number) => `Show ${n} older`,
  promoteModel: (number: number) => `Make model v${number} live`,
  promoteModelBody: "All predictions of this project are computed with it from now on. The present version is kept.",
  promoteStyle: (name: string, number: number) => `Make style v${number} of ${name} live`,
  promoteStyleBody: "New predictions for this expert are drawn in this style from now on. The present style is kept.",
  reason: "Reason (kept in the audit trail)",
  confirm: "Make live",
  isLive: (what: string) => `${what} is live.`,
  modelName: (number: number) => `Model v${number}`,
  styleName: (name: string, number: number) => `Style v${number} of ${name}`,
} as const;
