import { expect, test } from "vitest";
import type { MetricOut } from "../../api";
import { alignCurves } from "./curves";

const metric = (step: number, name: string, value: number, attempt = 1): MetricOut => ({
  seq: step,
  attempt,
  step,
  name,
  value,
});

test("figures of one step stand in one column, missing ones are gaps", () => {
  const curves = alignCurves([metric(1, "loss", 0.9), metric(2, "loss", 0.8), metric(2, "dice", 0.5)]);

  expect(curves).toEqual({
    names: ["dice", "loss"],
    data: [
      [1, 2],
      [null, 0.5],
      [0.9, 0.8],
    ],
  });
});

test("a resumed attempt replaces the steps it repeats", () => {
  const curves = alignCurves([
    metric(1, "loss", 0.9),
    metric(2, "loss", 0.8),
    metric(2, "loss", 0.7, 2),
    metric(3, "loss", 0.6, 2),
  ]);

  expect(curves.data).toEqual([
    [1, 2, 3],
    [0.9, 0.7, 0.6],
  ]);
});

test("no figures make an empty plot", () => {
  expect(alignCurves([])).toEqual({ names: [], data: [[]] });
});
