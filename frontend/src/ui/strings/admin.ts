import { plural } from "./plural";

export const users = {
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
} as const;

export const experts = {
  what: "An expert is a person whose way of drawing matters. With an account they read; without one they are a name in an imported data set.",
  add: "Add an expert",
  none: "No experts yet",
  noneNext: "Add one here, or import a data set with segmentations by several experts.",
  account: "Account",
  accountHint: "Who signs in as this expert.",
  accountOf: (name: string) => `Account of expert ${name}`,
  hasAccount: "With account",
  nameOnly: "Name only",
} as const;

export const system = {
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
} as const;
