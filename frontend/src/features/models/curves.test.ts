import { describe, expect, test } from "vitest";
import { columnsOf, outlookWords, streamColumns, streamFigures } from "./curves";

const point = (number: number, readings: number, dice: number) => ({
  number,
  readings,
  dice,
  live: dice - 1,
  nearest: null,
  consensus: null,
  passed: true,
});

describe("a style's curve", () => {
  test("stands in order of readings, the newest style for each count", () => {
    expect(columnsOf([point(3, 8, 88), point(1, 5, 84), point(2, 5, 85)])).toEqual([
      [5, 8],
      [85, 88],
      [84, 87],
      [null, null],
      [null, null],
    ]);
  });

  test("says how many more annotations the goal asks for, and nothing it does not know", () => {
    const forecast = { outlook: "reachable", more: 4, ceiling: 93, spread: 0.5 } as const;

    expect(outlookWords(forecast, 90)).toBe("Annotate about 4 more cases to reach 90 Dice, by the curve so far.");
    expect(outlookWords({ outlook: "unknown", more: null, ceiling: null, spread: null }, 90)).toContain("three");
    expect(outlookWords({ outlook: "beyond", more: null, ceiling: 88.24, spread: 1 }, 90)).toContain("88.2");
  });
});

describe("a stream of cases", () => {
  const one = (number: number, prequential: number | null, forgetting: number | null) => ({
    number,
    prequential,
    live: prequential,
    after: 90,
    forgetting,
  });

  test("counts what was predicted before it was known, and tells the newest forgetting", () => {
    const cases = [one(1, 80, null), one(2, null, 1.5), one(3, 84, 0.5)];

    expect(streamColumns(cases)).toEqual([
      [1, 3],
      [80, 84],
      [80, 82],
      [80, 84],
    ]);
    expect(streamFigures(cases)).toEqual({ mean: 82, lastTen: 82, live: 82, forgotten: 0.5 });
    expect(streamFigures([one(1, null, null)])).toBeNull();
  });
});
