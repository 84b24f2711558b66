/** The next case's middle slab into the browser's cache while this one is drawn. */
import { type AssignmentOut, bytes, getImage, type ImageOut, nextAssignment } from "../../api";

export function slabPath({ id, sha256 }: ImageOut, slab: number): string {
  return `/images/${id}/slabs/${slab}?v=${sha256}`;
}

export async function prefetchNext(assignment: AssignmentOut): Promise<void> {
  try {
    const next = await nextAssignment(assignment.id, assignment.project_id);
    if (!next) return;
    const image = await getImage(next.image_id);
    const middle = Math.floor(image.nz / 2 / image.slab_depth);
    await bytes(slabPath(image, middle));
  } catch {
    // Only a head start: opening the next case asks again and says what is wrong.
  }
}
