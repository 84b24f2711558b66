/**
 * Decisions on disputed regions, as the journal keeps them: a decision is an edit whose tool says what was decided and why
 * (`decide-take-b-boundary`, `decide-union`). What stands is told by the journal alone, so undo, redo and reload need no more.
 */
import { type DisputedRegion, type Pick, standingEdits, unite } from "../../engine";

export const acts = ["union", "intersection", "undecidable", "redrawn"] as const;
export const reasons = ["none", "boundary", "extent", "missed", "absent", "label", "protocol"] as const;
export type Act = (typeof acts)[number];
export type Reason = (typeof reasons)[number];
/** letter: whose opinion was taken; null for the acts. */
export type Decision = { act: Act | "take"; letter: string | null; reason: Reason };

/** An edit as far as decisions go; `key`: its first voxel, null where it decides nothing. */
export type JournalEntry = { editId: string; tool: string; undoes: string | null; key: number | null };

/** Readers who give a region the same labels throughout, and how much of it they draw at all. */
export type OpinionGroup = { letters: readonly string[]; positions: readonly number[]; voxels: number };

const pattern = /^decide-(?:take-([a-z])|([a-z]+?))(?:-([a-z]+))?$/;

/** The name under which the server keeps an edit that decides so. */
export function toolOf({ act, letter, reason }: Decision): string {
  const what = act === "take" ? `take-${letter?.toLowerCase()}` : act;
  return `decide-${what}${reason === "none" ? "" : `-${reason}`}`;
}

/** Null for an edit that decides nothing. */
export function decisionOf(tool: string): Decision | null {
  const [, letter, named, why] = pattern.exec(tool) ?? [];
  const reason = reasons.find((one) => one === why) ?? "none";
  if (letter) return { act: "take", letter: letter.toUpperCase(), reason };
  const act = acts.find((one) => one === named);
  return act ? { act, letter: null, reason } : null;
}

/** What a decision makes of a voxel; `position`: of the reader taken, in the order of the ballots. */
export function pickOf(act: Decision["act"], position: number): Pick {
  if (act === "redrawn") return null;
  if (act === "union") return unite;
  // In a disputed voxel there is nothing that all drew alike, and undecidable ground is nobody's.
  return act === "take" ? (ballot) => ballot[position] ?? 0 : () => 0;
}

/** Region key → the decision that stands; going back to an earlier revision leaves none. */
export function standingDecisions(journal: readonly JournalEntry[]): ReadonlyMap<number, Decision> {
  const decided = new Map<number, Decision>();
  for (const { tool, key } of standingEdits(journal)) {
    const decision = decisionOf(tool);
    if (decision && key !== null) decided.set(key, decision);
    else if (tool === "restore") decided.clear();
  }
  return decided;
}

/** The opinions on a region, identical ones together, in the order of their first letters. */
export function groupOpinions({ stretches }: DisputedRegion, letters: readonly string[]): OpinionGroup[] {
  const groups: { letters: string[]; positions: number[]; voxels: number }[] = [];
  letters.forEach((letter, position) => {
    const alike = groups.find(({ positions: [other = 0] }) =>
      stretches.every(({ ballot }) => ballot[other] === ballot[position]),
    );
    const voxels = stretches.reduce((sum, { start, end, ballot }) => sum + (ballot[position] ? end - start : 0), 0);
    if (!alike) groups.push({ letters: [letter], positions: [position], voxels });
    else {
      alike.letters.push(letter);
      alike.positions.push(position);
    }
  });
  return groups;
}
