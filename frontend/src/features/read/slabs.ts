/** The slabs of a label map, as the engine asks for them. */
import { bytes } from "../../api";
import type { FetchSlab } from "../../engine";

export function revisionSlabs(revisionId: string): FetchSlab {
  return (slab, signal) => bytes(`/revisions/${revisionId}/slabs/${slab}`, signal);
}

/** How unsure a map's maker was of each voxel, 0–255 = 0–1. */
export function unsureSlabs(revisionId: string): FetchSlab {
  return (slab, signal) => bytes(`/revisions/${revisionId}/uncertainty/slabs/${slab}`, signal);
}
