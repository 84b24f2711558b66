/** Holes of a shape: what its walls close off from the border. */
import { findComponents } from "./components";
import { type Mask, makeMask } from "./mask";

/**
 * Marks the cells outside the shape that no path of shared faces leads from to the border. The mask must be the shape's
 * own bounding box, so that its border is where the outside begins. `hasBorder`: axes that have one, so not the axis
 * across a slice.
 */
export function findHoles(mask: Mask, hasBorder: readonly [boolean, boolean, boolean]): Mask {
  const [width, height] = mask.size;
  const outside = findComponents(mask, 0, "faces");
  const isOpen = new Uint8Array(outside.count);
  const isEdge = (axis: 0 | 1 | 2, at: number): boolean => hasBorder[axis] && (at === 0 || at === mask.size[axis] - 1);
  for (let run = 0; run < outside.of.length; run++) {
    const row = outside.rows[run] as number;
    const isAtSide = isEdge(0, outside.starts[run] as number) || isEdge(0, (outside.ends[run] as number) - 1);
    if (isAtSide || isEdge(1, row % height) || isEdge(2, Math.floor(row / height)))
      isOpen[outside.of[run] as number] = 1;
  }
  const holes = makeMask(mask.box);
  for (let run = 0; run < outside.of.length; run++) {
    if (isOpen[outside.of[run] as number] === 1) continue;
    const first = (outside.rows[run] as number) * width;
    holes.cells.fill(1, first + (outside.starts[run] as number), first + (outside.ends[run] as number));
  }
  return holes;
}
