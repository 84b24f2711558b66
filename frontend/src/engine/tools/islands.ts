/** Islands: connected pieces of the active label (8 in the slice, 26 in the volume) are kept, dropped or given away. */
import { computeVoxelMm3 } from "../geometry/affine";
import { boundGrid } from "../geometry/box";
import { nearestVoxel } from "../geometry/viewTransform";
import { EditDraft } from "../labels/EditDraft";
import { type Components, findComponents } from "../ops/components";
import { boundLabel, cutMask, type Mask } from "../ops/mask";
import type { Point3 } from "../types";
import type { Bench } from "./Bench";
import { type Gesture, makeInstant, type Sample, ToolRefusal } from "./Gesture";

/** Throws ToolRefusal. */
export function startIslands(bench: Bench, sample: Sample): Gesture {
  const { labels, activeLabel } = bench;
  const { act, is3D, toLabel } = bench.settings.options.islands;
  bench.requireLabel();
  if (is3D) bench.require3D();
  const value = act === "relabel-clicked" ? toLabel : 0;
  if (value === activeLabel)
    throw new ToolRefusal("The island has that label already: choose another one for it to become.");
  const rule = bench.rule("take", value);
  const within = boundGrid(labels.dims, sample.axes.sliceAxis, is3D ? null : sample.slice);
  const box = boundLabel(labels, activeLabel, within);
  const draft = new EditDraft(labels);
  if (box === null) return makeInstant(draft, bench.editId, "islands");
  const mask = cutMask(labels, box, activeLabel);
  const islands = findComponents(mask, 1, "corners");
  const mustGo = chooseIslands(bench, islands, mask, nearestVoxel(sample.ijk));
  for (let run = 0; run < islands.of.length; run++) {
    if (!mustGo(islands.of[run] as number)) continue;
    const row = islands.rows[run] as number;
    const j = box.min[1] + (row % mask.size[1]);
    const k = box.min[2] + Math.floor(row / mask.size[1]);
    for (let x = islands.starts[run] as number; x < (islands.ends[run] as number); x++) {
      const index = box.min[0] + x + labels.nx * (j + labels.ny * k);
      if (rule.mayChange(index, activeLabel)) draft.write(index, box.min[0] + x, j, k, value);
    }
  }
  return makeInstant(draft, bench.editId, "islands");
}

/** Which islands lose the label. Of several largest ones the first (x fastest) is kept. */
function chooseIslands(bench: Bench, islands: Components, mask: Mask, clicked: Point3): (island: number) => boolean {
  const { act, belowMm3 } = bench.settings.options.islands;
  if (act === "drop-small") {
    if (!bench.hasDepth) throw new ToolRefusal("This image has no trusted millimetres, so islands have no mm³.");
    const voxelMm3 = computeVoxelMm3(bench.image.info.affine);
    return (island) => (islands.voxels[island] as number) * voxelMm3 < belowMm3;
  }
  if (act === "keep-largest") {
    const largest = islands.voxels.indexOf(Math.max(...islands.voxels));
    return (island) => island !== largest;
  }
  const hit = findIsland(islands, mask, clicked);
  if (hit === null)
    throw new ToolRefusal(`There is no ${bench.nameLabel(bench.activeLabel)} here: click on an island.`);
  return act === "keep-clicked" ? (island) => island !== hit : (island) => island === hit;
}

function findIsland(islands: Components, { box, size }: Mask, [i, j, k]: Point3): number | null {
  const row = j - box.min[1] + size[1] * (k - box.min[2]);
  const x = i - box.min[0];
  const isInBox = ([0, 1, 2] as const).every((axis) => {
    const at = [i, j, k][axis] as number;
    return at >= box.min[axis] && at <= box.max[axis];
  });
  if (!isInBox) return null;
  const run = islands.rows.findIndex(
    (each, n) => each === row && x >= (islands.starts[n] as number) && x < (islands.ends[n] as number),
  );
  return run < 0 ? null : (islands.of[run] as number);
}
