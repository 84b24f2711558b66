/** A displayed slice of the map being drawn, whole or a part of it, into cells (columns × rows). */
import type { CellBox } from "../geometry/box";
import type { SliceSteps } from "../geometry/planes";
import type { LabelArray } from "../types";
import type { LabelVolume } from "./LabelVolume";

export function readDenseSlice(
  labels: Pick<LabelVolume, "read">,
  steps: SliceSteps,
  columns: number,
  box: CellBox,
  cells: LabelArray,
): void {
  const { base, columnStep, rowStep } = steps;
  for (let row = box.top; row <= box.bottom; row++) {
    let from = base + row * rowStep + box.left * columnStep;
    const last = row * columns + box.right;
    for (let to = row * columns + box.left; to <= last; to++, from += columnStep) cells[to] = labels.read(from);
  }
}
