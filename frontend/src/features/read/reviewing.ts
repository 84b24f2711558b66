/**
 * A review of one image: the readings by letter, the regions where they differ, and the decision on each.
 *
 * Regions are found here, from the readings' maps; the server pins those, so a region is the same after a reload. Decisions are
 * edits of the reviewer's own segmentation. Nothing is known here of the readers but their letters.
 */
import {
  asProblem,
  type BegunAnewOut,
  beginReviewAnew,
  bytes,
  fromWire,
  getSegmentation,
  listEdits,
  listRevisions,
  type OutgoingEdit,
  type ReviewOut,
  type RevisionOut,
} from "../../api";
import {
  type DisputedRegion,
  type Disputes,
  decodeRuns,
  type Edit,
  type JournalEdit,
  type LayerLook,
  type Runs,
  type Viewer,
} from "../../engine";
import { say, t } from "../../ui";
import {
  type Act,
  type Decision,
  decisionOf,
  groupOpinions,
  type JournalEntry,
  nameRegion,
  pickOf,
  type Reason,
  standingDecisions,
  toolOf,
} from "./decisions";
import { lookOfExpert } from "./looks";
import { type Layer, type ReviewState, useRead } from "./store";

const outlineId = "disputed region";
const outlineLook: LayerLook = { kind: "outline", colour: "#f4f4f4", dash: "dots", opacity: 1, visible: true };

/** What a review asks of the engine. */
export type RegionView = Pick<
  Viewer,
  "addLayer" | "removeLayer" | "findDisputes" | "goTo" | "outlineRegion" | "decide" | "dims"
>;

export class Reviewing {
  #disputes: Disputes | null = null;
  /** Why there are none. */
  #problem: string | null = null;
  /** Another window began this review anew: it is not this one any more. */
  #isOver = false;
  /** The region looked at; -1 before the first. */
  #at = -1;
  #reason: Reason = "none";
  /** The server's journal, and what was drawn here since this case was opened: what has arrived is in both. */
  #kept: readonly JournalEntry[] = [];
  #drawn: JournalEntry[] = [];
  #revisions: readonly RevisionOut[] = [];
  #decisions: ReadonlyMap<string, Decision> = new Map();

  constructor(
    private readonly review: ReviewOut,
    private readonly viewer: RegionView,
    private readonly canDecide: boolean,
    private readonly show: (review: ReviewState) => void,
  ) {
    this.#tell();
  }

  /** Load the readings, find where they differ and go to the first region without a decision. `waiting`: edits not sent yet. */
  async load(waiting: readonly OutgoingEdit[], isLeft: () => boolean): Promise<void> {
    // One after the other: the server keeps the map it cut the last slab from, not one for each reading.
    for (const [n, { letter, dtype }] of this.review.readings.entries()) {
      const layer = this.#layerOf(letter, n);
      try {
        const { id, revisionId, look } = layer;
        await this.viewer.addLayer({
          id,
          revisionId,
          dtype,
          look,
          fetchSlab: (slab, signal) =>
            bytes(`/segmentations/${this.review.segmentation_id}/readings/${letter}/slabs/${slab}`, signal),
        });
      } catch (error) {
        layer.problem = asProblem(error).detail;
      }
      if (isLeft()) return;
      useRead.setState(({ experts }) => ({ experts: [...experts, layer] }));
    }
    useRead.setState({ expertsKnown: true });
    try {
      this.#disputes = this.viewer.findDisputes(this.review.readings.map(({ letter }) => letter));
    } catch (error) {
      const missing = useRead.getState().experts.find(({ problem }) => problem !== null);
      this.#problem = t.review.notLoaded(missing?.problem ?? asProblem(error).detail);
      this.#tell();
      return;
    }
    await this.refresh();
    if (isLeft()) return;
    this.#drawn = [...waiting.map((edit) => this.#entryOf(edit, null)), ...this.#drawn];
    this.#weigh();
    const open = this.#regions.findIndex((region) => !this.#decisionOn(region));
    if (this.#regions.length > 0) this.goTo(Math.max(0, open));
  }

  /** What the server has of decisions by now, other windows' too. */
  async refresh(): Promise<void> {
    const { segmentation_id: id } = this.review;
    const edits = await listEdits(id, 0);
    this.#revisions = await listRevisions(id); // afterwards, so that it knows what each edit is based on
    this.#kept = edits.map((edit) => this.#entryOf(fromWire(edit), edit.base_revision_id));
    const rounds = this.#revisions.filter(({ origin }) => origin === "majority").length;
    if (rounds > this.review.round + 1) this.#end();
    this.#weigh();
  }

  /** Begin anew; everything drawn is to be on the server before. The case is to be opened again afterwards. Throws an `ApiProblem`. */
  async beginAnew(): Promise<BegunAnewOut> {
    const { segmentation_id: id } = this.review;
    const { etag } = await getSegmentation(id);
    return beginReviewAnew(id, etag);
  }

  #end(): void {
    this.#isOver = true;
    this.#problem = t.review.anew.elsewhere;
    this.#disputes = null;
    this.#at = -1;
    this.viewer.removeLayer(outlineId);
  }

