/**
 * One case on the screen: the engine's Viewer, the outbox, and what the panels show, from opening to leaving.
 *
 * Plain TypeScript on purpose: strokes reach the outbox without passing through React. Order of opening: the image's
 * first slabs start at once, the reading's map and journal follow, other layers last. Fails closed: until the map and
 * journal are here, tools change nothing (the engine's `canDraw`).
 */
import {
  type AssignmentOut,
  addressOf,
  asProblem,
  bytes,
  createPrediction,
  forgetOutbox,
  getAssignment,
  getImage,
  getProject,
  getSegmentation,
  type ImageOut,
  listEdits,
  listRevisions,
  listSegmentations,
  nextAssignment,
  Outbox,
  onServerEvent,
  openAssignment,
  type RevisionOut,
  reopenSegmentation,
  type SegmentationOut,
  submitSegmentation,
  trackOutbox,
} from "../../api";
import {
  type Edit,
  encodeRuns,
  type FetchSlab,
  type LayerLook,
  type Plane,
  Viewer,
  type ViewerState,
} from "../../engine";
import { say, t } from "../../ui";
import { browserClock } from "./clock";
import { byAuthorAndTitle, describeLayer, hideHeat } from "./layers";
import { imageInfo, proposalLook } from "./looks";
import { fromWire, SegmentationPort } from "./port";
import { planReplay } from "./replay";
import { emptyRead, type Layer, type ReadFacts, type ReadState, useRead } from "./store";

const proposalId = "proposal";

/** How this reader likes to work, kept from case to case in this tab. */
const habits: { brush: { radiusMm: number; ball: boolean } | null; fill: number; overlays: number } = {
  brush: null,
  fill: emptyRead.fillOpacity,
  overlays: emptyRead.overlayOpacity,
};

export class ReadSession {
  readonly viewer: Viewer;
  #outbox: Outbox | null = null;
  #port: SegmentationPort | null = null;
  #segmentationId: string | null = null;
  #left = false;
  /** The prediction shown or on its way, so that two events cannot load it twice. */
  #proposalRevisionId: string | null = null;
  /** Predictions this reading took voxels from: not laid over it again when the case is opened another time. */
  readonly #accepted = new Set<string>();
  #leavers: (() => void)[] = [];
  #volumesDue: ReturnType<typeof setTimeout> | undefined;
  /** Told where the pointer is without a render (VIEWER.md, section 1). */
  onCursor: ConstructorParameters<typeof Viewer>[0]["onCursor"];

  private constructor(readonly facts: ReadFacts) {
    const { image } = facts;
    this.viewer = new Viewer({
      image: imageInfo(image),
      fetchSlab: (slab, signal) => bytes(slabPath(image, slab), signal),
      slabAddress: (slab) => addressOf(slabPath(image, slab)),
      onEdit: (edit) => this.#send(edit),
      onViewChange: (view) => this.#show({ view }),
      onCursor: (cursor) => this.onCursor?.(cursor),
      onProblem: (sentence) => say(sentence, "error"),
      onQuestion: (question) => this.#show({ question }),
    });
  }

  /** Open a read; resolves when its image is on the way and its facts are known. Throws an `ApiProblem`. */
  static async open(assignmentId: string): Promise<ReadSession> {
    const known = await getAssignment(assignmentId);
    const readOnly = known.state === "submitted" || known.state === "withdrawn";
    const [image, project, assignment] = await Promise.all([
      getImage(known.image_id),
      getProject(known.project_id),
      readOnly ? known : openAssignment(assignmentId),
    ]);
    return new ReadSession({ assignment, image, project, readOnly });
  }

