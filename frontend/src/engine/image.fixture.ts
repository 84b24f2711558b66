/** A grey image for tests in which only its size and a few facts matter: cubes of a millimetre, values as they are stored. */
import type { ImageInfo } from "./types";

export function plainImage(facts: Pick<ImageInfo, "nx" | "ny" | "nz" | "slabDepth"> & Partial<ImageInfo>): ImageInfo {
  return {
    channels: 1,
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    geometry: "regular",
    sides: "known",
    slope: 1,
    intercept: 0,
    windowLow: 0,
    windowHigh: 1,
    ...facts,
  };
}
