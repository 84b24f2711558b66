/**
 * How many slabs may be on their way at once, whoever asks for them.
 *
 * Browsers open six connections to an origin over HTTP/1.1 and put what comes seventh in a queue. One reading with
 * nineteen others beside it asks for hundreds of slabs, so without a common limit a stroke waits behind all of them.
 */
export class Lanes {
  private readonly queue: (() => void)[] = [];

  constructor(private free: number) {}

  /** Do this work as soon as a lane is free, first come first served; what it rejects with is passed on. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((begin) => this.queue.push(begin));
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
