/** Fill: one click gives the connected region of equal label the active one, in the slice or through the volume. */
import { boundGrid } from "../geometry/box";
import { nearestVoxel } from "../geometry/viewTransform";
import { EditDraft } from "../labels/EditDraft";
import { compileRange } from "../labels/PaintRule";
import { findConnected } from "../ops/flood";
import { toDisplayed } from "../volume/windowTable";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample, ToolRefusal } from "./Gesture";
import { isInside } from "./navigation";

/** Above this the fill asks first: nearly always a leak into the background. */
export const FILL_LIMIT_VOXELS = 5_000_000;

/** A click outside the grid, or on the active label, gives a gesture that changes nothing. Throws ToolRefusal. */
export function startFill(bench: Bench, tool: "fill" | "fill3d", sample: Sample, limit = FILL_LIMIT_VOXELS): Gesture {
  const { labels, activeLabel: value } = bench;
  if (tool === "fill3d") bench.require3D();
  const rule = bench.rule("paint", value);
  const draft = new EditDraft(labels);
  const [i, j, k] = nearestVoxel(sample.ijk);
  if (!isInside([i, j, k], labels.dims)) return makeInstant(draft, bench.editId, tool);
  const seed = i + labels.nx * (j + labels.ny * k);
  const present = labels.read(seed);
  if (present === value) return makeInstant(draft, bench.editId, tool);
  const range = boundGrid(labels.dims, sample.axes.sliceAxis, tool === "fill3d" ? null : sample.slice);
  const isSimilar = compileTolerance(bench, seed);
  const mayEnter = (index: number): boolean => rule.mayChange(index, present) && isSimilar(index);
  const region = findConnected(labels, [i, j, k], range, mayEnter, limit);
  if (region === null)
    throw new ToolRefusal(
      "This region has more than 5 million voxels, so nothing was filled: close its outline first.",
      true,
    );
  for (const span of region) {
    let index = span.start + labels.nx * (span.j + labels.ny * span.k);
    for (let x = span.start; x < span.end; x++, index++) draft.write(index, x, span.j, span.k, value);
  }
  return makeInstant(draft, bench.editId, tool);
}

/** Whether a voxel's value is within the tolerance of the seed's. RGB has no single value: nothing restricts it. */
function compileTolerance({ image, settings }: Bench, seed: number): (index: number) => boolean {
  const { fillTolerance } = settings.options;
  if (fillTolerance === null || image.info.channels === 3) return () => true;
  const value = toDisplayed(image.readStored(seed), image.info);
  return compileRange({ low: value - fillTolerance, high: value + fillTolerance }, image);
}
