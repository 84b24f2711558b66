/**
 * How many slabs may be on their way at once, whoever asks for them, and that none is begun while a stroke is on its way.
 *
 * Browsers open six connections to an origin over HTTP/1.1 and put what comes seventh in a queue. One reading with
 * nineteen others beside it asks for hundreds of slabs, so without a common limit a stroke waits behind all of them; and
 * on the server, which has fewer hands than that, beside as many as it began with.
 */

/** A stroke that takes longer is large, or nobody answers it: the image need not stay black for that. */
const AHEAD_MS = 2_000;

export class Lanes {
  private readonly queue: (() => void)[] = [];
  private ahead = 0;

  constructor(
    private free: number,
    private readonly wait: (ms: number) => Promise<void>,
  ) {}

  /** Do this work as soon as a lane is free, first come first served; what it rejects with is passed on. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((begin) => {
      this.queue.push(begin);
      this.beginNext();
    });
    try {
      return await work();
    } finally {
      this.free += 1;
      this.beginNext();
    }
  }

  /** Do this work at once; until it has ended, well or not, or for AHEAD_MS, what waits for a lane goes on waiting. */
  async goAhead<Result>(work: () => Promise<Result>): Promise<Result> {
    const letGo = this.holdBack();
    void this.wait(AHEAD_MS).then(letGo);
    try {
      return await work();
    } finally {
      letGo();
    }
  }

  private holdBack(): () => void {
    let isHolding = true;
    this.ahead += 1;
    return () => {
      if (!isHolding) return;
      isHolding = false;
      this.ahead -= 1;
      this.beginNext();
    };
  }

  private beginNext(): void {
    while (this.free > 0 && this.ahead === 0) {
      const begin = this.queue.shift();
      if (begin === undefined) return;
      this.free -= 1;
      begin();
    }
  }
}
