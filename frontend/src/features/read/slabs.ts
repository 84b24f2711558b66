/** The slabs of a label map, as the engine asks for them. */
import { bytes } from "../../api";
import type { FetchSlab } from "../../engine";

export function revisionSlabs(revisionId: string): FetchSlab {
  return (slab, signal) => bytes(`/revisions/${revisionId}/slabs/${slab}`, signal);
}
