/** Earlier revisions of a reading: one laid over the image to look at, and the drawing made equal to it by an ordinary edit. */
import type { RevisionOut } from "../../api";
import type { LayerLook, Viewer } from "../../engine";
import { say, t } from "../../ui";
import { revisionSlabs } from "./slabs";

const layerId = "preview";
const look: LayerLook = { kind: "outline", colour: "#f5f5f0", dash: "dots", opacity: 1, visible: true };

export class Earlier {
  #shownId: string | null = null;

  constructor(
    private readonly viewer: Viewer,
    private readonly show: (shownId: string | null) => void,
  ) {}

  /** Lay an earlier revision over the image; null takes it away. Resolves when all of it is there. */
  async preview(revision: RevisionOut | null): Promise<void> {
    if (this.#shownId) this.viewer.removeLayer(layerId);
    this.#shownId = revision?.id ?? null;
    this.show(this.#shownId);
    if (!revision) return;
    const { id: revisionId, dtype } = revision;
    await this.viewer.addLayer({ id: layerId, revisionId, dtype, look, fetchSlab: revisionSlabs(revisionId) });
  }

  /** Make the drawing equal to an earlier revision: an ordinary edit, so undoable; nothing is taken away. */
  async restore(revision: RevisionOut): Promise<void> {
    if (this.#shownId !== revision.id) await this.preview(revision);
    const edit = this.viewer.restoreLayer(layerId);
    say(edit ? t.history.restored(revision.number) : t.history.same);
    await this.preview(null);
  }
}
