/**
 * How the outbox reaches the server, and what happens when another window was faster.
 *
 * 401 waits for the next sign-in, 412 is rebased; no network, 429 and 5xx are tried again; any other refusal is final
 * and shown in the server's words.
 */
import type { JournalEdit, RemoteMerge } from "../engine";
import { appendEdit, getSegmentation, listEdits, listRevisions } from "./actions";
import type { OutboxPort, OutgoingEdit, Position, PostAnswer, Rebased } from "./outbox";
import { isProblem } from "./problem";
import { isFoldedFrom } from "./replay";
import type { EditOut, SegmentationOut } from "./wire";

/** The map on the screen, as far as another window's work concerns it. */
export interface Screen {
  /** One missed edit under mine that wait. */
  merge(edit: EditOut, pending: readonly OutgoingEdit[]): RemoteMerge;
  /** The map was replaced elsewhere (a revision restored or forked): load it anew, mine on top, and say so by `noteLoaded`. */
  replace(): Promise<void>;
  /** Do this before whatever the screen loads meanwhile. */
  goAhead<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Told after a merge: how many strokes came in, how many voxels both had changed (mine stay), and where to look. */
  merged(strokes: number, kept: number, at: RemoteMerge["at"]): void;
}

export class SegmentationPort implements OutboxPort {
  #knownSeq: number;
  #knownHeadId: string;

  /** `screen` null: nothing is shown, edits are only delivered. */
  constructor(
    private readonly segmentationId: string,
    known: Position,
    private screen: Screen | null,
  ) {
    this.#knownSeq = known.seq;
    this.#knownHeadId = known.baseRevisionId;
  }

  /** The case left the screen: go on sending, merge nothing into a map that is gone. */
  detach(): void {
    this.screen = null;
  }

  /** The screen's map was loaded anew: it holds every edit up to this one, on this head. */
  noteLoaded(seq: number, headRevisionId: string): void {
    this.#knownSeq = seq;
    this.#knownHeadId = headRevisionId;
  }

  async post(edit: OutgoingEdit, position: Position): Promise<PostAnswer> {
    try {
      const send = () => appendEdit(this.segmentationId, edit, position);
      const saved = await (this.screen ? this.screen.goAhead(send) : send());
      this.#knownSeq = Math.max(this.#knownSeq, saved.seq);
      return { kind: "saved", seq: saved.seq, etag: saved.etag };
    } catch (error) {
      if (!isProblem(error)) throw error;
      if (error.status === 401) return { kind: "signed-out" };
      if (error.status === 412) return { kind: "stale" };
      if (error.status === 0 || error.status === 429 || error.status >= 500) throw error;
      return { kind: "refused", code: error.code, detail: error.detail };
    }
  }

  async rebase(waiting: () => readonly OutgoingEdit[]): Promise<Rebased> {
    const segmentation = await getSegmentation(this.segmentationId);
    const missed = await listEdits(this.segmentationId, this.#knownSeq);
    const isReplaced = this.screen !== null && !(await this.#isOnlyFolded(segmentation));
    // From here on nothing may be awaited before the edits are in: strokes that end now must see the merged map.
    const arrived = isReplaced ? whichArrived(missed, waiting()) : this.#merge(missed, waiting);
    if (isReplaced && this.screen) await this.screen.replace();
    this.#knownHeadId = segmentation.head_revision_id;
    const { head_revision_id: baseRevisionId, etag, edit_seq: seq } = segmentation;
    return { position: { baseRevisionId, etag, seq }, arrived };
  }

  async #isOnlyFolded({ head_revision_id: headId }: SegmentationOut): Promise<boolean> {
    if (headId === this.#knownHeadId) return true;
    return isFoldedFrom(headId, this.#knownHeadId, await listRevisions(this.segmentationId));
  }

  /** Theirs goes under those of mine which the server does not have yet, over those it has. */
  #merge(missed: readonly EditOut[], waiting: () => readonly OutgoingEdit[]): ReadonlySet<string> {
    const arrived = new Set<string>();
    const mine = whichArrived(missed, waiting());
    let [strokes, kept]: [number, number] = [0, 0];
    let at: RemoteMerge["at"] = null;
    for (const edit of missed) {
      this.#knownSeq = Math.max(this.#knownSeq, edit.seq);
      if (mine.has(edit.edit_id)) {
        arrived.add(edit.edit_id);
        continue;
      }
      strokes += 1;
      // Asked anew each time: the first merge ends a stroke under way, which then waits too.
      const merge = this.screen?.merge(
        edit,
        waiting().filter((one) => !arrived.has(one.editId)),
      );
      if (merge?.at && (at === null || (merge.kept > 0 && kept === 0))) at = merge.at;
      kept += merge?.kept ?? 0;
    }
    if (strokes > 0) this.screen?.merged(strokes, kept, at);
    return arrived;
  }
}

function whichArrived(missed: readonly EditOut[], waiting: readonly OutgoingEdit[]): ReadonlySet<string> {
  const ids = new Set(missed.map((edit) => edit.edit_id));
  return new Set(waiting.map((edit) => edit.editId).filter((id) => ids.has(id)));
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
