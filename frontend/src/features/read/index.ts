/** The reading screen's door, and its keyboard for the page where people change it. */
export { type CommandId, commands } from "./commands";
export { budgetMib, deviceGib, leastMib, memoryHabit } from "./imageMemory";
export {
  chordOf,
  isSingleKey,
  type Overrides,
  printed,
  rebind,
  refusalOf,
  type Shortcut,
  shortcutOf,
} from "./keymap";
export { ReadPage } from "./Page";
export { pressOf } from "./press";
