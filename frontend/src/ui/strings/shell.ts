export const simulated = {
  badge: "Simulated experts",
  expert: "Simulated",
  hint: "The experts of this project are computed, not people. Its figures say nothing about real readers.",
} as const;

export const shell = {
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
  cancel: "Cancel",
  typeName: (name: string) => `To confirm, type: ${name}`,
  thumbnail: (name: string) => `Middle slice of ${name}`,
} as const;

export const nav = {
  reads: "My reads",
  projects: "Projects",
  jobs: "Jobs",
  users: "Users",
  experts: "Experts",
  system: "System",
} as const;

export const errors = {
  crashTitle: "This page stopped working",
  crashBody: "What you drew and was saved is safe. Reload the page; if it happens again, tell your admin these words:",
  reload: "Reload",
  backToReads: "Back to my reads",
  tryAgain: "Try again",
  adminOnlyTitle: "For admins",
  adminOnly: "This page is for admins. Ask one to do it for you or to change your role.",
  notFoundTitle: "There is no such page",
  notFound: "The address may be mistyped, or what it named is gone or not yours to see. Go on from here:",
} as const;
