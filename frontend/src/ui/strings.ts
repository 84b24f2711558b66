/**
 * Every word the pages say, in one catalogue (en now; de, fr, es, zh take the same shape later).
 * Sentences name what happened and what to do next. Text that comes from the server or from files is not here.
 */

const plural = (n: number, one: string, many: string) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

const en = {
  product: "Consilium",
  banner: "Research use only. Not a medical device. Not for diagnosis.",

  simulated: {
    badge: "Simulated experts",
    expert: "Simulated",
    hint: "The experts of this project are computed, not people. Its figures say nothing about real readers.",
  },

  shell: {
    notices: "Notices",
    intendedUse: "Intended use",
    actions: "Actions",
    close: "Close",
    clear: "Clear the choice",
    loading: "Loading",
    skip: "Skip to content",
    navigation: "Main",
    account: (name: string) => `Account of ${name}`,
    myAccount: "My account",
    signOut: "Sign out",
    copy: "Copy",
    copied: "Copied",
    save: "Save",
    saved: "Saved.",
    more: "Show more",
    thumbnail: (name: string) => `Middle slice of ${name}`,
  },

  nav: {
    reads: "My reads",
    projects: "Projects",
    jobs: "Jobs",
    users: "Users",
    experts: "Experts",
    system: "System",
  },

  errors: {
    crashTitle: "This page stopped working",
    crashBody:
      "What you drew and was saved is safe. Reload the page; if it happens again, tell your admin these words:",
    reload: "Reload",
    backToReads: "Back to my reads",
    tryAgain: "Try again",
    adminOnlyTitle: "For admins",
    adminOnly: "This page is for admins. Ask one to do it for you or to change your role.",
    notFoundTitle: "There is no such page",
    notFound: "Check the address, or go on from the links above.",
  },

  login: {
    subtitle: "Sign in to read.",
    name: "Name",
    password: "Password",
    signIn: "Sign in",
    showPassword: "Show or hide the password",
    noAccount: "No account, or password forgotten? Ask your admin for a one-time link.",
    endedTitle: "Your session has ended",
    ended: (name: string) =>
      `${name}, please sign in again. Everything you drew is kept and is sent as soon as you are back.`,
    someoneElse: "Sign in as somebody else",
  },

  welcome: {
    title: "Welcome to Consilium",
    body: (least: number) => `Choose a password of at least ${least} characters. This link works once.`,
    password: "New password",
    again: "The same again",
    tooShort: (least: number) => `At least ${least} characters, please.`,
    differs: "The two are not the same.",
    set: "Set password and sign in",
    noSecretTitle: "This link is not complete",
    noSecret: "Copy the whole link, with everything after the #, or ask your admin for a new one.",
  },

  states: {
    assigned: "Not started",
    opened: "Opened",
    drafting: "In progress",
    submitted: "Submitted",
    withdrawn: "Withdrawn",
  },

  worklist: {
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
  },

  read: {
    tools: "Tools",
    tool: {
      brush: { name: "Brush", hint: "B; right button erases" },
      eraser: { name: "Eraser", hint: "E" },
      fill: { name: "Fill", hint: "F; Shift+F in 3D" },
      fill3d: { name: "Fill in 3D", hint: "Shift+F" },
      crosshair: { name: "Crosshair", hint: "C" },
      window: { name: "Window", hint: "D, or drag with the right button" },
      pan: { name: "Pan", hint: "or drag with the middle button" },
      zoom: { name: "Zoom", hint: "hold Z and drag, or Ctrl+wheel" },
    },
    undo: "Undo",
    redo: "Redo",
    resetView: "Reset views",
    brushRadius: "Brush radius",
    ball: "Ball (3D)",
    window: "Window",
    windowLow: "Window, lower end",
    windowHigh: "Window, upper end",
    windowPresets: "Window presets",
    presets: {
      softTissue: "Soft tissue",
      lung: "Lung",
      liver: "Liver",
      bone: "Bone",
      brain: "Brain",
      default: "Default",
      full: "Full range",
      file: "From the file",
    },
    planes: { axial: "Axial", sagittal: "Sagittal", coronal: "Coronal" },
    viewOf: (plane: string) => `${plane} view`,
    enlarge: (plane: string, isWhole: boolean) => (isWhole ? "Show all views" : `Enlarge ${plane} view`),
    sliceOf: (plane: string, slice: number, count: number) => `${plane}, slice ${slice} of ${count}`,
    sliceBar: (plane: string) => `${plane} slice`,
    tilted: (degrees: number) => `Native grid, tilted ${degrees}°`,
    geometry: {
      regular: "Regular grid",
      sheared: "Sheared, native grid",
      irregular: "Uneven slices: no lengths or volumes",
      uncalibrated: "No millimetres: no lengths or volumes",
    },
    panel: "Labels, experts and prediction",
    labels: "Labels",
    noLabels: "This project has no labels yet. Its manager adds them under Labels.",
    show: (name: string) => `Show ${name}`,
    hide: (name: string) => `Hide ${name}`,
    lock: (name: string) => `Lock ${name}`,
    unlock: (name: string) => `Unlock ${name}`,
    voxels: (n: number) => plural(n, "voxel", "voxels"),
    millilitres: (ml: number) => `${ml < 10 ? ml.toFixed(2) : ml.toFixed(1)} ml`,
    percent: (share: number) => `${Math.round(100 * share)} %`,
    fillOpacity: "Fill",
    opacity: "Opacity",
    experts: "Experts",
    consensus: "Consensus",
    noExperts: "Nobody else has drawn here yet.",
    blinded: "Other readings are hidden until the project's policy shows them.",
    soloHint: "Click: show or hide. Shift+click: only this one.",
    proposal: "Prediction",
    noProposal: "No prediction yet. It appears here when it is computed; you can draw without it.",
    proposalAsked: "Being computed. It appears here by itself.",
    proposalForbidden: "This project asks for unassisted reads: no prediction is shown.",
    predictNow: "Predict now",
    notPretrained:
      "There is no model for your predictions yet. The project's manager starts pretraining on its page; you can draw meanwhile.",
    acceptAll: "Accept all",
    acceptActive: "Accept label",
    acceptKeys: "Shift+Enter accepts all labels, Enter the active one. Then correct it with the brush.",
    nothingToAccept: "The prediction and your drawing are already the same here.",
    newerProposal: (style: string) => `Show newer: ${style}`,
    undoDepth: (n: number) => plural(n, "step to undo", "steps to undo"),
    loadingImage: (loaded: number, count: number) => `Loading image ${Math.round((100 * loaded) / count)} %`,
    submit: "Submit and next",
    reopen: "Reopen to change",
    readOnlyHint: "This read is submitted. Reopen it to draw.",
    submittedNext: "Submitted. Here is the next one.",
    submittedLast: "Submitted. That was the last of your reads here.",
    notSubmitted: (why: string) => `Not submitted: ${why}`,
    notLoadedYet: "Your drawing is still loading. Try again in a moment.",
    merged: (strokes: number, voxels: number) => {
      const merged = `Another window changed this case: ${plural(strokes, "stroke", "strokes")} merged in.`;
      return voxels === 0
        ? merged
        : `${merged} Where both changed a voxel (${voxels.toLocaleString("en")}), yours was kept.`;
    },
    leftUnsaved: (why: string) => `The case you left has strokes the server refused: ${why}`,
  },

  save: {
    saved: "All saved",
    savedAt: (at: Date) => `All saved ${at.toLocaleTimeString("en-GB")}`,
    saving: (n: number) => `Saving ${plural(n, "stroke", "strokes")}…`,
    offline: (n: number) => `${plural(n, "stroke", "strokes")} waiting: offline, trying again`,
    signedOut: (n: number) => `${plural(n, "stroke", "strokes")} waiting: please sign in again`,
    refused: (n: number, why: string) => `${plural(n, "stroke", "strokes")} not saved: ${why}`,
    signOutWaits: (n: number) =>
      `${plural(n, "stroke is", "strokes are")} not on the server yet. Sign out when all is saved.`,
  },

  keys: {
    title: "Keyboard shortcuts",
    groups: [
      {
        title: "Tools",
        rows: [
          ["B / E", "Brush / eraser; the right button does the opposite"],
          ["F / Shift+F", "Fill in the slice / in 3D"],
          ["C / D", "Crosshair / window"],
          ["X", "Swap the last two tools"],
          ["[ / ]", "Smaller / larger brush; also Shift+wheel"],
          ["1 … 9, 0", "Label, background"],
          ["Q / W", "Previous / next label"],
          ["Ctrl+Z", "Undo"],
          ["Ctrl+Shift+Z", "Redo"],
          ["Esc", "Abandon the gesture"],
        ],
      },
      {
        title: "Prediction and layers",
        rows: [
          ["Enter", "Accept the active label"],
          ["Shift+Enter", "Accept all labels"],
          ["P / G", "Show or hide the prediction / the experts"],
          ["O held", "Hide everything over the image"],
          [", / .", "Overlays fainter / stronger"],
        ],
      },
      {
        title: "Views",
        rows: [
          ["↑ / ↓, wheel", "Next / previous slice"],
          ["PgUp / PgDn", "Ten slices"],
          ["Home / End", "First / last slice"],
          ["← / →", "Previous / next slice with drawing"],
          ["Z held", "Drag to zoom; also Ctrl+wheel"],
          ["Middle drag", "Pan"],
          ["Right drag", "Window, unless a drawing tool is chosen"],
          ["Shift+1 … 5", "Window presets"],
          ["R / M", "Reset / maximise the view"],
          ["Shift+arrows", "Move the crosshair; with Ctrl ten voxels"],
          ["Shift+Space", "Tool down / up at the crosshair"],
        ],
      },
      {
        title: "The case",
        rows: [
          ["Ctrl+S", "Say whether all is saved"],
          ["Ctrl+Enter", "Submit and open the next"],
          ["?", "This sheet"],
        ],
      },
    ],
  },

  projects: {
    create: "New project",
    name: "Name",
    description: "Description",
    none: "No projects yet",
    noneNext: "You are not a member of a project yet. Ask a project's manager or your admin to add you.",
    noneNextAdmin: "Make one, give it labels, import images, add experts: then reading can begin.",
    noDescription: "No description",
    counts: (images: number, submitted: number, assignments: number) =>
      `${plural(images, "image", "images")} · ${submitted} of ${plural(assignments, "read", "reads")} submitted`,
  },

  project: {
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
  },

  labels: {
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
  },

  policy: {
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
  },

  imports: {
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
  },

  jobs: {
    kinds: {
      pretrain: "Pretraining",
      personalise: "Learning a style",
      predict: "Prediction",
      import: "Import",
      export: "Export",
      evaluate: "Evaluation",
      propagate: "Propagation",
      interact: "Interactive segmentation",
    },
    states: { queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled" },
    none: "No jobs",
    noneNext: "Imports, pretraining, style learning and predictions appear here when they begin.",
    pretrain: "Start pretraining",
    pretrainStarted: "Pretraining is queued. Its curve appears here when it runs.",
    pretrainRuns: "Pretraining is under way",
    showCurve: "Show curve",
    hideCurve: "Hide curve",
    noCurve: "This job left no figures.",
    noCurveYet: "The curve begins with the first figures.",
    curve: (names: string) => `Curve of ${names} over training steps`,
    stepAxis: "Step",
    metricNames: {
      loss: "loss",
      mean_dice: "mean Dice",
      dice: "Dice",
      training_dice: "training Dice",
      validation_dice: "validation Dice",
      validation_loss: "validation loss",
    } as Readonly<Record<string, string>>,
    place: (n: number) => (n === 1 ? "Next in the queue" : `Place ${n} in the queue`),
    waiting: "Waiting for a worker",
    starting: "Starting",
    phases: {
      loading: "Loading readings",
      pretraining: "Training",
    } as Readonly<Record<string, string>>,
    step: (phase: string, step: number, steps: number) => {
      const name = phase === "" ? "Working" : phase.charAt(0).toUpperCase() + phase.slice(1);
      return steps > 0 ? `${name}: step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}` : name;
    },
    estimating: "Estimating the time left",
    left: (duration: string) => `About ${duration} left`,
    took: (duration: string) => `Took ${duration}`,
    attempt: (n: number) => `attempt ${n}`,
    cancel: "Cancel",
    cancelling: "Cancelling…",
  },

  models: {
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
  },

  users: {
    invite: "Invite a user",
    none: "No users",
    noneNext: "Invite one with a one-time link.",
    name: "Sign-in name",
    nameHint: "Letters, digits and . @ + - _",
    displayName: "Name",
    role: "Role",
    roles: { admin: "Admin", expert: "Expert", integrator: "Integrator" },
    roleOf: (name: string) => `Role of ${name}`,
    active: "Active",
    locked: "Locked",
    lock: "Lock",
    unlock: "Unlock",
    newLink: "New link",
    makeLink: "Make the one-time link",
    linkTitle: "One-time link",
    linkNote: (until: string) =>
      `Give this link to the person by a safe way. It works once, until ${until}, and is not shown again.`,
  },

  experts: {
    what: "An expert is a person whose way of drawing matters. With an account they read; without one they are a name in an imported data set.",
    add: "Add an expert",
    none: "No experts yet",
    noneNext: "Add one here, or import a data set with segmentations by several experts.",
    account: "Account",
    accountHint: "Who signs in as this expert.",
    accountOf: (name: string) => `Account of expert ${name}`,
    hasAccount: "With account",
    nameOnly: "Name only",
  },

  account: {
    title: "My account",
    sessionUntil: (until: string) => `This session ends at the latest ${until}.`,
    password: "To change your password, ask an admin for a one-time link.",
    passwordAdmin: "To change your password, make yourself a one-time link under Users.",
    tokens: "API tokens",
    newToken: "New token",
    noTokens: "No tokens",
    noTokensNext: "A token lets a program act as you through the REST interface.",
    tokenName: "Token",
    tokenNameHint: "What it is for, so that you know which to revoke.",
    tokenStart: "Begins with",
    tokenOnce: "Copy it now: it is not shown again.",
    scopes: "Allowed to",
    scope: { read: "read", write: "write", manage: "manage" },
    days: "Valid for days",
    expires: "Expires",
    lastUsed: "Last used",
    never: "never",
    revoke: (name: string) => `Revoke token ${name}`,
  },

  system: {
    ready: "Ready",
    yes: "Yes",
    no: "No",
    version: "Version",
    disk: "Free disk",
    database: "Database",
    checks: "Checks",
    check: {
      answers: "The service answers",
      database: "The database answers",
      schema_is_current: "The database's schema is of this version",
      blobs: "The data folder can be written",
    } as Readonly<Record<string, string>>,
    queues: "Queues",
    load: (running: number, queued: number) =>
      running + queued === 0
        ? "nothing to do"
        : `${plural(running, "job runs", "jobs run")}, ${plural(queued, "waits", "wait")}`,
    workers: "Workers",
    noWorkers: "No worker has reported",
    noWorkersNext:
      "Without workers nothing is imported, learnt or predicted. Start Consilium with its workers (make run, or docker compose up).",
    alive: "Alive",
    silent: (duration: string) => `Silent for ${duration}`,
    queueOf: (queue: string, device: string) => `queue ${queue}, on ${device}`,
  },

  units: {
    /** What the scanner was, where the file says so ("OT" is DICOM's word for: it does not), and the grid. */
    image: (modality: string, dims: readonly number[]): string =>
      [modality === "OT" ? "" : modality, en.units.size(dims)].filter(Boolean).join(" · "),
    size: (dims: readonly number[]) => dims.filter((n, axis) => axis < 2 || n > 1).join(" × "),
    bytes: (n: number) => {
      const units = ["B", "kB", "MB", "GB", "TB"];
      const power = Math.min(units.length - 1, n < 1 ? 0 : Math.floor(Math.log10(n) / 3));
      const value = n / 1000 ** power;
      return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
    },
    duration: (seconds: number) => {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return `${whole} s`;
      if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
      return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
    },
    dateTime: (iso: string) =>
      new Date(iso).toLocaleString("en-GB", {
        day: "numeric",
        month: "short",
        year: "numeric",
        hour: "2-digit",
        minute: "2-digit",
      }),
  },
} as const;

export type Catalogue = typeof en;

export const t: Catalogue = en;
