/**
 * Carries finished gestures to the server: one request in flight, in order, for ever until acknowledged.
 *
 * Unusual: it never drops and never overwrites. Each edit goes into the crash journal and to the server at the same time
 * (docs/decisions/0008) and leaves the journal only when the server has acknowledged it. A lost reply is repeated under
 * the same `edit_id`, which the server recognises before it judges `If-Match`; a true 412, or an event that tells of
 * another window's work, means that this window is behind: the owner is asked to `rebase` (bring in what was missed, keep
 * mine on top) and what still waits is sent on the new position. Fails closed: an edit the server refuses for good stops
 * the queue and says so; nothing behind it is sent, because later strokes assume the earlier ones. It goes on by `retry`
 * or by `skip`, or ends by `giveUp`.
 */

export type OutgoingEdit = {
  editId: string;
  tool: string;
  sourceRevisionId: string | null;
  undoes: string | null;
  /** Run-coded changed voxels, base64 (DESIGN.md, section 10). */
  runs: string;
  /** CRC-32 of touched axial slices after this edit; dropped when somebody else's edit slips in below. */
  checksums: readonly { z: number; crc32: number }[] | null;
};

/** What the server judges a write by: the revision it is based on and the ETag of the segmentation. */
export type Position = { baseRevisionId: string; etag: string; seq: number };

/** Where this window stands after catching up, and which of the waiting edits had arrived without our knowing. */
export type Rebased = { position: Position; arrived: ReadonlySet<string> };

export type PostAnswer =
  | { kind: "saved"; seq: number; etag: string }
  /** 412: the segmentation moved on without us. */
  | { kind: "stale" }
  /** 401: the session ended; the edit waits until somebody signed in again. */
  | { kind: "signed-out" }
  /** Refused for good, in words; sending the same again cannot help. */
  | { kind: "refused"; code: string; detail: string };

/** The port the outbox speaks through. `post` and `rebase` reject only when the server could not be reached. */
export interface OutboxPort {
  post(edit: OutgoingEdit, position: Position): Promise<PostAnswer>;
  /**
   * Fetch what was missed and bring it in under the waiting edits; say where the server stands now.
   * The edits themselves do not change: runs carry values, so voxels both sides changed keep mine.
   * `waiting` is a function because strokes may end while the missed edits travel.
   */
  rebase(waiting: () => readonly OutgoingEdit[]): Promise<Rebased>;
}

/** Where waiting edits survive a crash of the browser. Neither method rejects: who keeps says by itself when it cannot. */
export interface EditKeeper {
  keep(edit: OutgoingEdit): Promise<void>;
  forget(editId: string): Promise<void>;
}

/** On plain HTTP to a host name there is no encryption, so nothing is kept (VIEWER.md, section 8). */
export const keepsNothing: EditKeeper = { keep: () => Promise.resolve(), forget: () => Promise.resolve() };

export type SaveState =
  | { kind: "saved"; at: Date | null }
  | { kind: "saving"; waiting: number }
  | { kind: "offline"; waiting: number; attempt: number }
  | { kind: "signed-out"; waiting: number; attempt: number }
  | { kind: "refused"; waiting: number; code: string; detail: string };

export type OutboxClock = {
  now(): Date;
  /** Resolves after about `ms`, or sooner when the browser says it is online again. */
  pause(ms: number): Promise<void>;
  random(): number;
};

/** From gesture taken to acknowledgement known, on the browser's own timeline; `benchmarks/strokes.py` reads it. */
const acknowledged = "stroke-acknowledged";

const firstRetry_ms = 400;
const longestRetry_ms = 15_000;

