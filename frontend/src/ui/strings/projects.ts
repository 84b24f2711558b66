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
    `${plural(images, "image", "images")} · ${assignments === 0 ? "no reads asked for" : `${submitted} of ${plural(assignments, "read", "reads")} submitted`}`,
} as const;

export const project = {
  tabs: {
    images: "Images",
    reviews: "Reviews",
    progress: "Progress",
    import: "Import",
    labels: "Labels",
    experts: "Experts",
    members: "Members",
    policy: "Policy",
    models: "Models and styles",
    jobs: "Jobs",
    settings: "Settings",
  },
  addImages: "Add images from Consilium",
  addImagesHint:
    "Images that were imported before, into any project you may see. Every expert with an account is asked to read them.",
  noOtherImages: "Every image you may see is in this project already.",
  addChosen: (n: number) => (n === 0 ? "Add" : `Add ${plural(n, "image", "images")}`),
  imagesAdded: (n: number) => `${plural(n, "image is", "images are")} in the project now.`,
  moreOf: (name: string) => `More for ${name}`,
  removeImage: "Take out of the project",
  removeImageWhat:
    "The image stays in Consilium, and can be added again. Reads of it that nobody has begun disappear from the worklists. Once somebody has begun, it stays.",
  notMine: "You are not asked to read this image. The project's manager asks you under Experts.",
  blindedProgress:
    "This project is blinded: until the readings are shown, those who run it see how many are submitted.",
  progressOf: (name: string) => `Readings submitted of ${name}`,
  notAsked: "Not asked",
  lookAtReading: (image: string, state: string) => `Look at the reading of ${image}: ${state}`,
  reason: "Why",
  reasonHint: "Kept in the audit.",
  readsOf: (image: string) => `Reads of ${image}`,
  askReads: "Ask experts to read it",
  askTitle: (image: string) => `Ask to read ${image}`,
  askWhat: "It appears on their lists. Who is asked already stays so; a withdrawn read comes back with what was drawn.",
  ask: "Ask",
  asked: (n: number) => (n === 0 ? "Everybody was asked already." : `${plural(n, "read", "reads")} asked for.`),
  nobodyToAsk: "Every expert of this project is asked already. Add more under Experts.",
  nothingToWithdraw: "Nobody has an unfinished read of this image.",
  withdrawReads: "Withdraw reads",
  withdrawTitle: (image: string) => `Withdraw reads of ${image}`,
  withdrawAllTitle: (expert: string) => `Withdraw all unfinished reads of ${expert}`,
  withdrawUnfinished: "Withdraw unfinished reads",
  withdrawWhat: "Reads leave the list. What was drawn stays, and comes back when the expert is asked again.",
  submittedStays: "Submitted readings are not touched.",
  withdrawBlinded:
    "This project is blinded: readings are shown once everybody who is still asked has submitted, so this can show them.",
  withdrawSubmitted: "Submitted readings as well",
  withdrawSubmittedWhat:
    "For a patient who no longer consents, or a reading that is wrong. Nothing learns from it any more, styles that did are learnt anew, and asked for again it comes back as a draft.",
  withdraw: "Withdraw",
  withdrawn: (n: number) =>
    n === 0 ? "Nothing was withdrawn: what is submitted stays." : `${plural(n, "read was", "reads were")} withdrawn.`,
  removeExpert: "Take out of the project",
  removeExpertTitle: (name: string) => `Take ${name} out of the project`,
  removeExpertWhat:
    "Reads that are not submitted are withdrawn, and nobody asks this expert for new images. Submitted readings, drafts and styles stay. The account stays a member until removed under Members.",
  changeRoleOf: (name: string) => `Role of ${name} in the project`,
  removeMemberWhat: "They no longer see this project. What they drew stays.",
  removeMemberAct: "Remove",
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
  roleHints: {
    manager: "Runs the project: images, experts, members, models.",
    reader: "Sees the project, and reads what their expert is asked to read.",
    adjudicator: "Settles under Reviews where the readers of an image differ.",
  },
} as const;

export const labels = {
  value: "Value",
  name: "Name",
  colour: "Colour",
  code: "Coded term",
  codeHint: "Scheme, value and meaning as in DICOM, for example SCT, 10200004, Liver.",
  codeScheme: (name: string) => `Coding scheme of ${name}`,
  codeValue: (name: string) => `Code of ${name}`,
  codeMeaning: (name: string) => `Meaning of the code of ${name}`,
  valueOf: (name: string) => `Value of ${name}`,
  nameAt: (value: number) => `Name of label ${value}`,
  colourOf: (name: string) => `Colour of ${name}`,
  halfCode: "A coded term needs its scheme, its value and its meaning, or none of them.",
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
  goalDice: "Good enough, in Dice points",
  goalDiceHint:
    "While drawing, a propagated reading is marked good enough when the lower end of its estimate reaches this.",
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
  lookTitle: "Nothing is kept yet",
  found: (images: number, readings: number) =>
    images + readings === 0
      ? "There is nothing new in these files. Why is said below."
      : `${plural(images, "new image", "new images")}${readings > 0 ? ` and ${plural(readings, "reading", "readings")}` : ""}. Check sizes and orientation, then import.`,
  readingsOf: (expert: string, count: number) => `${expert}: ${plural(count, "reading", "readings")}`,
  keep: "Import these",
  forget: "Do not import",
  forgetHint: "What is not imported is deleted from the server a week after it was sent.",
  voxels: "Voxels",
  spacing: "Spacing",
  orientation: "Orientation",
  axesHint:
    "Orientation: the side of the patient to which the voxels count up along x, y and z. R right, L left, A front, P back, S head, I feet.",
  remarks: "Remarks",
  madeOf: (modality: string, files: number) =>
    [modality === "OT" ? "" : modality, plural(files, "file", "files")].filter(Boolean).join(" · "),
  spacingOf: (spacing: readonly number[]) => `${spacing.map((mm) => Number(mm.toPrecision(3))).join(" × ")} mm`,
  noSpacing: "Unknown",
  noOrientation: "Unknown: no left and right on the screen",
  axesOf: (axes: string, fileAxes: string, tilt: number) =>
    [axes === fileAxes ? axes : `${fileAxes}, stored as ${axes}`, tilt >= 1 ? `tilted ${Math.round(tilt)}°` : ""]
      .filter(Boolean)
      .join(", "),
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
