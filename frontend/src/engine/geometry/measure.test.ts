import { describe, expect, it } from "vitest";
import { computeMetric, toMm } from "./affine";
import { computeCellAreaMm2, computeLengthMm } from "./measure";

const SHEARED = [0.7, 0, 0.4, -10, 0, 1.2, 0.9, 4, 0, 0.1, 3, 7];
const OBLIQUE = [0.66, -0.42, 0.5, 0, 0.3, 0.9, 1.1, 0, -0.2, 0.35, 2.7, 0];

describe("lengths", () => {
  it.each([[SHEARED], [OBLIQUE]])("are the distance of the two points in the patient", (affine) => {
    const [from, to] = [[3, -2.5, 7] as const, [11.25, 6, 2] as const];
    const [a, b] = [toMm(affine, from), toMm(affine, to)];
    expect(computeLengthMm(computeMetric(affine), from, to)).toBeCloseTo(
      Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]),
    );
  });
});

describe("the area of a voxel's face", () => {
  it("is the product of its sides on a straight grid", () => {
    const metric = computeMetric([0.7, 0, 0, 0, 0, 1.2, 0, 0, 0, 0, 3, 0]);
    expect(computeCellAreaMm2(metric, { columnAxis: 0, rowAxis: 1 })).toBeCloseTo(0.84);
    expect(computeCellAreaMm2(metric, { columnAxis: 0, rowAxis: 2 })).toBeCloseTo(2.1);
  });

  it("is that of the parallelogram where axes lean", () => {
    const metric = computeMetric(SHEARED);
    const [i, k] = [toMm(SHEARED, [1, 0, 0]), toMm(SHEARED, [0, 0, 1])].map((p) => [p[0] + 10, p[1] - 4, p[2] - 7]);
    const [a, b, c] = [
      (i?.[1] ?? 0) * (k?.[2] ?? 0) - (i?.[2] ?? 0) * (k?.[1] ?? 0),
      (i?.[2] ?? 0) * (k?.[0] ?? 0) - (i?.[0] ?? 0) * (k?.[2] ?? 0),
      (i?.[0] ?? 0) * (k?.[1] ?? 0) - (i?.[1] ?? 0) * (k?.[0] ?? 0),
    ];
    expect(computeCellAreaMm2(metric, { columnAxis: 0, rowAxis: 2 })).toBeCloseTo(Math.hypot(a, b, c));
  });
});
