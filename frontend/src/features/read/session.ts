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
  getAssignment,
  getImage,
  getProject,
  getSession,
  isProblem,
  listSegmentations,
  nextAssignment,
  onServerEvent,
  openAssignment,
  openedJournal,
  openReview,
  type RevisionOut,
  reopenSegmentation,
  type SegmentationOut,
  type ServerEvent,
  submitSegmentation,
} from "../../api";
import { type AcceptScope, type Edit, type LayerLook, type Plane, Viewer, type ViewerState } from "../../engine";
import { say, t } from "../../ui";
import { Asking } from "./asking";
import { Earlier } from "./Earlier";
import { byAuthorAndTitle, describeLayer, hideHeat } from "./layers";
import { imageInfo, proposalLook } from "./looks";
import { Opinions, prepareOpinions } from "./opinions";
import { prefetchNext, slabPath } from "./prefetch";
import { Propagating } from "./propagating";
import { Reading } from "./Reading";
import { Reviewing } from "./reviewing";
import { revisionSlabs } from "./slabs";
import { emptyRead, type Layer, type ReadFacts, type ReadState, type TakeOver, useRead } from "./store";

const proposalId = "proposal";

export class ReadSession {
  readonly viewer: Viewer;
  readonly #earlier: Earlier;
  #reading: Reading | null = null;
  #asking: Asking | null = null;
  #propagating: Propagating | null = null;
  /** The strip of several opinions, once the reading is here. */
  opinions: Opinions | null = null;
  /** The disputed regions, where this is a review. */
  reviewing: Reviewing | null = null;
  #left = false;
  /** The prediction shown or on its way, so that two events cannot load it twice. */
  #proposalRevisionId: string | null = null;
  #leavers: (() => void)[] = [];
  #volumesDue: ReturnType<typeof setTimeout> | undefined;
  /** Told where the pointer is without a render (VIEWER.md, section 1). */
  onCursor: ConstructorParameters<typeof Viewer>[0]["onCursor"];

  private constructor(
    readonly facts: ReadFacts,
    memoryBytes: number,
  ) {
    const { image } = facts;
    this.viewer = new Viewer({
      image: imageInfo(image),
      memoryBytes,
      fetchSlab: (slab, signal) => bytes(slabPath(image, slab), signal),
      slabAddress: (slab) => addressOf(slabPath(image, slab)),
      onEdit: (edit) => this.#send(edit),
      onViewChange: (view) => this.#show({ view }),
      onCursor: (cursor) => this.onCursor?.(cursor),
      onProblem: (sentence) => say(sentence, "error"),
      onPrompt: (prompt) => this.#asking?.ask(prompt),
      onQuestion: (question) => this.#show({ question }),
    });
    this.#earlier = new Earlier(this.viewer, (previewed) => this.#show({ previewed }));
  }

  /** Open a read; resolves when its image is on the way and its facts are known. `room`: bytes that the case may take. Throws an `ApiProblem`. */
  static async open(assignmentId: string, room: Promise<number>): Promise<ReadSession> {
    const [known, me] = await Promise.all([getAssignment(assignmentId), getSession()]);
    // Who runs an unblinded project may look at another's reading; only its reader draws.
    const isMine = known.expert_id === me.expert_id;
    const readOnly = !isMine || known.state === "submitted" || known.state === "withdrawn";
    const [image, project, assignment, memoryBytes] = await Promise.all([
      getImage(known.image_id),
      getProject(known.project_id),
      readOnly ? known : openAssignment(assignmentId),
      room,
    ]);
    return new ReadSession({ assignment, review: null, image, project, readOnly }, memoryBytes);
  }

  /** An image of a project without a read of it, to be reviewed or only looked at, with whatever readings this person may see. Throws an `ApiProblem`. */
  static async look(projectId: string, imageId: string, room: Promise<number>, isReview: boolean) {
    const begun = isReview ? openReview(projectId, imageId) : null;
    const facts = Promise.all([getImage(imageId), getProject(projectId), room, begun]);
    const [image, project, memoryBytes, review] = await facts;
    return new ReadSession(
      { assignment: null, review, image, project, readOnly: review?.state !== "draft" },
      memoryBytes,
    );
  }