  noteEdit({ editId, tool, undoes, sourceRevisionId, runs }: Edit): void {
    this.#drawn.push({ editId, tool, undoes, sourceRevisionId, baseRevisionId: null, region: regionOf(runs) });
    this.#weigh();
  }

  /** How many regions have no decision; null while that is not known. */
  get open(): number | null {
    return this.#disputes && this.#regions.filter((region) => !this.#decisionOn(region)).length;
  }

  step(direction: 1 | -1): void {
    const next = this.#at + direction;
    if (next >= 0 && next < this.#regions.length) this.goTo(next);
  }

  goTo(at: number): void {
    const region = this.#regions[at];
    if (!region) return;
    this.#at = at;
    this.viewer.goTo(region.middle);
    this.viewer.outlineRegion(outlineId, region, outlineLook);
    this.#tell();
  }

  setReason(reason: Reason): void {
    this.#reason = reason;
    this.#tell();
  }

  /** Take what the n-th reader drew in this region. */
  take(position: number): void {
    const letter = this.review.readings[position]?.letter;
    if (letter) this.#decide({ act: "take", letter, reason: this.#reason }, position);
  }

  act(act: Act): void {
    this.#decide({ act, letter: null, reason: this.#reason }, -1);
  }

  #decide(decision: Decision, position: number): void {
    const region = this.#regions[this.#at];
    if (!this.canDecide) say(t.read.readOnlyHint);
    else if (region) this.viewer.decide(region, toolOf(decision), pickOf(decision.act, position));
  }

  get #regions(): readonly DisputedRegion[] {
    return this.#disputes?.regions ?? [];
  }

  #weigh(): void {
    const kept = new Set(this.#kept.map(({ editId }) => editId));
    const unsent = this.#drawn.filter(({ editId }) => !kept.has(editId));
    this.#decisions = standingDecisions(this.#revisions, [...this.#kept, ...unsent]);
    this.#tell();
  }

  #decisionOn({ key, voxels }: DisputedRegion): Decision | null {
    return this.#decisions.get(nameRegion(key, voxels)) ?? null;
  }

  #tell(): void {
    const region = this.#regions[this.#at];
    const letters = this.review.readings.map(({ letter }) => letter);
    this.show({
      isLoaded: this.#disputes !== null,
      problem: this.#problem,
      changes: this.#isOver ? [] : this.review.changes,
      canBeginAnew: this.review.can_begin_anew,
      canDecide: this.canDecide,
      count: this.#regions.length,
      rimVoxels: this.#disputes?.rimVoxels ?? 0,
      decided: this.#regions.length - (this.open ?? 0),
      at: this.#at,
      voxels: region?.voxels ?? 0,
      opinions: region ? groupOpinions(region, letters) : [],
      decision: region ? this.#decisionOn(region) : null,
      reason: this.#reason,
    });
  }

  #entryOf({ editId, tool, undoes, sourceRevisionId, runs }: JournalEdit, baseRevisionId: string | null): JournalEntry {
    const { nx, ny, nz } = this.viewer.dims;
    const base = this.#revisions.find(({ id }) => id === baseRevisionId) ?? this.#revisions.at(-1);
    const decoded = decisionOf(tool) && base ? decodeRuns(runs, nx * ny * nz, base.dtype) : null;
    return { editId, tool, undoes, sourceRevisionId, baseRevisionId, region: decoded && regionOf(decoded) };
  }

  #layerOf(letter: string, n: number): Layer {
    const look = { ...lookOfExpert(n), visible: true };
    // The server says no revision's name here: the letter is all there is.
    return { id: letter, revisionId: letter, author: "expert", title: t.review.reader(letter), look, problem: null };
  }
}

function regionOf({ starts, values }: Runs): string | null {
  const [first] = starts;
  return first === undefined ? null : nameRegion(first, values.length);
}
