/**
 * Which label maps of this image can be compared, and bringing one in. The server lists only what this reader may see.
 */
import { asProblem, bytes, listRevisions, listSegmentations, type RevisionOut, type SegmentationOut } from "../../api";
import type { CompareSide, LayerLook } from "../../engine";
import { t } from "../../ui";
import type { ReadSession } from "./session";

/** One thing to compare: `drawing`, or a revision by its id. */
export type Candidate = { value: string; label: string; dtype: SegmentationOut["dtype"] };
export type CandidateGroup = { group: string; items: Candidate[] };

export const drawing = "drawing";
const unseen: LayerLook = { kind: "outline", colour: null, dash: "solid", opacity: 1, visible: false };

/** Newest first; my own drawing before everything. */
export async function listCandidates(session: ReadSession): Promise<CandidateGroup[]> {
  const { image, project } = session.facts;
  const { items } = await listSegmentations(image.id, project.id);
  const groups = await Promise.all(
    items.map(async (segmentation) => {
      const revisions = await listRevisions(segmentation.id);
      const group = titleOf(segmentation, session.segmentationId);
      return { group, items: revisions.map((revision) => candidateOf(group, revision)).reverse() };
    }),
  );
  const now = { value: drawing, label: t.compare.drawing, dtype: "uint8" } as const;
  const drawn = session.segmentationId ? [{ group: t.compare.title, items: [now] }] : [];
  return [...drawn, ...groups.filter((group) => group.items.length > 0)];
}

function titleOf(segmentation: SegmentationOut, mine: string | null): string {
  if (segmentation.id === mine) return t.compare.mine;
  if (segmentation.author === "model") return segmentation.style_label ?? t.compare.prediction;
  if (segmentation.author === "consensus") return t.layers.consensus;
  if (segmentation.author === "proxy") return t.layers.proxy;
  return segmentation.expert_name ?? t.compare.unnamed;
}

function candidateOf(whose: string, { id, number, created_at, submitted_at, dtype }: RevisionOut): Candidate {
  return { value: id, label: t.compare.revision(whose, number, new Date(created_at), submitted_at !== null), dtype };
}

/** Loads a candidate as an unseen layer. Throws with the server's words. */
export async function bringSide(session: ReadSession, { value, dtype }: Candidate): Promise<CompareSide> {
  if (value === drawing) return drawing;
  const layer = `compare ${value}`;
  const fetchSlab = (slab: number, signal: AbortSignal) => bytes(`/revisions/${value}/slabs/${slab}`, signal);
  try {
    await session.viewer.addLayer({ id: layer, revisionId: value, dtype, fetchSlab, look: unseen });
  } catch (error) {
    throw new Error(asProblem(error).detail);
  }
  return { layer };
}

export function dropSide(session: ReadSession, side: CompareSide | null): void {
  if (side !== null && side !== drawing) session.viewer.removeLayer(side.layer);
}
