import { plural } from "./plural";

export const projects = {
  create: "New project",
  name: "Name",
  description: "Description",
  none: "No projects yet",
  noneNext: "You are not a member of a project yet. Ask a project's manager or your admin to add you.",
  noneNextAdmin: "Make one, give it labels, import images, add experts: then reading can begin.",
  noDescription: "No description",
  counts: (images: number, submitted: number, assignments: number) =>
    `${plural(images, "image", "images")} · ${submitted} of ${plural(assignments, "read", "reads")} submitted`,
} as const;

export const project = {
  tabs: {
    images: "Images",
    import: "Import",
    labels: "Labels",
    experts: "Experts",
    members: "Members",
    policy: "Policy",
    models: "Models and styles",
    jobs: "Jobs",
  },
  noImages: "No images yet",
  noImagesNext:
    "Drop DICOM, NIfTI, PNG or JPEG files under Import; a data set with several experts' segmentations works too.",
  noImagesReader: "The project's manager imports them.",
  nextStep: {
    images: "Next: import the images to be read.",
    labels: "Next: say what the experts are to draw.",
    experts: "Next: add the experts and ask them to read.",
  },
  expert: "Expert",
  kind: "Kind",
  reads: "Reads",
  noExperts: "No experts yet",
  noExpertsNext: "Add the people whose way of drawing matters; each gets predictions in their own style.",
  addExpert: "Add an expert",
  chooseExpert: "Choose",
  noOtherExperts: "All known experts are here",
  assignAll: "Ask to read all images",
  add: "Add",
  noMembers: "No members yet",
  noMembersNext: "Add the users who may enter this project.",
  addMember: "Add a member",
  chooseUser: "Choose a user",
  removeMember: (name: string) => `Remove ${name} from the project`,
  roles: { manager: "Manager", reader: "Reader", adjudicator: "Adjudicator" },
} as const;

export const labels = {
  value: "Value",
  name: "Name",
  colour: "Colour",
  none: "No labels yet",
  noneNext: "Add at least one: what the experts are to draw.",
  noneReader: "The project's manager adds them.",
  add: "Add a label",
  remove: (name: string) => `Remove label ${name}`,
  nameless: "Every label needs a name.",
  badValue: "Values are whole numbers from 1 to 255; 0 is background.",
  twice: "Two labels have the same value.",
  twiceNamed: "Two labels have the same name.",
  badColour: "A colour is # and six digits or letters a to f, for example #56b4e9.",
} as const;

export const policy = {
  blinding: "When readers see each other",
  blindingHint: "Until then, other readings are not sent to the browser at all.",
  blindings: {
    open: "Always",
    until_own_submitted: "After they submitted their own reading of the image",
    until_all_submitted: "After all readers of the image submitted",
    until_settled: "After the image is settled",
  },
  prefill: "Prediction",
  prefillHint: "Whether the model proposes before the expert draws.",
  prefills: { before: "Shown before reading, in the expert's own style", never: "Never: unassisted reads" },
  readsPerImage: "Reads per image",
  personalise: "Learn each expert's style from their submitted corrections",
  personaliseHint: "Happens in the background; a new style goes live only when it is better on held-out corrections.",
} as const;

export const imports = {
  drop: "Drop a folder, files or a zip here",
  formats:
    "DICOM series, NIfTI (.nii, .nii.gz), PNG and JPEG, or a zip of these. One bad file never spoils the others.",
  layout: "With several experts: images/CASE.nii.gz and segmentations/EXPERT/CASE.nii.gz in one folder.",
  chooseFiles: "Choose files",
  chooseFolder: "Choose a folder",
  experts: "Create experts from segmentation folders",
  expertsHint: "Each folder below segmentations/ becomes an expert with one reading per case.",
  sending: (sent: string, total: string) => `Sending ${sent} of ${total}`,
  leftOut: (n: number) => `${plural(n, "hidden or system file was", "hidden or system files were")} left out.`,
  progress: "Import",
  progressOf: (path: string) => `Upload of ${path}`,
  cancel: "Cancel",
  again: "Import more",
  reading: "Reading the files…",
  doneTitle: "Import finished",
  done: (images: number, readings: number) =>
    `${plural(images, "new image", "new images")}${readings > 0 ? `, ${plural(readings, "reading", "readings")}` : ""}. What happened to each file is below.`,
  allAccepted: (n: number) => `${plural(n, "file was", "files were")} accepted.`,
  showAccepted: "List them",
  showImages: "Show the images",
  file: "File",
  verdict: "Verdict",
  reason: "Why",
  verdicts: {
    accepted: "Accepted",
    warning: "With a warning",
    refused: "Refused",
    duplicate: "Already here",
    quarantined: "Quarantined",
  } as Readonly<Record<string, string>>,
} as const;
