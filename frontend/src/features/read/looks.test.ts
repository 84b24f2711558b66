import { describe, expect, test } from "vitest";
import { lookOfExpert, voxelVolume_mm3 } from "./looks";
import { presetsOf } from "./windows";

describe("readers", () => {
  test("28 of them are told apart by colour and dash together", () => {
    const looks = Array.from({ length: 28 }, (_, n) => lookOfExpert(n));

    expect(new Set(looks.map((look) => `${look.colour} ${look.dash}`)).size).toBe(28);
  });

  test("neighbours differ in both, so that colour is never the only cue", () => {
    const [first, second] = [lookOfExpert(0), lookOfExpert(1)];

    expect(first.colour).not.toBe(second.colour);
    expect(first.dash).not.toBe(second.dash);
  });
});

describe("the volume of a voxel", () => {
  test("is the determinant, so sheared and flipped grids are right", () => {
    const sheared = [-2, 0, 0.7, 10, 0, 3, 0, -4, 0, 0, 5, 1];

    expect(voxelVolume_mm3({ affine: sheared, geometry: "sheared" })).toBeCloseTo(30);
  });

  test("is not told where lengths cannot be trusted", () => {
    const unit = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

    expect(voxelVolume_mm3({ affine: unit, geometry: "irregular" })).toBeNull();
    expect(voxelVolume_mm3({ affine: unit, geometry: "uncalibrated" })).toBeNull();
  });
});

describe("window presets", () => {
  const image = {
    unit: "",
    low: 0,
    high: 100,
    slope: -2,
    intercept: 10,
    window_low: -50,
    window_high: 5,
    window_presets: [
      { name: "", low: 1, high: 2 },
      { name: "flat", low: 3, high: 3 },
    ],
  };

  test("are the usual ones for Hounsfield units", () => {
    expect(presetsOf({ ...image, unit: "HU" })[0]).toEqual({ name: "Soft tissue", low: -160, high: 240 });
  });

  test("of other images are the default, the file's own and the full range in displayed units", () => {
    expect(presetsOf(image)).toEqual([
      { name: "Default", low: -50, high: 5 },
      { name: "From the file", low: 1, high: 2 },
      { name: "Full range", low: -190, high: 10 },
    ]);
  });
});
