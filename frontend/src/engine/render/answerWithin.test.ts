import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RowRuns } from "../labels/RowRuns";
import { SlabDecoder } from "../workers/SlabDecoder";
import { answerWithin } from "./answerWithin";
import { feedRowRuns } from "./feeds";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => new Promise<never>(() => undefined);

describe("work that a server may never answer", () => {
  it("ends after its time, is told so, and says how long it waited", async () => {
    let signal: AbortSignal | null = null;
    const asked = answerWithin(20_000, new AbortController().signal, (given) => {
      signal = given;
      return never();
    });
    const ended = expect(asked).rejects.toThrow("The server did not answer within 20 s.");
    await vi.advanceTimersByTimeAsync(20_000);
    await ended;
    expect(signal).toMatchObject({ aborted: true });
  });

  it("ends at once when nobody wants it any more", async () => {
    const leaving = new AbortController();
    const ended = expect(answerWithin(20_000, leaving.signal, never)).rejects.toThrow();
    leaving.abort();
    await ended;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("slabs that are never answered", () => {
  it("hold nothing up for ever: they are asked for again, and so is what stands behind them", async () => {
    const runs = new RowRuns(2, 2, 8, 1);
    const asked = new Map<number, number>();
    const said: string[] = [];
    const fetchSlab = async (slab: number): Promise<ArrayBuffer> => {
      asked.set(slab, (asked.get(slab) ?? 0) + 1);
      return slab < 3 && (slab === 0 || asked.get(slab) === 1) ? never() : new ArrayBuffer(4);
    };
    const feed = feedRowRuns(runs, fetchSlab, "uint8", 0, new SlabDecoder(), {
      arrived: () => undefined,
      failed: (sentence) => said.push(sentence),
      late: (sentence) => said.push(sentence),
    });

    await vi.advanceTimersByTimeAsync(200_000);
    await feed.finished;

    expect(runs.slabsLoaded).toBe(7);
    expect(asked.get(0)).toBe(3);
    expect(said).toEqual([
      "The server did not answer within 20 s. Parts of a reading are asked for again.",
      "Part 1 of 8 of a reading did not load: The server did not answer within 80 s. Leave its slices and go back to them to try again.",
    ]);
  });

  it("are asked for again by a reload where the image has no other slices to go to", async () => {
    const said: string[] = [];
    const failing = () => Promise.reject(new Error("Status 500."));
    const feed = feedRowRuns(new RowRuns(2, 2, 1, 1), failing, "uint8", 0, new SlabDecoder(), {
      arrived: () => undefined,
      failed: (sentence) => said.push(sentence),
    });

    await vi.advanceTimersByTimeAsync(10_000);
    await feed.finished;

    expect(said).toEqual(["Part 1 of 1 of a reading did not load: Status 500. Reload the page to try again."]);
  });
});
