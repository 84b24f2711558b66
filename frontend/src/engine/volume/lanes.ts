/**
 * How many slabs may be on their way at once, whoever asks for them, and that none is begun while a stroke is on its way.
 *
 * Browsers open six connections to an origin over HTTP/1.1 and put what comes seventh in a queue. One reading with
 * nineteen others beside it asks for hundreds of slabs, so without a common limit a stroke waits behind all of them; and
 * on the server, which has fewer hands than that, beside as many as it began with.
 */
export class Lanes {
  private readonly queue: (() => void)[] = [];
  private ahead = 0;

  constructor(private free: number) {}

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

  /** Do this work at once; until it has ended, well or not, what waits for a lane goes on waiting. */
  async goAhead<Result>(work: () => Promise<Result>): Promise<Result> {
    this.ahead += 1;
    try {
      return await work();
    } finally {
      this.ahead -= 1;
      this.beginNext();
    }
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

/** For all feeds of this page together: the other three of the browser's connections are for strokes, events and answers. */
export const slabLanes = new Lanes(3);
