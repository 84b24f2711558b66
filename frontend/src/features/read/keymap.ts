/**
 * Which key means what for one person: the table's defaults, changed by their own choices from the server. Pure.
 *
 * A chord is written "Ctrl+Shift+Z": modifiers in that order, then the key. Letters go by `event.key` (so they follow
 * the layout's print), digits, brackets and the space bar by `event.code`, because AZERTY needs Shift for digits and
 * German keyboards AltGr for brackets. Letters of another script go by their place. Other signs ("?", ",") carry their
 * Shift in themselves. Nothing fires in text fields; nothing uses Alt; Tab is never ours.
 */
import { type Chord, type Command, type CommandEntry, type CommandId, commands } from "./commands";

export type Press = {
  key: string;
  code: string;
  ctrl: boolean;
  shift: boolean;
  alt: boolean;
  /** The focus is where text is typed. */
  typing: boolean;
};

/** A person's own keys for one command; `on` is the switch WCAG 2.1.4 asks for. */
export type Shortcut = { keys: readonly Chord[]; on: boolean };
export type Overrides = Readonly<Record<string, Shortcut>>;
export type Keymap = ReadonlyMap<Chord, CommandEntry>;

const modifierKeys = ["Control", "Shift", "Alt", "AltGraph", "Meta", "CapsLock", "Dead", "Process", "Unidentified"];
const byPlace: Readonly<Record<string, string>> = { BracketLeft: "[", BracketRight: "]", Space: "Space" };

/** What browsers keep for themselves, or what a keyboard user needs to get on. */
const reserved = /^(Ctrl\+(\d|[LNTW]|Shift\+[NTW])|(Shift\+)?Tab|Escape|F\d+)$/;

/** The chord of a press, or null where it can never be one. */
export function chordOf({ key, code, ctrl, shift, alt }: Press): Chord | null {
  if (alt || key === "Tab" || modifierKeys.includes(key)) return null;
  const place = /^Digit(\d)$/.exec(code)?.[1] ?? byPlace[code];
  const name = place ?? letterOf(key, code) ?? key;
  const carriesShift = !place && name.length === 1 && name.toLowerCase() === name.toUpperCase();
  return (ctrl ? "Ctrl+" : "") + (shift && !carriesShift ? "Shift+" : "") + name;
}

function letterOf(key: string, code: string): string | null {
  if (/^[a-z]$/i.test(key)) return key.toUpperCase();
  const isForeignLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  return isForeignLetter ? (/^Key([A-Z])$/.exec(code)?.[1] ?? key.toUpperCase()) : null;
}

/** The keys of a command as they hold for this person. */
export function shortcutOf(entry: CommandEntry, overrides: Overrides): Shortcut {
  return overrides[entry.id] ?? { keys: entry.keys, on: true };
}

/** Every key in force. A person's own key wins over a default that uses it too (a new version may bring one). */
export function keymapOf(overrides: Overrides): Keymap {
  const keymap = new Map<Chord, CommandEntry>();
  const own = (entry: CommandEntry) => entry.id in overrides;
  const table: readonly CommandEntry[] = commands;
  for (const entry of [...table.filter(own), ...table.filter((one) => !own(one))]) {
    const { keys, on } = shortcutOf(entry, overrides);
    if (on) for (const chord of keys) if (!keymap.has(chord)) keymap.set(chord, entry);
  }
  return keymap;
}

/** What a press means, or null when the key is not ours. */
export function entryFor(press: Press, keymap: Keymap): CommandEntry | null {
  const chord = press.typing ? null : chordOf(press);
  return chord === null ? null : (keymap.get(chord) ?? null);
}

export function commandFor(press: Press, keymap: Keymap): Command | null {
  return entryFor(press, keymap)?.command ?? null;
}

/** Why a chord cannot be given to a command: kept by the browser, or another command has it. Null when it can. */
export function refusalOf(
  chord: Chord,
  id: CommandId,
  overrides: Overrides,
): { kind: "reserved" } | { kind: "taken"; by: CommandId } | null {
  if (reserved.test(chord)) return { kind: "reserved" };
  const holder = keymapOf(overrides).get(chord);
  return holder && holder.id !== id ? { kind: "taken", by: holder.id as CommandId } : null;
}

/** The overrides after `id` gets `chord` as its only key; whoever had it loses it. */
export function rebind(id: CommandId, chord: Chord, overrides: Overrides): Overrides {
  const next: Record<string, Shortcut> = { ...overrides, [id]: { keys: [chord], on: true } };
  for (const entry of commands as readonly CommandEntry[]) {
    const { keys, on } = shortcutOf(entry, overrides);
    if (entry.id === id || !keys.includes(chord)) continue;
    const left = keys.filter((key) => key !== chord);
    next[entry.id] = { keys: left, on: on && left.length > 0 };
  }
  return next;
}

/** A shortcut that is one character without Ctrl: what speech input may press by accident (WCAG 2.1.4). */
export function isSingleKey(chord: Chord): boolean {
  return !chord.startsWith("Ctrl+") && chord.replace("Shift+", "").length === 1;
}

const signs: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  PageUp: "PgUp",
  PageDown: "PgDn",
  Escape: "Esc",
};

/** A chord as it is printed on keyboards. */
export function printed(chord: Chord): string {
  const parts = /^((?:Ctrl\+)?(?:Shift\+)?)(.+)$/.exec(chord);
  if (!parts) return chord;
  const [, modifiers = "", name = ""] = parts;
  return modifiers + (signs[name] ?? name);
}
