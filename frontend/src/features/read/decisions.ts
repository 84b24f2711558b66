/**
 * Decisions on disputed regions, as the journal keeps them: a decision is an edit whose tool says what was decided and why
 * (`decide-take-b-boundary`, `decide-union`). What stands is told by the edits that led to the map on the screen, so undo, redo,
 * reload and earlier revisions need no more. `backend/segmentations/rules/decisions.py` tells the same; both are held to
 * `tests/contract/decisions.json`.
 */
import type { RevisionOut } from "../../api";
import { type DisputedRegion, type Pick, standingEdits, unite } from "../../engine";

export const acts = ["union", "intersection", "undecidable", "redrawn"] as const;
export const reasons = ["none", "boundary", "extent", "missed", "absent", "label", "protocol"] as const;
export type Act = (typeof acts)[number];
export type Reason = (typeof reasons)[number];
/** letter: whose opinion was taken; null for the acts. */
export type Decision = { act: Act | "take"; letter: string | null; reason: Reason };

/**
 * An edit as far as decisions go. region: all it covers (`nameRegion`), null where it covers nothing. baseRevisionId: null where it is not
 * sent yet, so drawn on whatever is on the screen. sourceRevisionId: what was restored.
 */
export type JournalEntry = {
  editId: string;
  tool: string;
  undoes: string | null;
  baseRevisionId: string | null;
  sourceRevisionId: string | null;
  region: string | null;
};

/** A revision as far as decisions go; each becomes the one that is drawn on. */
export type RevisionLink = {
  id: string;
  number: number;
  origin: RevisionOut["origin"];
  parent_id: string | null;
};

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

/** A region's name by its first voxel and its size: a decision on other ground than the whole region is none on it. */
export const nameRegion = (firstVoxel: number, voxels: number) => `${firstVoxel}+${voxels}`;

/** Region name → the decision that stands in what is on the screen: the newest revision with the edits on it. `revisions`: oldest first. */
export function standingDecisions(
  revisions: readonly RevisionLink[],
  journal: readonly JournalEntry[],
): ReadonlyMap<string, Decision> {
  const byId = new Map(revisions.map((revision) => [revision.id, revision]));
  const begun = revisions.findLast(({ origin }) => origin === "majority")?.number ?? 0;
  const decisionsIn = (bases: ReadonlySet<string | null>): Map<string, Decision> => {
    let decided = new Map<string, Decision>();
    for (const { tool, region, sourceRevisionId } of standingEdits(
      journal.filter((one) => bases.has(one.baseRevisionId)),
    )) {
      const decision = decisionOf(tool);
      if (decision && region !== null) decided.set(region, decision);
      else if (tool === "restore" && sourceRevisionId) decided = decisionsIn(findBases(sourceRevisionId, byId, begun));
    }
    return decided;
  };
  const head = revisions.at(-1);
  return decisionsIn(new Set([null, ...(head ? [head.id, ...findBases(head.id, byId, begun)] : [])]));
}

/** The revisions whose edits are in this one's map, since the review began or began anew: what was restored holds its own past alone. */
function findBases(id: string, byId: ReadonlyMap<string, RevisionLink>, begun: number): Set<string> {
  const bases = new Set<string>();
  for (let at = byId.get(id); at && at.number > begun && at.parent_id !== null; at = byId.get(at.parent_id))
    if (at.origin === "fold") bases.add(at.parent_id);
  return bases;
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
