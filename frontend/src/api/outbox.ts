/**
 * Carries finished gestures to the server: one request in flight, in order, for ever until acknowledged.
 *
 * Unusual: it never drops and never overwrites. A lost reply is repeated under the same `edit_id`, which the server
 * recognises before it judges `If-Match`; a true 412 means another window of the same reader was faster, so the owner
 * is asked to `rebase` (bring in what was missed, put mine back on top) and everything waiting is sent again on the
 * new revision. Fails closed: an edit the server refuses for good stops the queue and says so; nothing behind it is
 * sent, because later strokes assume the earlier ones. Nothing is kept in browser storage: that needs a key the server
 * hands out (VIEWER.md, section 8), and there is none yet. Each stroke is posted at once; a crash loses what waits here.
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

export type PostAnswer =
  | { kind: "saved"; seq: number; etag: string }
  /** 412: the segmentation moved on without us. */
  | { kind: "stale" }
  /** 401: the session ended; the edit waits until somebody signed in again. */
  | { kind: "signed-out" }
  /** Refused for good, in words; retrying cannot help. */
  | { kind: "refused"; detail: string };

/** The port the outbox speaks through. `post` and `rebase` reject only when the server could not be reached. */
export interface OutboxPort {
  post(edit: OutgoingEdit, position: Position): Promise<PostAnswer>;
  /**
   * Fetch what was missed and apply it under the waiting edits; return where the server stands now.
   * The edits themselves do not change: runs carry values, so voxels both sides changed keep mine.
   * `waiting` is a function because strokes may end while the missed edits travel.
   */
  rebase(waiting: () => readonly OutgoingEdit[]): Promise<Position>;
}

export type SaveState =
  | { kind: "saved"; at: Date | null }
  | { kind: "saving"; waiting: number }
  | { kind: "offline"; waiting: number; attempt: number }
  | { kind: "signed-out"; waiting: number; attempt: number }
  | { kind: "refused"; waiting: number; detail: string };

export type OutboxClock = {
  now(): Date;
  /** Resolves after about `ms`, or sooner when the browser says it is online again. */
  pause(ms: number): Promise<void>;
  random(): number;
};

const firstRetry_ms = 400;
const longestRetry_ms = 15_000;

/** Exponential back-off with full jitter in its upper half, so many tabs do not return at once. */
export function retryDelay_ms(attempt: number, random: number): number {
  const ceiling = Math.min(longestRetry_ms, firstRetry_ms * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}

export class Outbox {
  #waiting: OutgoingEdit[] = [];
  #position: Position;
  #state: SaveState = { kind: "saved", at: null };
  #running: Promise<void> | null = null;
  #closed = false;
  readonly #listeners = new Set<(state: SaveState) => void>();

  constructor(
    position: Position,
    private readonly port: OutboxPort,
    private readonly clock: OutboxClock,
  ) {
    this.#position = position;
  }

  get state(): SaveState {
    return this.#state;
  }

  /** Where the server stands as far as this window knows: what a submit must name in `If-Match`. */
  get position(): Position {
    return this.#position;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  subscribe(listener: (state: SaveState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Take one gesture. Returns at once; the state tells when it is safe. */
  add(edit: OutgoingEdit): void {
    if (this.#closed) throw new Error("This outbox is closed; open the case again before drawing.");
    this.#waiting.push(edit);
    if (this.#state.kind !== "saved") this.#publish({ ...this.#state, waiting: this.#waiting.length });
    this.#start();
  }

  /** Resolves when everything is on the server; rejects with the server's words when it refused something. */
  async drain(): Promise<void> {
    this.#start();
    while (this.#running) await this.#running;
    if (this.#state.kind === "refused") throw new Error(this.#state.detail);
  }

  /** The server's position after a write that did not pass through here (submit, restore). */
  moveTo(position: Position): void {
    this.#position = position;
  }

  /** Stop sending; what still waits is given up, so drain first. */
  close(): void {
    this.#closed = true;
    this.#listeners.clear();
  }

  #start(): void {
    if (this.#running || this.#closed || this.#waiting.length === 0 || this.#state.kind === "refused") return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#closed) {
      const edit = this.#waiting[0];
      if (!edit) break;
      if (attempt === 0) this.#publish({ kind: "saving", waiting: this.#waiting.length });
      const outcome = await this.#attempt(edit);
      if (outcome === "refused") return;
      attempt = outcome === "done" ? 0 : attempt + 1;
      if (outcome === "done") continue;
      if (outcome !== "stale") this.#publish({ kind: outcome, waiting: this.#waiting.length, attempt });
      // The first rebase is followed at once; a second in a row means a busy sibling window, so step back.
      if (outcome !== "stale" || attempt > 1) await this.clock.pause(retryDelay_ms(attempt, this.clock.random()));
    }
    if (!this.#closed) this.#publish({ kind: "saved", at: this.clock.now() });
  }

  async #attempt(edit: OutgoingEdit): Promise<"done" | "refused" | "stale" | "offline" | "signed-out"> {
    try {
      const answer = await this.port.post(edit, this.#position);
      if (answer.kind === "signed-out") return "signed-out";
      if (answer.kind === "refused") {
        this.#publish({ kind: "refused", waiting: this.#waiting.length, detail: answer.detail });
        return "refused";
      }
      if (answer.kind === "stale") {
        this.#position = await this.port.rebase(() => this.#waiting);
        this.#waiting = this.#waiting.map((waiting) => ({ ...waiting, checksums: null }));
        return "stale";
      }
      this.#acknowledge(answer);
      return "done";
    } catch {
      // The server could not be reached; the edit is still first in the queue and keeps its id.
      return "offline";
    }
  }

  #acknowledge(answer: { seq: number; etag: string }): void {
    this.#waiting.shift();
    this.#position = { ...this.#position, seq: answer.seq, etag: answer.etag };
  }

  #publish(state: SaveState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
