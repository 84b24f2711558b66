/**
 * Undo and redo over an append-only history: both append the inverse of an earlier edit, and say which (`undoes`).
 *
 * Undo listens to mine only. A voxel that somebody else changed after me is not mine to take back: an inverse touches
 * only voxels that still show what its edit wrote. The same journal, replayed, gives the same stacks after a reload.
 * Unlimited: above the memory cap the farthest steps keep their place and lose their arrays; replaying the journal
 * brings them back.
 */
import type { Edit, JournalEdit, LabelArray, Runs } from "../types";
import { selectVoxels } from "./EditDraft";
import { decodeRuns, encodeRuns } from "./editCodec";
import type { LabelVolume } from "./LabelVolume";

export const CHECKSUM_EVERY_EDITS = 50;
const MEMORY_CAP_BYTES = 64 * 1024 * 1024;

/** One step of a stack. Its arrays leave the memory above the cap; the journal has them. */
type Step = { readonly editId: string; edit: Edit | null };
type Stacks<T> = { done: T[]; undone: T[] };

export class EditHistory {
  private stacks: Stacks<Step> = { done: [], undone: [] };
  private heldBytes = 0;
  private sinceChecksum = 0;

  /** `makeId` gives a fresh UUID. */
  constructor(
    readonly labels: LabelVolume,
    private readonly makeId: () => string,
    private readonly capBytes: number = MEMORY_CAP_BYTES,
  ) {}

  get undoDepth(): number {
    return this.stacks.done.length;
  }

  get redoDepth(): number {
    return this.stacks.undone.length;
  }

  /** Whether the next step can be taken from memory; false: replay the journal into a fresh history first. */
  holds(step: "undo" | "redo"): boolean {
    const next = (step === "undo" ? this.stacks.done : this.stacks.undone).at(-1);
    return next === undefined || next.edit !== null;
  }

  /** Edits of mine that stand and are held in memory, oldest first. */
  get standing(): readonly Edit[] {
    return this.stacks.done.flatMap(({ edit }) => edit ?? []);
  }

  /** A finished gesture of mine, already applied. Returns it with checksums when they are due. */
  record(edit: Edit): Edit {
    const noted = this.noteChecksums(edit);
    for (const { edit: dropped } of this.stacks.undone) this.heldBytes -= dropped === null ? 0 : countBytes(dropped);
    this.stacks.undone = [];
    this.push(this.stacks.done, noted);
    return noted;
  }

  /** Null when there is nothing to undo, or when the step is not held in memory. */
  undo(): Edit | null {
    return this.step(this.stacks.done, this.stacks.undone);
  }

  redo(): Edit | null {
    return this.step(this.stacks.undone, this.stacks.done);
  }

  /** Edits whose voxels were all overwritten by others since leave the stack without a trace on the map. */
  private step(from: Step[], to: Step[]): Edit | null {
    for (let edit = from.at(-1)?.edit; edit; edit = from.at(-1)?.edit) {
      from.pop();
      this.heldBytes -= countBytes(edit);
      const runs = this.invert(edit);
      if (runs === null) continue;
      const inverse = this.noteChecksums(
        this.apply(runs, edit.tool, this.makeId(), edit.sourceRevisionId, edit.editId),
      );
      this.push(to, inverse);
      return inverse;
    }
    return null;
  }

  private push(stack: Step[], edit: Edit): void {
    stack.push({ editId: edit.editId, edit });
    this.heldBytes += countBytes(edit);
    while (this.heldBytes > this.capBytes && this.letGoOfFarthest());
  }

  /** Frees the arrays of the step that is most steps away; never those of the very next ones. */
  private letGoOfFarthest(): boolean {
    const { done, undone } = this.stacks;
    const farthest = (stack: Step[]) => {
      const at = stack.findIndex(({ edit }) => edit !== null);
      return at < 0 ? 0 : stack.length - 1 - at;
    };
    const [back, forth] = [farthest(done), farthest(undone)];
    const away = Math.max(back, forth);
    const stack = back >= forth ? done : undone;
    const step = stack[stack.length - 1 - away];
    if (away === 0 || !step?.edit) return false;
    this.heldBytes -= countBytes(step.edit);
    step.edit = null;
    return true;
  }

  /** What takes an edit back, where its voxels still show what it wrote; null when none does. */
  private invert(edit: Edit): Runs | null {
    const { labels } = this;
    const after = edit.runs.values;
    const stillMine = (index: number, at: number): boolean => labels.read(index) === after[at];
    if (everyVoxel(edit.runs, stillMine)) return { ...edit.runs, values: edit.before };
    const runs = selectVoxels(edit.runs, edit.before, stillMine);
    return runs.starts.length === 0 ? null : runs;
  }

  private apply(
    runs: Runs,
    tool: string,
    editId: string,
    sourceRevisionId: string | null,
    undoes: string | null,
  ): Edit {
    const before: LabelArray = this.labels.applyRuns(runs);
    return { editId, tool, sourceRevisionId, undoes, runs, before, voxels: runs.values.length, checksums: null };
  }

  /** Applies a journal, oldest first, to a fresh history and rebuilds the stacks; the nearest steps are held in memory. Throws BadEdit. */
  replay(journal: readonly JournalEdit[]): void {
    const order = stackUp(journal);
    const held = this.chooseHeld(order);
    const edits = new Map<string, Edit>();
    for (const { editId, tool, runs, sourceRevisionId, undoes } of journal) {
      const edit = this.apply(this.decode(runs), tool, editId, sourceRevisionId, undoes);
      if (held.has(editId)) edits.set(editId, edit);
    }
    const toStep = ({ editId }: JournalEdit): Step => ({ editId, edit: edits.get(editId) ?? null });
    this.stacks = { done: order.done.map(toStep), undone: order.undone.map(toStep) };
    this.heldBytes = 0;
    for (const edit of edits.values()) this.heldBytes += countBytes(edit);
  }