  /** Load the reading and the layers, and follow the server's events. */
  async start(): Promise<void> {
    const { assignment, project, review } = this.facts;
    const labels = project.labels.map((label) => ({ ...label, visible: true, locked: false }));
    const view = this.viewer.state;
    const liveStyle = assignment?.live_style ?? null;
    this.#show({ ...emptyRead, phase: "ready", facts: this.facts, labels, view, liveStyle, ...firstPlanes(view) });
    this.setLabels(labels);
    const first = labels[0];
    if (first) this.viewer.setActiveLabel(first.value);
    this.viewer.setTool(this.facts.readOnly ? "crosshair" : "brush");
    this.#leavers.push(onServerEvent((event) => this.#hear(event)));
    if (assignment?.prediction) prepareOpinions(this.facts);
    if (review) {
      const decidesOn = !this.facts.readOnly;
      this.reviewing = new Reviewing(review, this.viewer, decidesOn, (state) => this.#show({ review: state }));
    }
    if (this.segmentationId) await this.#loadReading(this.segmentationId);
    if (this.#left) return;
    await this.#loadProposal(assignment?.prediction ?? null);
    // Outlines that nobody has asked for yet do not hold up the image.
    await this.viewer.imageArrived;
    if (this.#left) return;
    if (this.reviewing) await this.reviewing.load(this.#reading?.outbox.waiting ?? [], () => this.#left);
    else await this.#loadExperts();
    if (assignment && !this.facts.readOnly) await prefetchNext(assignment);
  }

  leave(): void {
    this.#left = true;
    for (const leave of this.#leavers) leave();
    clearTimeout(this.#volumesDue);
    this.#reading?.leave();
    this.viewer.destroy();
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  undo(): void {
    // Before what was drawn comes what was asked last.
    if (!this.facts.readOnly && this.#asking?.isOpen) this.#asking.withdrawLast();
    else this.#step("undo");
  }

  redo(): void {
    this.#step("redo");
  }

  #step(direction: "undo" | "redo"): void {
    if (this.facts.readOnly) return;
    this.#reading?.step(direction).catch((error: unknown) => say(asProblem(error).detail, "error"));
  }

  /** Take the proposal for one label or for all, after a question where that changes what was drawn by hand. */
  accept(scope: "active" | "all"): void {
    if (this.opinions?.accept()) return;
    if (scope === "active" && this.#asking?.isOpen) {
      this.#asking.accept();
      return;
    }
    if (scope === "active" && this.#propagating?.isOpen) {
      this.acceptPropagated("all");
      return;
    }
    if (this.facts.readOnly || !useRead.getState().proposal) return;
    const voxels = this.viewer.countOverdrawn(proposalId, this.#scopeOf(scope));
    this.#takeOver({ kind: "prediction" }, voxels, () => this.takeProposal(this.#scopeOf(scope)));
  }

  /** Take over what was propagated, of the active label or of all, on the slices that were chosen. */
  acceptPropagated(scope: "active" | "all"): void {
    this.#propagating?.accept({ ...this.#scopeOf(scope), mode: "replace" });
  }

  /** At once, or after a question where voxels drawn by hand would change. */
  #takeOver: TakeOver = (taken, voxels, proceed) => {
    if (voxels.size > 0) this.#show({ asked: { about: "overdraw", taken, voxels, proceed } });
    else proceed();
  };

  /** The proposal over whatever is drawn: an ordinary edit, so undoable. */
  takeProposal(scope: AcceptScope): void {
    if (this.viewer.acceptLayer(proposalId, scope) === null) say(t.read.nothingToAccept[scope.mode]);
    // What was accepted is now mine; the hatching would only hide the corrections that follow.
    else if (isWhole(scope)) this.setLayerLook(proposalId, { visible: false });
  }

  #scopeOf(scope: "active" | "all"): AcceptScope {
    const { acceptPart, largePlane: plane } = useRead.getState();
    const { index, count } = this.viewer.state.slices[plane];
    const labels = scope === "all" ? "all" : [this.viewer.state.activeLabel];
    if (acceptPart.reach === "all") return { labels, mode: acceptPart.mode };
    const from = acceptPart.reach === "to-here" ? 0 : index;
    const to = acceptPart.reach === "from-here" ? count - 1 : index;
    return { labels, mode: acceptPart.mode, slices: { plane, from, to } };
  }

  /** A prediction waits, and nothing was ever drawn or accepted in this reading. */
  get isUntouched(): boolean {
    const { proposal, parentVoxels } = useRead.getState();
    if (!this.#reading || !proposal) return false;
    const { position, waiting } = this.#reading.outbox;
    const { undoDepth, redoDepth } = this.viewer.state;
    return position.seq === 0 && waiting.length + undoDepth + redoDepth === 0 && parentVoxels === null;
  }

  /** Give up the gesture under way, else the open proposal of Ask AI, else what was propagated. */
  cancel(): void {
    const { staged } = this.viewer.state;
    if (staged === null && this.opinions?.isOpen) this.opinions.close();
    else if (staged === null && this.#asking?.isOpen) this.#asking.withdrawAll();
    else if (staged === null || this.#propagating?.isPreviewing) this.#propagating?.discard();
    this.viewer.cancel();
  }

  /** Carry the slices drawn in this plane through the volume. */
  propagate(plane: Plane): void {
    if (this.facts.readOnly) say(t.read.readOnlyHint);
    else if (this.facts.review) say(t.review.noAi);
    else this.#propagating?.start(plane);
  }

  goToProposed(plane: Plane): void {
    if (this.facts.readOnly) say(t.read.readOnlyHint);
    else if (this.facts.review) say(t.review.noAi);
    else this.#propagating?.goToNext(plane);
  }

  /** Open or close the strip of several opinions; where there is none to open, say why. */
  toggleOpinions(): void {
    const { policy } = this.facts.project;
    if (this.facts.review) say(t.review.noAi);
    else if (policy.blinding !== "open") say(t.opinions.blinded);
    else if (policy.prefill === "never") say(t.read.proposalForbidden);
    else if (useRead.getState().liveStyle === null && !this.facts.readOnly) say(t.read.noModel);
    else if (this.opinions === null) say(this.facts.readOnly ? t.read.readOnlyHint : t.read.notLoadedYet);
    else this.opinions.toggle();
  }

  setLabels(labels: ReturnType<typeof useRead.getState>["labels"]): void {
    this.#show({ labels });
    this.viewer.setLabels(labels);
  }

  setOpacity(fillOpacity: number, overlayOpacity: number): void {
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
    if (!this.#reading) throw new Error(t.read.notLoadedYet);
    const { id, outbox } = this.#reading;
    this.#show({ submitting: true });
    try {
      await outbox.drain();
      await submitSegmentation(id, outbox.position.etag, this.viewer.takeChecksums());
      return assignment ? await nextAssignment(assignment.id, assignment.project_id) : null;
    } catch (error) {
      if (isProblem(error) && error.code === "checksum-mismatch") this.#show({ mismatch: error.detail });
      if (isProblem(error, 412)) outbox.refresh();
      throw error;
    } finally {
      this.#show({ submitting: false });
    }
  }

  async reopen(): Promise<void> {
    const id = this.segmentationId;
    if (id) await reopenSegmentation(id);
  }

  /** Everything on the server; rejects with the server's words when it refused something. */
  async saveNow(): Promise<void> {
    await this.#reading?.outbox.drain();
  }

  /** Send again what the server refused, after its cause is gone. */
  sendAgain(): void {
    this.#reading?.outbox.retry();
  }

  /** Give up the one step that the server refuses; what was drawn after it stays. Throws an `ApiProblem`. */
  async takeBackRefused(): Promise<void> {
    await this.#reading?.takeBackRefused();
  }

  /** Keep what is on the screen as a revision of its own. Throws an `ApiProblem`. */
  async saveAsRevision(): Promise<void> {
    await this.#reading?.saveAsRevision();
  }

  // --- earlier revisions --------------------------------------------------------------------------------------------

  get segmentationId(): string | null {
    return this.facts.assignment?.segmentation_id ?? this.facts.review?.segmentation_id ?? null;
  }

  async preview(revision: RevisionOut | null): Promise<void> {
    await this.#earlier.preview(revision);
  }

  async restore(revision: RevisionOut): Promise<void> {
    if (!this.facts.readOnly) await this.#earlier.restore(revision);
  }

  // --- the model's proposal -----------------------------------------------------------------------------------------

  async askForPrediction(): Promise<void> {
    const { assignment, image } = this.facts;
    if (assignment) await createPrediction(image.id, assignment.project_id, assignment.expert_id);
  }

  async showNewerProposal(): Promise<void> {
    const { newerProposal } = useRead.getState();
    this.#show({ newerProposal: null });
    prepareOpinions(this.facts);
    await this.#loadProposal(newerProposal);
  }

  async #loadProposal(prediction: AssignmentOut["prediction"]): Promise<void> {
    if (!prediction || this.#proposalRevisionId === prediction.revision_id) return;
    if (this.#proposalRevisionId) this.viewer.removeLayer(proposalId);
    if (useRead.getState().heat === "uncertainty") hideHeat(this.viewer);
    this.#proposalRevisionId = prediction.revision_id;
    const { revision_id: revisionId, style_label: title, style_id: proposalStyleId } = prediction;
    const look = { ...proposalLook, visible: !this.#reading?.accepted.has(revisionId) };
    await this.#addLayer({ id: proposalId, revisionId, title, author: "model", look }, "uint8", (proposal) =>
      this.#show({ proposal, proposalStyleId }),
    );
    if (!look.visible && this.viewer.countLeft(proposalId) > 0) this.#showProposal(true);
  }

  /** Show or hide the hatched proposal; says whether it was shown before. */
  #showProposal(visible: boolean): boolean {
    const before = useRead.getState().proposal?.look.visible ?? false;
    if (before !== visible) this.setLayerLook(proposalId, { visible });
    return before;
  }

  /** Tell the screen, unless another case is on it by now. */
  #show(change: Partial<ReadState> | ((state: ReadState) => Partial<ReadState>)): void {
    if (!this.#left) useRead.setState(change);
  }

  // --- inside -------------------------------------------------------------------------------------------------------

  async #loadReading(segmentationId: string): Promise<void> {
    const journal = this.facts.readOnly ? null : await openedJournal();
    this.#reading = await Reading.load(segmentationId, this.viewer, journal, {
      show: (change) => this.#show(change),
      onChange: () => this.#changed(),
      isLeft: () => this.#left,
    });
    const reading = this.#reading;
    if (this.#left) reading?.leave();
    else this.#measure();
    if (this.#left || this.facts.readOnly || this.facts.review || reading === null) return;
    const drain = () => reading.outbox.drain();
    const asking = new Asking(segmentationId, this.viewer, drain, this.#takeOver, (state) =>
      this.#show({ asking: state }),
    );
    this.#asking = asking;
    this.#leavers.push(() => asking.close());
    const opinions = new Opinions(segmentationId, this.viewer, (state) => this.#show({ opinions: state }), {
      setProposal: (visible) => this.#showProposal(visible),
      takeOver: this.#takeOver,
    });
    this.opinions = opinions;
    this.#leavers.push(() => opinions.close());
    const propagating = new Propagating(segmentationId, this.viewer, drain, this.#takeOver, (change) =>
      this.#show(change),
    );
    this.#propagating = propagating;
    this.#leavers.push(() => propagating.close());
    await Promise.all([asking.refresh(), propagating.refresh()]);
  }

  #send(edit: Edit): void {
    this.#reading?.send(edit);
    this.#propagating?.noteEdit(edit);
    this.reviewing?.noteEdit(edit);
    clearTimeout(this.#volumesDue);
    this.#volumesDue = setTimeout(() => this.#measure(), 120);
  }

  /** The drawing is another one than the strokes made here. */
  #changed(): void {
    this.#measure();
    this.reviewing?.refresh().catch((error: unknown) => say(asProblem(error).detail, "error"));
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
    const { image, project } = this.facts;
    if (project.role === null) return; // an admin who is no member sees no readings
    const { items } = await listSegmentations(image.id, project.id);
    const others = items
      .filter(
        ({ author, id, head_revision_id: head }) =>
          !privateAuthors.includes(author) && id !== this.segmentationId && head,
      )
      .sort((a, b) => (a.expert_name ?? "").localeCompare(b.expert_name ?? "", "en", { numeric: true }));
    // One after the other: the server keeps the map it cut the last slab from, not one for each reader.
    for (const [n, other] of others.entries()) {
      await this.#addLayer(describeLayer(other, n), other.dtype, (layer) =>
        this.#show(({ experts }) => ({ experts: [...experts, layer].sort(byAuthorAndTitle) })),
      );
      if (this.#left) return;
    }
    this.#show({ expertsKnown: true });
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

  #hear(event: ServerEvent): void {
    if (!this.facts.readOnly) this.#reading?.hear(event);
    // Somebody's stroke brings no prediction, and twenty doctors make twenty a second.
    const isStroke = event.type === "segmentation" && event.editSeq !== null;
    if (isStroke || (event.type !== "segmentation" && event.type !== "style" && event.type !== "assignment")) return;
    void this.#lookForPrediction().catch(() => undefined); // the next event asks again
  }

  /** A prediction that arrives before the first stroke is shown; later ones are offered. */
  async #lookForPrediction(): Promise<void> {
    const { assignment, readOnly } = this.facts;
    if (readOnly || !assignment) return;
    const { prediction, live_style: liveStyle } = await getAssignment(assignment.id);
    this.#show({ liveStyle });
    if (this.#left || !prediction || prediction.revision_id === this.#proposalRevisionId) return;
    if (this.viewer.state.undoDepth > 0) this.#show({ newerProposal: prediction });
    else {
      prepareOpinions(this.facts);
      await this.#loadProposal(prediction);
    }
  }
}

/** Everything the prediction has, where it has it. */
export const wholeProposal: AcceptScope = { labels: "all", mode: "replace" };

const isWhole = ({ labels, mode, slices }: AcceptScope) => labels === "all" && mode === "replace" && !slices;

/** What is shown elsewhere: a prediction as the proposal, a proxy by propagation. */
const privateAuthors: readonly SegmentationOut["author"][] = ["model", "proxy"];

function firstPlanes(view: ViewerState): { activePlane: Plane; largePlane: Plane } {
  const plane = view.planes[0] ?? "axial";
  return { activePlane: plane, largePlane: plane };
}