/** Exponential back-off with full jitter in its upper half, so many tabs do not return at once. */
export function retryDelay_ms(attempt: number, random: number): number {
  const ceiling = Math.min(longestRetry_ms, firstRetry_ms * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}

type Outcome = "done" | "refused" | "stale" | "offline" | "signed-out";

export class Outbox {
  #waiting: OutgoingEdit[];
  readonly #keeping = new Map<string, Promise<void>>();
  readonly #takenAt = new Map<string, number>();
  #position: Position;
  #state: SaveState;
  #savedAt: Date | null = null;
  #isBehind = false;
  #running: Promise<void> | null = null;
  #closed = false;
  readonly #listeners = new Set<(state: SaveState) => void>();

  /** `waiting`: edits the keeper already holds from before a crash or a reload, oldest first; they are sent at once. */
  constructor(
    position: Position,
    private readonly port: OutboxPort,
    private readonly clock: OutboxClock,
    private readonly keeper: EditKeeper,
    waiting: readonly OutgoingEdit[] = [],
  ) {
    this.#position = position;
    this.#waiting = [...waiting];
    this.#state = waiting.length > 0 ? { kind: "saving", waiting: waiting.length } : { kind: "saved", at: null };
    this.#start();
  }

  get state(): SaveState {
    return this.#state;
  }

  /** Where the server stands as far as this window knows: what a submit must name in `If-Match`. */
  get position(): Position {
    return this.#position;
  }

  get waiting(): readonly OutgoingEdit[] {
    return this.#waiting;
  }

  subscribe(listener: (state: SaveState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Take one gesture. Returns at once; the state tells when it is safe. */
  add(edit: OutgoingEdit): void {
    if (this.#closed) throw new Error("This outbox is closed; open the case again before drawing.");
    this.#waiting = [...this.#waiting, edit]; // anew: who holds the former list knows what waited then
    this.#takenAt.set(edit.editId, performance.now());
    this.#keeping.set(edit.editId, this.keeper.keep(edit));
    if (this.#state.kind !== "saved") this.#publish({ ...this.#state, waiting: this.#waiting.length });
    this.#start();
  }

  /** Another window may have changed the segmentation: catch up before anything else is sent. */
  refresh(): void {
    this.#isBehind = true;
    this.#start();
  }

  /** Resolves when everything is on the server; rejects with the server's words when it refused something. */
  async drain(): Promise<void> {
    this.#start();
    while (this.#running) await this.#running;
    if (this.#state.kind === "refused") throw new Error(this.#state.detail);
  }

  /** After a refusal whose cause is gone (the reading was reopened): send again. */
  retry(): void {
    if (this.#state.kind !== "refused") return;
    this.#publish({ kind: "saving", waiting: this.#waiting.length });
    this.refresh();
  }

  /** After a refusal: forget the one edit that was refused; what came after it waits for `retry`. */
  async skip(): Promise<void> {
    const [refused, ...after] = this.#waiting;
    if (this.#state.kind !== "refused" || !refused) return;
    this.#waiting = after;
    this.#publish({ ...this.#state, waiting: after.length });
    await this.#forget(refused.editId);
  }

  /** After a refusal: `given` are kept elsewhere (as a revision of its own); what was drawn since is sent on `position`. */
  async giveUp(position: Position, given: readonly OutgoingEdit[]): Promise<void> {
    const ids = new Set(given.map((edit) => edit.editId));
    this.#waiting = this.#waiting
      .filter((edit) => !ids.has(edit.editId))
      .map((edit) => ({ ...edit, checksums: null, undoes: ids.has(edit.undoes ?? "") ? null : edit.undoes }));
    this.#position = position;
    this.#savedAt = this.clock.now();
    const waiting = this.#waiting.length;
    this.#publish(waiting > 0 ? { kind: "saving", waiting } : { kind: "saved", at: this.#savedAt });
    this.#start();
    await Promise.all(given.map((edit) => this.#forget(edit.editId)));
  }

  /** Stop sending; what still waits stays in the journal, so drain first. */
  close(): void {
    this.#closed = true;
    this.#listeners.clear();
  }

  #start(): void {
    if (this.#running || this.#closed || this.#state.kind === "refused") return;
    if (this.#waiting.length === 0 && !this.#isBehind) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#closed && (this.#waiting.length > 0 || this.#isBehind)) {
      const waiting = this.#waiting.length;
      if (attempt === 0 && waiting > 0) this.#publish({ kind: "saving", waiting });
      const outcome = await this.#attempt();
      if (outcome === "refused") return;
      attempt = outcome === "done" ? 0 : attempt + 1;
      if (outcome === "done") continue;
      if (outcome !== "stale" && this.#waiting.length > 0)
        this.#publish({ kind: outcome, waiting: this.#waiting.length, attempt });
      // The first rebase is followed at once; a second in a row means a busy sibling window, so step back.
      if (outcome !== "stale" || attempt > 1) await this.clock.pause(retryDelay_ms(attempt, this.clock.random()));
    }
    if (!this.#closed) this.#publish({ kind: "saved", at: this.#savedAt });
  }

  /** Catch up when behind, else send the first edit. */
  async #attempt(): Promise<Outcome> {
    try {
      if (this.#isBehind) return await this.#catchUp();
      const edit = this.#waiting[0];
      if (!edit) return "done";
      const answer = await this.port.post(edit, this.#position);
      if (answer.kind === "signed-out") return "signed-out";
      if (answer.kind === "refused") {
        const { code, detail } = answer;
        this.#publish({ kind: "refused", waiting: this.#waiting.length, code, detail });
        return "refused";
      }
      if (answer.kind === "stale") {
        this.#isBehind = true;
        return "stale";
      }
      this.#position = { ...this.#position, seq: answer.seq, etag: answer.etag };
      this.#arrive(new Set([edit.editId]));
      return "done";
    } catch {
      // The server could not be reached; the edit is still first in the queue and keeps its id.
      return "offline";
    }
  }

  async #catchUp(): Promise<Outcome> {
    this.#isBehind = false;
    try {
      const { position, arrived } = await this.port.rebase(() => this.#waiting);
      this.#position = position;
      this.#arrive(arrived);
      this.#waiting = this.#waiting.map((edit) => ({ ...edit, checksums: null }));
      return "done";
    } catch (problem) {
      this.#isBehind = true;
      throw problem;
    }
  }

  #arrive(arrived: ReadonlySet<string>): void {
    if (arrived.size === 0) return;
    this.#savedAt = this.clock.now();
    this.#waiting = this.#waiting.filter((edit) => !arrived.has(edit.editId));
    for (const editId of arrived) {
      const start = this.#takenAt.get(editId);
      if (start !== undefined) performance.measure(acknowledged, { start });
      void this.#forget(editId);
    }
  }

  /** Only after it was kept, or it would come back to life. */
  async #forget(editId: string): Promise<void> {
    await this.#keeping.get(editId);
    this.#keeping.delete(editId);
    this.#takenAt.delete(editId);
    await this.keeper.forget(editId);
  }

  #publish(state: SaveState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
