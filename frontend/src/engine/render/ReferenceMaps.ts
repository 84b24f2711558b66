/**
 * What is read-only over a viewer's image, loading or loaded: experts' readings, the model's proposal, the majority of
 * some of them, and one heat map. The heat map loaded last is kept while hidden, so that its key works at once.
 */
import { Difference } from "../labels/Difference";
import type { LabelSlices } from "../labels/LabelSlices";
import type { LabelVolume } from "../labels/LabelVolume";
import { type RowRunSlab, RowRuns } from "../labels/RowRuns";
import { runsToRows } from "../labels/runsToRows";
import { ShareVolume } from "../labels/ShareVolume";
import { Votes } from "../labels/Votes";
import { findDisputes } from "../ops/disputes";
import type {
  CompareSide,
  Disputes,
  HeatSource,
  LabelAgreement,
  LayerLook,
  LayerSource,
  Point3,
  Runs,
  SurfaceMesh,
} from "../types";
import { buildMesh, compareMaps, type OneShot } from "../workers/oneShot";
import type { SlabDecoder } from "../workers/SlabDecoder";
import { DrawingSlices, packDrawing } from "./drawingSide";
import { type Feed, feedRowRuns, feedShares } from "./feeds";
import type { HeatShown } from "./layers/HeatLayer";
import type { ReferenceMap } from "./layers/ReferenceLayers";

interface Reference {
  readonly map: ReferenceMap;
  readonly runs: RowRuns;
  /** null: a map in run form, which is no revision */
  readonly revisionId: string | null;
  readonly feed: Feed;
  readonly unsureFeed: Feed | null;
}

interface LoadedHeat {
  readonly id: string;
  readonly shares: ShareVolume;
  readonly feed: Feed;
}

export interface ReferenceListener {
  /** the maps as they are now, in the order they were added, and the heat map shown */
  changed(maps: readonly ReferenceMap[], heat: HeatShown | null): void;
  removed(labels: LabelSlices): void;
  failed(sentence: string): void;
  /** the map being drawn, once it is loaded */
  drawing(): LabelVolume | null;
}

const CONSENSUS_ID = "consensus of the layers";

