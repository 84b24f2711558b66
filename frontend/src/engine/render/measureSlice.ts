/** What a label covers in one slice: cells, area, and the image's values under it. */
import { computeCellAreaMm2, hasLengths } from "../geometry/measure";
import { computeSteps, type PlaneAxes } from "../geometry/planes";
import type { SliceMeasure } from "../types";
import { findSlice, type Scene } from "./Scene";

/** Null while the map or the slice's image is not here, or where the label is not in the slice. */
export function measureSlice(scene: Scene, axes: PlaneAxes, label: number): SliceMeasure | null {
  const { labels, volume, metric } = scene;
  if (labels === null || label === 0) return null;
  const { info } = volume;
  const slice = findSlice(scene, axes);
  const { base, columnStep, rowStep } = computeSteps(axes, slice, info.nx, info.ny);
  const isGrey = info.channels === 1 && volume.hasAllOf(slice, axes.sliceAxis);
  let [cells, sum, squares, low, high] = [0, 0, 0, Infinity, -Infinity];
  for (let row = 0; row < axes.rows; row++) {
    let index = base + row * rowStep;
    for (let column = 0; column < axes.columns; column++, index += columnStep) {
      if (labels.read(index) !== label) continue;
      cells += 1;
      if (!isGrey) continue;
      const value = volume.readStored(index);
      sum += value;
      squares += value * value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (cells === 0) return null;
  const mean = sum / cells;
  const toShown = (stored: number): number => stored * info.slope + info.intercept;
  return {
    cells,
    areaMm2: hasLengths(info) ? cells * computeCellAreaMm2(metric, axes) : null,
    values: isGrey
      ? {
          mean: toShown(mean),
          sd: Math.sqrt(Math.max(0, squares / cells - mean * mean)) * Math.abs(info.slope),
          low: Math.min(toShown(low), toShown(high)),
          high: Math.max(toShown(low), toShown(high)),
        }
      : null,
  };
}
