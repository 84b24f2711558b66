/** Work that a server may never answer. */

/**
 * Rejects after `ms`, or when `stopping` is aborted, whether the work listens to its signal or not; else gives its result.
 * A request that nobody answers would otherwise keep its connection, and what stands behind it waits for ever.
 */
export async function answerWithin<Result>(
  ms: number,
  stopping: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const giveUp = new AbortController();
  const isOver = new Promise<never>((_, reject) => {
    giveUp.signal.addEventListener("abort", () => reject(giveUp.signal.reason), { once: true });
  });
  const stop = (): void => giveUp.abort(stopping.reason);
  const timer = setTimeout(() => giveUp.abort(new NoAnswer(ms)), ms);
  if (stopping.aborted) stop();
  stopping.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work(giveUp.signal), isOver]);
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener("abort", stop);
  }
}

export class NoAnswer extends Error {
  constructor(ms: number) {
    super(`The server did not answer within ${Math.round(ms / 1000)} s.`);
  }
}
