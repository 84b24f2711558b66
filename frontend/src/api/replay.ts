/**
 * Which revision a case is rebuilt from when it is opened, so that undo reaches back past reloads and folds.
 *
 * The server folds journalled edits into revisions now and then; a fold changes nothing visible, so we go back through
 * folds to the revision the reading began from and replay every edit since. A restored, forked or imported revision is a new
 * beginning: what came before it is not ours to undo.
 */
import type { EditOut, RevisionOut } from "./wire";

export type ReplayPlan = {
  /** The revision to load whole; null = begin empty. */
  baseRevisionId: string | null;
  edits: readonly EditOut[];
};

/** `revisions` and `edits` are all of one segmentation, in any order; returns edits oldest first. */
export function planReplay(
  headRevisionId: string | null,
  revisions: readonly RevisionOut[],
  edits: readonly EditOut[],
): ReplayPlan {
  const byId = new Map(revisions.map((revision) => [revision.id, revision]));
  const chain = new Set<string>();
  let base: string | null = headRevisionId;
  for (let id = headRevisionId; id !== null; ) {
    chain.add(id);
    base = id;
    const revision = byId.get(id);
    id = revision?.origin === "fold" ? revision.parent_id : null;
  }
  const replayed = edits.filter((edit) => chain.has(edit.base_revision_id)).sort((a, b) => a.seq - b.seq);
  return { baseRevisionId: base, edits: replayed };
}

/** Whether a map built on one revision shows what another head shows: nothing but folds lies between them. */
export function isFoldedFrom(
  headRevisionId: string,
  knownRevisionId: string,
  revisions: readonly RevisionOut[],
): boolean {
  const byId = new Map(revisions.map((revision) => [revision.id, revision]));
  for (let id: string | null = headRevisionId; id !== null; ) {
    if (id === knownRevisionId) return true;
    const revision = byId.get(id);
    id = revision?.origin === "fold" ? revision.parent_id : null;
  }
  return false;
}
