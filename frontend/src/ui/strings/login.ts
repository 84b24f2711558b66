import { plural } from "./plural";

export const login = {
  subtitle: "Sign in to read.",
  name: "Sign-in name",
  password: "Password",
  signIn: "Sign in",
  showPassword: "Show or hide the password",
  noAccount: "No account, or password forgotten? Ask your admin for a one-time link.",
  endedTitle: "Your session has ended",
  ended: (name: string) =>
    `${name}, please sign in again. Everything you drew is kept and is sent as soon as you are back.`,
  idleTitle: "Still there?",
  idle: (seconds: number) =>
    `Your session ends in ${plural(seconds, "second", "seconds")} because nothing was touched. Any key or click keeps it open. What you drew is kept either way.`,
  stay: "Stay signed in",
  someoneElse: "Sign in as somebody else",
} as const;

export const newPassword = {
  password: "New password",
  rules: (least: number) =>
    `At least ${least} characters; not a common password, your own name or one that repeats itself. Three unrelated words make a good one.`,
  again: "The new one again",
  tooShort: (least: number) => `At least ${least} characters, please.`,
  differs: "The two are not the same.",
} as const;

export const welcome = {
  title: "Welcome to Consilium",
  body: "Choose a password. This link works once.",
  nameHint: "You sign in with this name from now on.",
  set: "Set password and sign in",
  noSecretTitle: "This link is not complete",
  noSecret: "Copy the whole link, with everything after the #, or ask your admin for a new one.",
} as const;
