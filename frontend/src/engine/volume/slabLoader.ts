/**
 * Brings an image's slabs in, nearest to where the reader looks first (middle-out), a few at a time.
 *
 * Knows neither network nor threads: its port fetches, decodes and waits. Fails open per slab: one that stays away
 * after three attempts is reported once and left black until the reader looks at it again; the others go on.
 * Where not all of them can be held (`cache`), only those near the reader are fetched, again when they have gone.
 */

export interface SlabPort<Decoded> {
  /** `attempt` counts from 1 */
  fetch(slab: number, attempt: number): Promise<ArrayBuffer>;
  decode(bytes: ArrayBuffer): Promise<Decoded>;
  wait(ms: number): Promise<void>;
}

export interface SlabListener<Decoded> {
  arrived(slab: number, decoded: Decoded): void;
  failed(slab: number, reason: string): void;
}

/** Holds some of the slabs. */
export interface SlabCache {
  /** slabs to each side of the focus that are wanted */
  readonly reach: number;
  has(slab: number): boolean;
  /** the last to be let go */
  use(slab: number): void;
}

const PARALLEL = 3;
const ATTEMPTS = 3;
const RETRY_WAIT_MS = 400;

export class SlabLoader<Decoded> {
  private readonly waiting = new Set<number>();
  private readonly underway = new Set<number>();
  private readonly missed = new Set<number>();
  private stopped = false;

  constructor(
    private readonly port: SlabPort<Decoded>,
    private readonly listener: SlabListener<Decoded>,
    private readonly slabCount: number,
    private focusSlab: number,
    private readonly cache: SlabCache | null = null,
  ) {
    if (cache === null) for (let slab = 0; slab < slabCount; slab++) this.waiting.add(slab);
    else this.wantNear(cache);
  }

  /** Fetch what lies nearest to this slab next; once more what lies here and stayed away. */
  focus(slab: number): void {
    if (slab === this.focusSlab || this.stopped) return;
    this.focusSlab = slab;
    const isAskedAgain = this.missed.delete(slab);
    if (this.cache !== null) this.wantNear(this.cache);
    else if (isAskedAgain) this.waiting.add(slab);
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.waiting.clear();
  }

  /** Resolves when every slab wanted now has arrived or failed, or after `stop`. */
  async run(): Promise<void> {
    const idle = Math.max(0, PARALLEL - this.underway.size);
    await Promise.all(Array.from({ length: idle }, () => this.work()));
  }

  /** The nearest is used last, so it is the last to be let go. */
  private wantNear(cache: SlabCache): void {
    this.waiting.clear();
    for (let away = cache.reach; away >= 0; away--) {
      for (const slab of new Set([this.focusSlab - away, this.focusSlab + away])) {
        if (slab < 0 || slab >= this.slabCount) continue;
        if (cache.has(slab)) cache.use(slab);
        else if (!this.underway.has(slab) && !this.missed.has(slab)) this.waiting.add(slab);
      }
    }
  }

  private isWanted(slab: number): boolean {
    return this.cache === null || Math.abs(slab - this.focusSlab) <= this.cache.reach;
  }

  private async work(): Promise<void> {
    for (let slab = this.takeNearest(); slab !== null; slab = this.takeNearest()) {
      this.underway.add(slab);
      await this.bring(slab);
      this.underway.delete(slab);
    }
  }

  private takeNearest(): number | null {
    let nearest: number | null = null;
    for (const slab of this.waiting) {
      if (nearest === null || Math.abs(slab - this.focusSlab) < Math.abs(nearest - this.focusSlab)) nearest = slab;
    }
    if (nearest !== null) this.waiting.delete(nearest);
    return nearest;
  }

  private async bring(slab: number): Promise<void> {
    for (let attempt = 1; !this.stopped && this.isWanted(slab); attempt++) {
      try {
        const decoded = await this.port.decode(await this.port.fetch(slab, attempt));
        if (!this.stopped && this.isWanted(slab)) this.listener.arrived(slab, decoded);
        return;
      } catch (error) {
        if (this.stopped) return;
        if (attempt === ATTEMPTS) {
          this.missed.add(slab);
          this.listener.failed(slab, error instanceof Error ? error.message : String(error));
          return;
        }
        await this.port.wait(RETRY_WAIT_MS * attempt);
      }
    }
  }
}
