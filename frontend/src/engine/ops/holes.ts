/** Holes of a shape: what its walls close off from the border. */
import { findComponents } from "./components";
import { type Mask, makeMask } from "./mask";

/**
 * Marks the cells outside the shape that no path of shared faces leads from to the mask's border. The mask must be the
 * shape's own bounding box, so that its border is where the outside begins; an axis of one cell has no border.
 */
export function findHoles(mask: Mask): Mask {
  const { size } = mask;
  const [width, height, depth] = size;
  const outside = findComponents(mask, 0, "faces");
  const isOpen = new Uint8Array(outside.count);
  const isEdge = (at: number, cells: number): boolean => cells > 1 && (at === 0 || at === cells - 1);
  for (let run = 0; run < outside.of.length; run++) {
    const row = outside.rows[run] as number;
    const reachesSide = width > 1 && ((outside.starts[run] as number) === 0 || (outside.ends[run] as number) === width);
    if (reachesSide || isEdge(row % height, height) || isEdge(Math.floor(row / height), depth))
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