  /** Load the reading and the layers, and follow the server's events. */
  async start(): Promise<void> {
    const { assignment, project } = this.facts;
    const labels = project.labels.map((label) => ({ ...label, visible: true, locked: false }));
    const view = this.viewer.state;
    this.#show({ ...emptyRead, phase: "ready", facts: this.facts, labels, view, ...firstPlanes(view) });
    this.setLabels(labels);
    const first = labels[0];
    if (first) this.viewer.setActiveLabel(first.value);
    this.viewer.setTool(this.facts.readOnly ? "crosshair" : "brush");
    if (habits.brush) this.viewer.setBrush(habits.brush.radiusMm, { ball: habits.brush.ball });
    this.setOpacity(habits.fill, habits.overlays);
    this.#leavers.push(onServerEvent((event) => this.#hear(event.type)));
    if (assignment.segmentation_id) await this.#loadReading(assignment.segmentation_id);
    if (this.#left) return;
    await Promise.all([this.#loadProposal(assignment.prediction), this.#loadExperts()]);
    await this.#prefetchNext();
  }

  leave(): void {
    this.#left = true;
    const { brushRadiusMm, brushIsBall } = this.viewer.state;
    habits.brush = { radiusMm: brushRadiusMm, ball: brushIsBall };
    for (const leave of this.#leavers) leave();
    clearTimeout(this.#volumesDue);
    this.#port?.detach();
    this.viewer.destroy();
    const outbox = this.#outbox;
    if (!outbox) return;
    // What was drawn still travels after the case has left the screen; a refusal was already shown by the save state.
    void outbox
      .drain()
      .then(() => {
        outbox.close();
        forgetOutbox(outbox);
      })
      .catch((error: unknown) => say(t.read.leftUnsaved(asProblem(error).detail), "error"));
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  undo(): void {
    if (!this.facts.readOnly) this.viewer.undo();
  }

  redo(): void {
    if (!this.facts.readOnly) this.viewer.redo();
  }

  /** Take the proposal for one label or for all; an ordinary edit, so undoable. */
  accept(scope: "active" | "all"): void {
    if (this.facts.readOnly || !useRead.getState().proposal) return;
    const labels = scope === "all" ? "all" : [this.viewer.state.activeLabel];
    if (this.viewer.acceptLayer(proposalId, { labels, mode: "replace" }) === null) say(t.read.nothingToAccept);
    // What was accepted is now mine; the hatching would only hide the corrections that follow.
    else if (scope === "all") this.setLayerLook(proposalId, { visible: false });
  }

  setLabels(labels: ReturnType<typeof useRead.getState>["labels"]): void {
    this.#show({ labels });
    this.viewer.setLabels(labels);
  }

  setOpacity(fillOpacity: number, overlayOpacity: number): void {
    habits.fill = fillOpacity;
    habits.overlays = overlayOpacity;
    this.#show({ fillOpacity, overlayOpacity });
    this.viewer.setOpacity(fillOpacity, overlayOpacity);
  }

  setHidden(hidden: boolean): void {
    if (useRead.getState().hidden === hidden) return;
    this.#show({ hidden });
    this.viewer.setHidden(hidden);
  }

  setLayerLook(id: string, change: Partial<LayerLook>): void {
    this.viewer.updateLayer(id, change);
    const changed = (layer: Layer) => (layer.id === id ? { ...layer, look: { ...layer.look, ...change } } : layer);
    const { experts, proposal } = useRead.getState();
    this.#show({ experts: experts.map(changed), proposal: proposal && changed(proposal) });
  }

  // --- the reading --------------------------------------------------------------------------------------------------

  /** Drain the outbox, submit, and say which read comes next (null = none). Throws an `ApiProblem`. */
  async submit(): Promise<AssignmentOut | null> {
    const { assignment } = this.facts;
    if (!this.#outbox || !this.#segmentationId) throw new Error(t.read.notLoadedYet);
    this.#show({ submitting: true });
    try {
      await this.#outbox.drain();
      await submitSegmentation(this.#segmentationId, this.#outbox.position.etag, this.viewer.takeChecksums());
      return await nextAssignment(assignment.id, assignment.project_id);
    } finally {
      this.#show({ submitting: false });
    }
  }

  async reopen(): Promise<void> {
    const id = this.facts.assignment.segmentation_id;
    if (id) await reopenSegmentation(id);
  }

  /** Everything on the server; rejects with the server's words when it refused something. */
  async saveNow(): Promise<void> {
    await this.#outbox?.drain();
  }

  // --- the model's proposal -----------------------------------------------------------------------------------------

  async askForPrediction(): Promise<void> {
    const { assignment, image } = this.facts;
    await createPrediction(image.id, assignment.project_id, assignment.expert_id);
  }

  async showNewerProposal(): Promise<void> {
    const { newerProposal } = useRead.getState();
    this.#show({ newerProposal: null });
    await this.#loadProposal(newerProposal);
  }

  async #loadProposal(prediction: AssignmentOut["prediction"]): Promise<void> {
    if (!prediction || this.#proposalRevisionId === prediction.revision_id) return;
    if (this.#proposalRevisionId) this.viewer.removeLayer(proposalId);
    if (useRead.getState().heat === "uncertainty") hideHeat(this.viewer);
    this.#proposalRevisionId = prediction.revision_id;
    const look = { ...proposalLook, visible: !this.#accepted.has(prediction.revision_id) };
    const { revision_id: revisionId, style_label: title } = prediction;
    await this.#addLayer({ id: proposalId, revisionId, title, author: "model", look }, "uint8", (proposal) =>
      this.#show({ proposal }),
    );
  }

  /** Tell the screen, unless another case is on it by now. */
  #show(change: Partial<ReadState> | ((state: ReadState) => Partial<ReadState>)): void {
    if (!this.#left) useRead.setState(change);
  }

  // --- inside -------------------------------------------------------------------------------------------------------

  async #loadReading(segmentationId: string): Promise<void> {
    const [segmentation, revisions, edits] = await Promise.all([
      getSegmentation(segmentationId),
      listRevisions(segmentationId),
      listEdits(segmentationId, 0),
    ]);
    if (this.#left) return;
    const plan = planReplay(segmentation.head_revision_id, revisions.items, edits);
    const base = revisions.items.find(({ id }) => id === plan.baseRevisionId);
    const isEmpty = base !== undefined && Object.keys(base.label_volumes).length === 0;
    await this.viewer.loadActive({
      dtype: segmentation.dtype,
      fetchSlab: plan.baseRevisionId && !isEmpty ? revisionSlabs(plan.baseRevisionId) : null,
      edits: plan.edits.map(fromWire),
    });
    if (this.#left) return;
    this.#segmentationId = segmentationId;
    const parent = revisions.items.find(({ id }) => id === segmentation.head_revision_id);
    this.#show({ parentVoxels: parent && parent.origin !== "blank" ? countsOf(parent) : null });
    for (const { source_revision_id: source } of plan.edits) if (source) this.#accepted.add(source);
    this.#followOutbox(segmentation);
    this.#measure();
  }

  #followOutbox(segmentation: SegmentationOut): void {
    this.#port = new SegmentationPort(segmentation.id, segmentation.edit_seq, this.viewer, (strokes, kept) => {
      say(t.read.merged(strokes, kept));
      this.#measure();
    });
    const position = {
      baseRevisionId: segmentation.head_revision_id ?? "",
      etag: segmentation.etag,
      seq: segmentation.edit_seq,
    };
    this.#outbox = new Outbox(position, this.#port, browserClock);
    trackOutbox(this.#outbox);
    this.#leavers.push(this.#outbox.subscribe((save) => this.#show({ save })));
  }

  #send(edit: Edit): void {
    const { editId, tool, sourceRevisionId, undoes, checksums } = edit;
    this.#outbox?.add({ editId, tool, sourceRevisionId, undoes, checksums, runs: encodeRuns(edit.runs) });
    clearTimeout(this.#volumesDue);
    this.#volumesDue = setTimeout(() => this.#measure(), 120);
  }

  #measure(): void {
    this.#show({
      voxels: this.viewer.countVoxels(),
      drawnSlices: {
        axial: this.viewer.listDrawnSlices("axial"),
        sagittal: this.viewer.listDrawnSlices("sagittal"),
        coronal: this.viewer.listDrawnSlices("coronal"),
      },
    });
  }

  async #loadExperts(): Promise<void> {
    const { assignment } = this.facts;
    const { items } = await listSegmentations(assignment.image_id, assignment.project_id);
    const others = items
      .filter((other) => other.author !== "model" && other.id !== assignment.segmentation_id && other.head_revision_id)
      .sort((a, b) => (a.expert_name ?? "").localeCompare(b.expert_name ?? "", "en", { numeric: true }));
    await Promise.all(
      others.map((other, n) =>
        this.#addLayer(describeLayer(other, n), other.dtype, (layer) =>
          this.#show(({ experts }) => ({ experts: [...experts, layer].sort(byAuthorAndTitle) })),
        ),
      ),
    );
  }

  async #addLayer(
    layer: Omit<Layer, "problem">,
    dtype: SegmentationOut["dtype"],
    keep: (layer: Layer) => void,
  ): Promise<void> {
    const { id, revisionId, look } = layer;
    try {
      await this.viewer.addLayer({ id, revisionId, dtype, look, fetchSlab: revisionSlabs(revisionId) });
      keep({ ...layer, problem: null });
    } catch (error) {
      keep({ ...layer, problem: asProblem(error).detail });
    }
  }

  #hear(type: string): void {
    if (type !== "segmentation" && type !== "style" && type !== "assignment") return;
    void this.#lookForPrediction().catch(() => undefined);
  }

  /** A prediction that arrives before the first stroke is shown; later ones are offered. */
  async #lookForPrediction(): Promise<void> {
    if (this.facts.readOnly) return;
    const { prediction } = await getAssignment(this.facts.assignment.id);
    if (this.#left || !prediction || prediction.revision_id === this.#proposalRevisionId) return;
    if (this.viewer.state.undoDepth === 0) await this.#loadProposal(prediction);
    else this.#show({ newerProposal: prediction });
  }

  /** The next case's middle slab and prediction into the browser's cache while this one is drawn. */
  async #prefetchNext(): Promise<void> {
    if (this.facts.readOnly) return;
    try {
      const next = await nextAssignment(this.facts.assignment.id, this.facts.assignment.project_id);
      if (!next) return;
      const image = await getImage(next.image_id);
      const middle = Math.floor(image.nz / 2 / image.slab_depth);
      await bytes(slabPath(image, middle));
    } catch {
      // Only a head start: opening the next case asks again and says what is wrong.
    }
  }
}

function slabPath({ id, sha256 }: ImageOut, slab: number): string {
  return `/images/${id}/slabs/${slab}?v=${sha256}`;
}

function revisionSlabs(revisionId: string): FetchSlab {
  return (slab, signal) => bytes(`/revisions/${revisionId}/slabs/${slab}`, signal);
}

function firstPlanes(view: ViewerState): { activePlane: Plane; largePlane: Plane } {
  const plane = view.planes[0] ?? "axial";
  return { activePlane: plane, largePlane: plane };
}

function countsOf({ label_volumes }: RevisionOut): ReadonlyMap<number, number> {
  return new Map(Object.entries(label_volumes).map(([value, voxels]) => [Number(value), voxels]));
}
