import { describe, expect, it } from "vitest";
import type { Runs } from "../types";
import { buildEnvelope } from "./envelope";

function runsOf(dense: readonly number[]): Runs {
  const held = dense.flatMap((value, index) => (value === 0 ? [] : [index]));
  return {
    starts: Float64Array.from(held),
    lengths: new Float64Array(held.length).fill(1),
    values: Uint8Array.from(held, (index) => dense[index] as number),
  };
}

function denseOf({ starts, lengths, values }: Runs, size: number): number[] {
  const dense = new Array<number>(size).fill(0);
  let at = 0;
  for (const [n, start] of starts.entries())
    for (let index = start; index < start + (lengths[n] as number); index++, at++) dense[index] = values[at] as number;
  return dense;
}

describe("the envelope of several opinions", () => {
  it("is what some hold and not all", () => {
    const opinions = [
      [0, 1, 1, 1, 0, 0, 2],
      [0, 0, 1, 1, 1, 0, 2],
      [0, 0, 1, 1, 0, 0, 1],
    ].map(runsOf);

    expect(denseOf(buildEnvelope(opinions), 7)).toEqual([0, 1, 0, 0, 1, 0, 2]);
  });

  it("is empty where all are alike, and of one opinion or none", () => {
    const one = runsOf([0, 1, 1, 0]);

    for (const alike of [[one, one], [one], []]) expect(buildEnvelope(alike).values).toHaveLength(0);
  });

  it("equals union without agreement for random opinions, in runs as long as they can be", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 16807) % 2147483647;
      return seed % below;
    };
    for (let round = 0; round < 50; round++) {
      const dense = Array.from({ length: 1 + random(5) }, () =>
        Array.from({ length: 40 }, () => Math.max(0, random(5) - 2)),
      );
      const expected = Array.from({ length: 40 }, (_, at) => {
        const votes = dense.map((one) => one[at] as number);
        return new Set(votes).size === 1 ? 0 : (votes.find((value) => value > 0) as number);
      });

      const envelope = buildEnvelope(dense.map(runsOf));

      expect(denseOf(envelope, 40)).toEqual(expected);
      expect(
        envelope.starts.every(
          (start, n) => n === 0 || start > (envelope.starts[n - 1] as number) + (envelope.lengths[n - 1] as number),
        ),
      ).toBe(true);
    }
  });
});
