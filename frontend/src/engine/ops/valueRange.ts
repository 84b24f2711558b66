/** Mean and spread of displayed values: the range that "range from here" proposes. */
import type { ValueRange } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { toDisplayed } from "../volume/windowTable";

const SPREADS = 2;

/** Mean ± 2 standard deviations (of the population) of these voxels' displayed values; null without voxels. */
export function computeRange(image: ImageVolume, indices: readonly number[]): ValueRange | null {
  if (indices.length === 0) return null;
  const values = indices.map((index) => toDisplayed(image.readStored(index), image.info));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const reach = SPREADS * Math.sqrt(variance);
  return { low: mean - reach, high: mean + reach };
}
