/** The read-only label maps of a viewer: experts' readings and the model's proposal, loading or loaded. */
import { RowRuns } from "../labels/RowRuns";
import type { LayerLook, LayerSource, Point3 } from "../types";
import type { SlabDecoder } from "../workers/SlabDecoder";
import { type Feed, feedRowRuns } from "./feeds";
import type { ReferenceMap } from "./layers/ReferenceLayers";

interface Reference {
  readonly map: ReferenceMap;
  readonly revisionId: string;
  readonly feed: Feed;
}

export interface ReferenceListener {
  /** the maps as they are now, in the order they were added */
  changed(maps: readonly ReferenceMap[]): void;
  removed(runs: RowRuns): void;
  failed(sentence: string): void;
}

export class ReferenceMaps {
  private readonly references = new Map<string, Reference>();

  constructor(
    private readonly size: Point3,
    private readonly slabDepth: number,
    private readonly decoder: SlabDecoder,
    private readonly listener: ReferenceListener,
  ) {}

  /** Replaces a map of the same id. Resolves when its slabs have arrived or failed. */
  async add(source: LayerSource, focusSlice: number): Promise<void> {
    this.remove(source.id);
    const runs = new RowRuns(...this.size, this.slabDepth);
    const feed = feedRowRuns(runs, source.fetchSlab, source.dtype, focusSlice, this.decoder, {
      arrived: () => this.update(source.id, {}),
      failed: (sentence) => this.listener.failed(sentence),
    });
    const map: ReferenceMap = { id: source.id, runs, look: source.look, version: 0 };
    this.references.set(source.id, { map, revisionId: source.revisionId, feed });
    await feed.finished;
  }

  update(id: string, look: Partial<LayerLook>): void {
    const reference = this.references.get(id);
    if (reference === undefined) return;
    const { map } = reference;
    this.references.set(id, {
      ...reference,
      map: { ...map, look: { ...map.look, ...look }, version: map.version + 1 },
    });
    this.publish();
  }

  remove(id: string): void {
    const reference = this.references.get(id);
    if (reference === undefined) return;
    reference.feed.stop();
    this.references.delete(id);
    this.listener.removed(reference.map.runs);
    this.publish();
  }

  removeAll(): void {
    for (const id of [...this.references.keys()]) this.remove(id);
  }

  find(id: string): { readonly runs: RowRuns; readonly revisionId: string } | null {
    const reference = this.references.get(id);
    return reference === undefined ? null : { runs: reference.map.runs, revisionId: reference.revisionId };
  }

  focus(slice: number): void {
    for (const { feed } of this.references.values()) feed.focus(slice);
  }

  private publish(): void {
    this.listener.changed([...this.references.values()].map((reference) => reference.map));
  }
}
