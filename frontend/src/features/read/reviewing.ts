/**
 * A review of one image: the readings by letter, the regions where they differ, and the decision on each.
 *
 * Regions are found here, from the readings' maps; the server pins those, so a region is the same after a reload. Decisions are
 * edits of the reviewer's own segmentation. Nothing is known here of the readers but their letters.
 */
import { asProblem, bytes, listEdits, type OutgoingEdit, type ReviewOut } from "../../api";
import { type DisputedRegion, type Disputes, decodeRuns, type Edit, type LayerLook, type Viewer } from "../../engine";
import { say, t } from "../../ui";
import {
  type Act,
  type Decision,
  decisionOf,
  groupOpinions,
  type JournalEntry,
  pickOf,
  type Reason,
  standingDecisions,
  toolOf,
} from "./decisions";
import { lookOfExpert } from "./looks";
import { type Layer, type ReviewState, useRead } from "./store";

const outlineId = "disputed region";
const outlineLook: LayerLook = { kind: "outline", colour: "#f4f4f4", dash: "dots", opacity: 1, visible: true };

export class Reviewing {
  #disputes: Disputes | null = null;
  /** Why there are none. */
  #problem: string | null = null;
  /** The region looked at; -1 before the first. */
  #at = -1;
  #reason: Reason = "none";
  /** The server's journal, and what was drawn here since this case was opened: what has arrived is in both. */
  #kept: readonly JournalEntry[] = [];
  #drawn: JournalEntry[] = [];
  #decisions: ReadonlyMap<number, Decision> = new Map();

  constructor(
    private readonly review: ReviewOut,
    private readonly viewer: Viewer,
    private readonly canDecide: boolean,
    private readonly show: (review: ReviewState) => void,
  ) {
    this.#tell();
  }

  /** Load the readings, find where they differ and go to the first region without a decision. `waiting`: edits not sent yet. */
  async load(waiting: readonly OutgoingEdit[], isLeft: () => boolean): Promise<void> {
    this.#drawn = [...waiting.map((edit) => this.#entryOf(edit)), ...this.#drawn];
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
    const open = this.#regions.findIndex(({ key }) => !this.#decisions.has(key));
    if (this.#regions.length > 0) this.goTo(Math.max(0, open));
  }

  /** What the server has of decisions by now, other windows' too. */
  async refresh(): Promise<void> {
    const edits = await listEdits(this.review.segmentation_id, 0);
    this.#kept = edits.map(({ edit_id: editId, tool, undoes, runs }) => this.#entryOf({ editId, tool, undoes, runs }));
    this.#weigh();
  }

  noteEdit({ editId, tool, undoes, runs }: Edit): void {
    this.#drawn.push({ editId, tool, undoes, key: runs.starts[0] ?? null });
    this.#weigh();
  }

  /** How many regions have no decision; null while that is not known. */
  get open(): number | null {
    return this.#disputes && this.#regions.filter(({ key }) => !this.#decisions.has(key)).length;
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
    this.#decisions = standingDecisions([...this.#kept, ...this.#drawn.filter(({ editId }) => !kept.has(editId))]);
    this.#tell();
  }

  #tell(): void {
    const region = this.#regions[this.#at];
    const letters = this.review.readings.map(({ letter }) => letter);
    this.show({
      isLoaded: this.#disputes !== null,
      problem: this.#problem,
      isOutdated: this.review.is_outdated,
      canDecide: this.canDecide,
      count: this.#regions.length,
      rimVoxels: this.#disputes?.rimVoxels ?? 0,
      decided: this.#regions.length - (this.open ?? 0),
      at: this.#at,
      voxels: region?.voxels ?? 0,
      opinions: region ? groupOpinions(region, letters) : [],
      decision: (region && this.#decisions.get(region.key)) ?? null,
      reason: this.#reason,
    });
  }

  #entryOf({ editId, tool, undoes, runs }: Pick<OutgoingEdit, "editId" | "tool" | "undoes" | "runs">): JournalEntry {
    const { nx, ny, nz } = this.viewer.dims;
    const key = decisionOf(tool) && decodeRuns(runs, nx * ny * nz, this.#dtype).starts[0];
    return { editId, tool, undoes, key: key ?? null };
  }

  get #dtype(): "uint8" | "uint16" {
    return this.review.readings.some(({ dtype }) => dtype === "uint16") ? "uint16" : "uint8";
  }

  #layerOf(letter: string, n: number): Layer {
    const look = { ...lookOfExpert(n), visible: true };
    // The server says no revision's name here: the letter is all there is.
    return { id: letter, revisionId: letter, author: "expert", title: t.review.reader(letter), look, problem: null };
  }
}