  /** Ids of the steps nearest to now, in both directions, that fit the memory; always the very next ones. */
  private chooseHeld({ done, undone }: Stacks<JournalEdit>): ReadonlySet<string> {
    const held = new Set<string>();
    let bytes = 0;
    for (let away = 1; away <= Math.max(done.length, undone.length); away++) {
      for (const entry of [done.at(-away), undone.at(-away)]) {
        if (entry === undefined) continue;
        bytes += countRunBytes(this.decode(entry.runs));
        if (bytes > this.capBytes && away > 1) return held;
        held.add(entry.editId);
      }
    }
    return held;
  }

  private decode(runs: string): Runs {
    return decodeRuns(runs, this.labels.size, this.labels.dtype);
  }

  /**
   * Somebody else's edit under mine that still wait for the server (`pending`, oldest first): voxels both changed keep
   * mine, and taking mine back then gives theirs. The result equals the server's, which sees theirs first and mine
   * after. Throws BadEdit.
   */
  applyRemote(theirs: JournalEdit, pending: readonly JournalEdit[]): RemoteVoxels {
    const runs = this.decode(theirs.runs);
    const mine = pending.map((entry) => ({ runs: this.decode(entry.runs), edit: this.find(entry.editId) }));
    const kept: number[] = [];
    const free = selectVoxels(runs, runs.values, (index, at) => {
      for (const { runs: own, edit } of mine) {
        const place = findVoxel(own, index);
        if (place < 0) continue;
        if (edit !== null) edit.before[place] = runs.values[at] as number;
        kept.push(index);
        return false;
      }
      return true;
    });
    this.labels.applyRuns(free);
    return { kept: kept.length, at: kept[Math.floor(kept.length / 2)] ?? runs.starts[0] ?? null };
  }

  private find(editId: string): Edit | null {
    const { done, undone } = this.stacks;
    return [...done, ...undone].find((step) => step.editId === editId)?.edit ?? null;
  }

  private noteChecksums(edit: Edit): Edit {
    this.sinceChecksum += 1;
    if (this.sinceChecksum < CHECKSUM_EVERY_EDITS) return edit;
    this.sinceChecksum = 0;
    return { ...edit, checksums: this.labels.takeChecksums() };
  }
}

/** Voxels of somebody else's edit that stayed mine, and one voxel to look at: the middle one of those, or their first. */
export type RemoteVoxels = { readonly kept: number; readonly at: number | null };

/** Where each edit of a journal ends up: still done, or undone and to be had again. Both stacks have the nearest step last. */
function stackUp<Entry extends Pick<JournalEdit, "editId" | "undoes">>(journal: readonly Entry[]): Stacks<Entry> {
  const stacks: Stacks<Entry> = { done: [], undone: [] };
  for (const entry of journal) {
    if (entry.undoes === null) {
      stacks.done.push(entry);
      stacks.undone = [];
    } else if (removeById(stacks.done, entry.undoes)) {
      stacks.undone.push(entry);
    } else {
      removeById(stacks.undone, entry.undoes);
      stacks.done.push(entry);
    }
  }
  return stacks;
}

/** The edits of a journal, oldest first, that nobody has taken back since; a redo stands for what it did again. */
export function standingEdits<Entry extends Pick<JournalEdit, "editId" | "undoes">>(
  journal: readonly Entry[],
): readonly Entry[] {
  return stackUp(journal).done;
}

/** An edit as journal and wire carry it. */
export function toJournal(edit: Edit): JournalEdit {
  const { editId, tool, sourceRevisionId, undoes } = edit;
  return { editId, tool, sourceRevisionId, undoes, runs: encodeRuns(edit.runs) };
}

/** Memory of an edit's arrays. */
function countBytes(edit: Edit): number {
  return countRunBytes(edit.runs);
}

/** Memory of an edit of these runs: values before and after, starts and lengths. */
function countRunBytes({ values, starts }: Runs): number {
  return 2 * values.byteLength + 16 * starts.length;
}

function removeById(entries: Pick<JournalEdit, "editId">[], editId: string): boolean {
  const at = entries.findLastIndex((entry) => entry.editId === editId);
  if (at >= 0) entries.splice(at, 1);
  return at >= 0;
}

function everyVoxel(runs: Runs, holds: (index: number, at: number) => boolean): boolean {
  let at = 0;
  for (let run = 0; run < runs.starts.length; run++) {
    const start = runs.starts[run] as number;
    const end = start + (runs.lengths[run] as number);
    for (let index = start; index < end; index++, at++) if (!holds(index, at)) return false;
  }
  return true;
}

/** Where in sorted runs' values a voxel stands; -1 when it is not in them. */
function findVoxel(runs: Runs, index: number): number {
  let low = 0;
  let high = runs.starts.length - 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const start = runs.starts[middle] as number;
    if (index < start) high = middle - 1;
    else if (index >= start + (runs.lengths[middle] as number)) low = middle + 1;
    else {
      let at = index - start;
      for (let run = 0; run < middle; run++) at += runs.lengths[run] as number;
      return at;
    }
  }
  return -1;
}
