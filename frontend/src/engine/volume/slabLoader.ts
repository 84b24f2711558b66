/**
 * Brings an image's slabs in, nearest to where the reader looks first (middle-out), a few at a time.
 *
 * Knows neither network nor threads: its port fetches, decodes and waits. Fails open per slab: one that stays away
 * after three attempts is reported once and left black; the others go on.
 */

export interface SlabPort<Decoded> {
  fetch(slab: number): Promise<ArrayBuffer>;
  decode(bytes: ArrayBuffer): Promise<Decoded>;
  wait(ms: number): Promise<void>;
}

export interface SlabListener<Decoded> {
  arrived(slab: number, decoded: Decoded): void;
  failed(slab: number, reason: string): void;
}

const PARALLEL = 3;
const ATTEMPTS = 3;
const RETRY_WAIT_MS = 400;

export class SlabLoader<Decoded> {
  private readonly waiting: Set<number>;
  private stopped = false;

  constructor(
    private readonly port: SlabPort<Decoded>,
    private readonly listener: SlabListener<Decoded>,
    slabCount: number,
    private focusSlab: number,
  ) {
    this.waiting = new Set(Array.from({ length: slabCount }, (_, slab) => slab));
  }

  /** Fetch what lies nearest to this slab next. */
  focus(slab: number): void {
    this.focusSlab = slab;
  }

  stop(): void {
    this.stopped = true;
    this.waiting.clear();
  }

  /** Resolves when every slab has arrived or failed, or after `stop`. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: PARALLEL }, () => this.work()));
  }

  private async work(): Promise<void> {
    for (let slab = this.takeNearest(); slab !== null; slab = this.takeNearest()) await this.bring(slab);
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
    for (let attempt = 1; !this.stopped; attempt++) {
      try {
        const decoded = await this.port.decode(await this.port.fetch(slab));
        if (!this.stopped) this.listener.arrived(slab, decoded);
        return;
      } catch (error) {
        if (this.stopped) return;
        if (attempt === ATTEMPTS) {
          this.listener.failed(slab, error instanceof Error ? error.message : String(error));
          return;
        }
        await this.port.wait(RETRY_WAIT_MS * attempt);
      }
    }
  }
}
