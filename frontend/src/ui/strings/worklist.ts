import { plural } from "./plural";

export const states = {
  assigned: "Not started",
  opened: "Opened",
  drafting: "In progress",
  submitted: "Submitted",
  withdrawn: "Withdrawn",
} as const;

export const worklist = {
  title: "My reads",
  filters: "Filters",
  search: "Name of the image",
  project: "Project",
  allProjects: "All projects",
  state: "State",
  allStates: "All states",
  modality: "Modality",
  allModalities: "All modalities",
  sort: "Sorted by",
  sorts: { order: "Reading order", name: "Name", updated: "Last changed" },
  clear: "Clear filters",
  shown: (shown: number, more: boolean) => `${shown}${more ? " and more" : ""} shown`,
  image: "Image",
  prediction: "Prediction",
  noPrediction: "None yet",
  styleNews: (style: string, project: string, readings: number) =>
    `New style from here on in ${project}: ${style}${readings > 0 ? `, learnt from ${plural(readings, "reading", "readings")}` : ""}.`,
  olderStyle: (live: string) => `an older one; now ${live}`,
  changed: "Last changed",
  start: "Start reading",
  open: "Open",
  look: "Look",
  openNamed: (name: string) => `Open ${name}`,
  lookNamed: (name: string) => `Look at ${name}`,
  progress: "Submitted",
  done: (done: number, all: number) =>
    all === 0 ? "No reads asked for" : `${done.toLocaleString("en")} of ${all.toLocaleString("en")} submitted`,
  allDone: "All your reads are submitted. Well done.",
  none: "Nothing to read",
  noneNext:
    "When a project asks you to read images, they appear here. Ask the project's manager to add you as an expert.",
  noneNextAdmin:
    "Nobody has asked you to read. Open a project, add yourself as an expert under Experts, and its images appear here.",
  noneNextAdjudicator: "You are not asked to read. As adjudicator you settle where others' readings differ.",
  reviewsOf: (project: string) => `Reviews of ${project}`,
  noneFiltered: "No reads match",
  noneFilteredNext: "Change the filters above, or clear them.",
  noPredictions:
    "No predictions yet: they come after the project's manager has started pretraining on its page. You can draw without them.",
} as const;
