/**
 * Undo and redo over an append-only history: both append the inverse of an earlier edit, and say which (`undoes`).
 *
 * Undo listens to mine only. A voxel that somebody else changed after me is not mine to take back: an inverse touches
 * only voxels that still show what its edit wrote. The same journal, replayed, gives the same stacks after a reload.
 * Above the memory cap the oldest steps are forgotten here; they stay on the server and come back with a reload.
 */
import type { Edit, JournalEdit, LabelArray, Runs } from "../types";
import { selectVoxels } from "./EditDraft";
import { decodeRuns, encodeRuns } from "./editCodec";
import type { LabelVolume } from "./LabelVolume";

export const CHECKSUM_EVERY_EDITS = 50;
const MEMORY_CAP_BYTES = 64 * 1024 * 1024;

export class EditHistory {
  private done: Edit[] = [];
  private undone: Edit[] = [];
  private sinceChecksum = 0;

  /** `makeId` gives a fresh UUID. */
  constructor(
    readonly labels: LabelVolume,
    private readonly makeId: () => string,
    private readonly capBytes: number = MEMORY_CAP_BYTES,
  ) {}

  get undoDepth(): number {
    return this.done.length;
  }

  get redoDepth(): number {
    return this.undone.length;
  }

  /** Edits of mine that stand, oldest first. */
  get standing(): readonly Edit[] {
    return this.done;
  }

  /** A finished gesture of mine, already applied. Returns it with checksums when they are due. */
  record(edit: Edit): Edit {
    const noted = this.noteChecksums(edit);
    this.done.push(noted);
    this.undone = [];
    this.forgetOldest();
    return noted;
  }

  undo(): Edit | null {
    return this.step(this.done, this.undone);
  }

  redo(): Edit | null {
    return this.step(this.undone, this.done);
  }

  /** Edits whose voxels were all overwritten by others since leave the stack without a trace on the map. */
  private step(from: Edit[], to: Edit[]): Edit | null {
    for (let edit = from.pop(); edit !== undefined; edit = from.pop()) {
      const runs = this.invert(edit);
      if (runs === null) continue;
      const inverse = this.noteChecksums(
        this.apply(runs, edit.tool, this.makeId(), edit.sourceRevisionId, edit.editId),
      );
      to.push(inverse);
      return inverse;
    }
    return null;
  }

  /** What takes an edit back, where its voxels still show what it wrote; null when none does. */
  private invert(edit: Edit): Runs | null {
    const { voxels } = this.labels;
    const after = edit.runs.values;
    const stillMine = (index: number, at: number): boolean => voxels[index] === after[at];
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

  /** Applies an edit from the journal, in the order it was made, and rebuilds the stacks. Throws BadEdit. */
  replay(entry: JournalEdit): Edit {
    const runs = decodeRuns(entry.runs, this.labels.size, this.labels.dtype);
    const edit = this.apply(runs, entry.tool, entry.editId, entry.sourceRevisionId, entry.undoes);
    if (edit.undoes === null) {
      this.done.push(edit);
      this.undone = [];
    } else if (removeById(this.done, edit.undoes)) {
      this.undone.push(edit);
    } else {
      removeById(this.undone, edit.undoes);
      this.done.push(edit);
    }
    this.forgetOldest();
    return edit;
  }

  private noteChecksums(edit: Edit): Edit {
    this.sinceChecksum += 1;
    if (this.sinceChecksum < CHECKSUM_EVERY_EDITS) return edit;
    this.sinceChecksum = 0;
    return { ...edit, checksums: this.labels.takeChecksums() };
  }

  private forgetOldest(): void {
    let bytes = 0;
    for (const edit of this.done) bytes += countBytes(edit);
    let forgotten = 0;
    while (bytes > this.capBytes && forgotten < this.done.length - 1)
      bytes -= countBytes(this.done[forgotten++] as Edit);
    if (forgotten > 0) this.done = this.done.slice(forgotten);
  }
}

/** An edit as journal and wire carry it. */
export function toJournal(edit: Edit): JournalEdit {
  const { editId, tool, sourceRevisionId, undoes } = edit;
  return { editId, tool, sourceRevisionId, undoes, runs: encodeRuns(edit.runs) };
}

/** Memory of an edit's arrays. */
function countBytes(edit: Edit): number {
  return 2 * edit.before.byteLength + 16 * edit.runs.starts.length;
}

function removeById(edits: Edit[], editId: string): boolean {
  const at = edits.findLastIndex((edit) => edit.editId === editId);
  if (at >= 0) edits.splice(at, 1);
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

/**
 * Somebody else's edit under mine that still wait for the server: voxels both changed keep mine. Applies the rest and
 * returns how many voxels stayed mine. The result equals the server's, which will see theirs first and mine after.
 */
export function mergeRemote(labels: LabelVolume, theirs: Runs, mine: readonly Runs[]): number {
  const isMine = (index: number): boolean => mine.some((runs) => covers(runs, index));
  const free = mine.length === 0 ? theirs : selectVoxels(theirs, theirs.values, (index) => !isMine(index));
  labels.applyRuns(free);
  return theirs.values.length - free.values.length;
}

/** Whether a voxel lies in sorted runs. */
function covers(runs: Runs, index: number): boolean {
  let low = 0;
  let high = runs.starts.length - 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const start = runs.starts[middle] as number;
    if (index < start) high = middle - 1;
    else if (index >= start + (runs.lengths[middle] as number)) low = middle + 1;
    else return true;
  }
  return false;
}
