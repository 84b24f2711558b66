/**
 * How the outbox reaches the server, and what happens when another window was faster.
 *
 * 401 waits for the next sign-in, 412 is rebased; no network, 429 and 5xx are tried again; any other refusal is final
 * and shown in the server's words.
 */
import {
  appendEdit,
  type EditOut,
  getSegmentation,
  isProblem,
  listEdits,
  type OutboxPort,
  type OutgoingEdit,
  type Position,
  type PostAnswer,
} from "../../api";
import type { JournalEdit, ViewerDoor } from "../../engine";

/** Told after a merge: how many of the other window's strokes came in, and how many voxels both had changed (mine stay). */
type MergeNote = (strokes: number, voxelsKept: number) => void;

export class SegmentationPort implements OutboxPort {
  #knownSeq: number;

  constructor(
    private readonly segmentationId: string,
    knownSeq: number,
    private viewer: Pick<ViewerDoor, "applyRemote"> | null,
    private readonly onMerge: MergeNote,
  ) {
    this.#knownSeq = knownSeq;
  }

  /** The case left the screen: go on sending, merge nothing into a map that is gone. */
  detach(): void {
    this.viewer = null;
  }

  async post(edit: OutgoingEdit, position: Position): Promise<PostAnswer> {
    try {
      const saved = await appendEdit(this.segmentationId, edit, position);
      this.#knownSeq = Math.max(this.#knownSeq, saved.seq);
      return { kind: "saved", seq: saved.seq, etag: saved.etag };
    } catch (error) {
      if (!isProblem(error)) throw error;
      if (error.status === 401) return { kind: "signed-out" };
      if (error.status === 412) return { kind: "stale" };
      if (error.status === 0 || error.status === 429 || error.status >= 500) throw error;
      return { kind: "refused", detail: error.detail };
    }
  }

  async rebase(waiting: () => readonly OutgoingEdit[]): Promise<Position> {
    const segmentation = await getSegmentation(this.segmentationId);
    const missed = await listEdits(this.segmentationId, this.#knownSeq);
    // From here on nothing may be awaited: strokes that end now must see the merged map.
    const mine = new Set(waiting().map((edit) => edit.editId));
    let kept = 0;
    let strokes = 0;
    for (const edit of missed) {
      this.#knownSeq = Math.max(this.#knownSeq, edit.seq);
      if (mine.has(edit.edit_id)) continue;
      strokes += 1;
      // Asked anew each time: the first merge ends a stroke under way, which then waits too.
      kept += this.viewer?.applyRemote(fromWire(edit), waiting().map(asJournalEdit)) ?? 0;
    }
    if (strokes > 0 && this.viewer) this.onMerge(strokes, kept);
    return {
      baseRevisionId: segmentation.head_revision_id ?? "",
      etag: segmentation.etag,
      seq: segmentation.edit_seq,
    };
  }
}

/** An edit of the server's journal in the engine's words. */
export function fromWire(edit: EditOut): JournalEdit {
  return {
    editId: edit.edit_id,
    tool: edit.tool,
    sourceRevisionId: edit.source_revision_id,
    undoes: edit.undoes,
    runs: edit.runs,
  };
}

function asJournalEdit({ editId, tool, sourceRevisionId, undoes, runs }: OutgoingEdit): JournalEdit {
  return { editId, tool, sourceRevisionId, undoes, runs };
}
