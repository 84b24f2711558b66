export const states = {
  assigned: "Not started",
  opened: "Opened",
  drafting: "In progress",
  submitted: "Submitted",
  withdrawn: "Withdrawn",
} as const;

export const worklist = {
  title: "My reads",
  project: "Project",
  allProjects: "All projects",
  state: "State",
  allStates: "All states",
  image: "Image",
  prediction: "Prediction",
  noPrediction: "None yet",
  start: "Start reading",
  open: "Open",
  look: "Look",
  progress: "Submitted",
  done: (done: number, all: number) => `${done} of ${all} submitted`,
  allDone: "All your reads are submitted. Well done.",
  none: "Nothing to read",
  noneNext:
    "When a project asks you to read images, they appear here. Ask the project's manager to add you as an expert.",
  noneNextAdmin:
    "Nobody has asked you to read. Open a project, add yourself as an expert under Experts, and its images appear here.",
  noneFiltered: "No reads match",
  noneFilteredNext: "Choose another project or state above.",
  noPredictions:
    "No predictions yet: they come after the project's manager has started pretraining on its page. You can draw without them.",
} as const;