export class ReferenceMaps {
  private readonly references = new Map<string, Reference>();
  private consensus: ReferenceMap | null = null;
  private loadedHeat: LoadedHeat | null = null;
  private heat: HeatShown | null = null;
  private comparing: OneShot<readonly LabelAgreement[]> | null = null;

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
    const unsure = source.fetchUnsure === undefined ? null : new ShareVolume(...this.size, this.slabDepth);
    const unsureFeed =
      unsure && source.fetchUnsure
        ? feedShares(unsure, source.fetchUnsure, focusSlice, this.decoder, {
            arrived: () => this.update(source.id, {}),
            failed: (sentence) => this.listener.failed(sentence),
          })
        : null;
    const map: ReferenceMap = { id: source.id, labels: runs, unsure, look: source.look, version: 0 };
    this.references.set(source.id, { map, runs, revisionId: source.revisionId, feed, unsureFeed });
    await Promise.all([feed.finished, unsureFeed?.finished]);
  }

  /** A map in run form, here at once; replaces one of the same id. */
  addRuns(id: string, runs: Runs, look: LayerLook): void {
    this.remove(id);
    const labels = runsToRows(runs, ...this.size, this.slabDepth, "uint8");
    const map: ReferenceMap = { id, labels, unsure: null, look, version: 0 };
    const feed = { finished: Promise.resolve(), focus: () => undefined, stop: () => undefined };
    this.references.set(id, { map, runs: labels, revisionId: null, feed, unsureFeed: null });
    this.publish();
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
    reference.unsureFeed?.stop();
    this.references.delete(id);
    this.listener.removed(reference.runs);
    this.publish();
  }

  removeAll(): void {
    for (const id of [...this.references.keys()]) this.remove(id);
    this.loadedHeat?.feed.stop();
    this.loadedHeat = null;
    this.comparing?.stop();
  }

  /** The majority of these maps' labels, or none. */
  showConsensus(ids: readonly string[], look: LayerLook | null): void {
    const version = (this.consensus?.version ?? 0) + 1;
    if (this.consensus !== null) this.listener.removed(this.consensus.labels);
    this.consensus =
      look === null
        ? null
        : { id: CONSENSUS_ID, labels: new Votes(this.collectRuns(ids)), unsure: null, look, version };
    this.publish();
  }

  async showHeat(source: HeatSource | null, focusSlice: number): Promise<void> {
    if (source?.kind === "slabs") {
      const loaded = this.loadedHeat?.id === source.id ? this.loadedHeat : this.loadHeat(source, focusSlice);
      this.heat = { shares: loaded.shares, kind: "slabs", followsDrawing: false };
      this.publish();
      await loaded.feed.finished;
      return;
    }
    this.heat = source === null ? null : this.makeHeat(source);
    this.publish();
  }

  /** How much is unsure in each slice across a voxel axis; null while no share map is here as a whole. */
  sumShares(axis: 0 | 1 | 2): Float64Array | null {
    const shares = this.loadedHeat?.shares;
    return shares?.isComplete ? shares.sumSlices(axis) : null;
  }

  private makeHeat(source: Exclude<HeatSource, { kind: "slabs" }>): HeatShown | null {
    const { kind } = source;
    if (kind === "disagreement") {
      return { kind, shares: new Votes(this.collectRuns(source.layers)), followsDrawing: false };
    }
    const { a, b, label } = source;
    const [slicesA, slicesB] = [this.sliceSide(a), this.sliceSide(b)];
    if (slicesA === null || slicesB === null) return null;
    return {
      kind,
      shares: new Difference(slicesA, slicesB, label),
      followsDrawing: a === "drawing" || b === "drawing",
    };
  }

  private sliceSide(side: CompareSide): LabelSlices | null {
    if (side !== "drawing") return this.references.get(side.layer)?.runs ?? null;
    const drawing = this.listener.drawing();
    return drawing === null ? null : new DrawingSlices(drawing);
  }

  private packSide(side: CompareSide): readonly RowRunSlab[] {
    if (side === "drawing") {
      const drawing = this.listener.drawing();
      if (drawing === null) throw new Error("Your segmentation is not loaded yet: compare it when it is here.");
      return packDrawing(drawing, this.slabDepth);
    }
    const runs = this.references.get(side.layer)?.runs;
    if (runs === undefined) throw new Error(`There is no layer ${side.layer} to compare with.`);
    return runs.listSlabs();
  }

  /** A label's surface in mm; null where the side has none of it. */
  async buildSurface(side: CompareSide, affine: readonly number[], label: number): Promise<SurfaceMesh | null> {
    const { size, slabDepth } = this;
    return buildMesh({ size, slabDepth, slabs: this.packSide(side), affine, label }).answer;
  }

  /** The answer never comes when a newer question overtakes this one. `affine` null: no lengths. */
  async compare(
    a: CompareSide,
    b: CompareSide,
    affine: readonly number[] | null,
    labels: readonly number[],
  ): Promise<readonly LabelAgreement[]> {
    this.comparing?.stop();
    const { size, slabDepth } = this;
    const mine = compareMaps({ size, slabDepth, a: this.packSide(a), b: this.packSide(b), affine, labels });
    this.comparing = mine;
    return mine.answer;
  }

  private loadHeat(source: HeatSource & { readonly kind: "slabs" }, focusSlice: number): LoadedHeat {
    this.loadedHeat?.feed.stop();
    const shares = new ShareVolume(...this.size, this.slabDepth);
    const feed = feedShares(shares, source.fetchSlab, focusSlice, this.decoder, {
      arrived: () => this.publish(),
      failed: (sentence) => this.listener.failed(sentence),
    });
    this.loadedHeat = { id: source.id, shares, feed };
    return this.loadedHeat;
  }

  /** Throws where one of these maps is not here as a whole. */
  findDisputes(ids: readonly string[]): Disputes {
    const readings = this.collectRuns(ids);
    if (readings.length < ids.length || readings.some((one) => !one.isComplete))
      throw new Error("Not all readings are here yet: they are compared when they have loaded.");
    return findDisputes(readings);
  }

  find(id: string): { readonly runs: RowRuns; readonly revisionId: string | null } | null {
    return this.references.get(id) ?? null;
  }

  focus(slice: number): void {
    for (const { feed } of this.references.values()) feed.focus(slice);
    this.loadedHeat?.feed.focus(slice);
  }

  private collectRuns(ids: readonly string[]): readonly RowRuns[] {
    return ids.flatMap((id) => this.references.get(id)?.runs ?? []);
  }

  private publish(): void {
    const maps = [...this.references.values()].map((reference) => reference.map);
    const shown = this.consensus === null ? maps : [...maps, this.consensus];
    this.listener.changed(shown, this.heat);
  }
}
