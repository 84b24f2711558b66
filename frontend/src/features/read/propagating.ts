/**
 * Propagation on one reading: asks for it, shows the newest proxy with its confidence, takes it over, and leads to the slice to
 * draw next.
 *
 * The instant interpolation is the preview until the proxy arrives. What is drawn meanwhile makes a proxy stale: it stays on the
 * screen, cannot be accepted, and another is asked for, so propagation follows the drawing. The server keeps every propagation, so
 * a reload asks it where things stand; it alone decides which slices were drawn, and refuses a proxy that would overwrite one.
 */
import { asProblem, newestPropagation, onServerEvent, type PropagationOut, startPropagation } from "../../api";
import { type AcceptScope, type Edit, isDrawingTool, type Plane, type ToolName, type Viewer } from "../../engine";
import { say, t } from "../../ui";
import { propagatedLook } from "./looks";
import { revisionSlabs, unsureSlabs } from "./slabs";
import { type ReadState, type TakeOver, useRead } from "./store";

const layerId = "propagated";
/** Should an event be missed, the answer is looked for this often while one is pending. */
const lookAgain_ms = 1500;
/** Strokes that follow each other closely are propagated together. */
const quiet_ms = 400;

/** What a request is for: to show the proxy, or only to learn where to draw next. */
type Wish = "show" | "go";

export class Propagating {
  #wish: Wish | null = null;
  #plane: Plane = "axial";
  #newest: PropagationOut | null = null;
  /** The proxy on the screen. */
  #shown: string | null = null;
  #isStale = false;
  #waitsFor: string | null = null;
  #askedAt = "";
  /** How far the one that is waited for is. */
  #progress: number | null = null;
  /** The tool to go back to when the preview ends. */
  #formerTool: ToolName | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stopHearing: () => void;

  constructor(
    private readonly segmentationId: string,
    private readonly viewer: Viewer,
    private readonly drain: () => Promise<void>,
    private readonly takeOver: TakeOver,
    private readonly show: (change: Partial<ReadState>) => void,
  ) {
    this.#stopHearing = onServerEvent((event) => {
      if (event.type === "job" && event.id === this.#waitsFor) void this.refresh();
    });
  }

  close(): void {
    this.#stopHearing();
    clearTimeout(this.#timer);
  }

  get isOpen(): boolean {
    return this.#shown !== null || this.#wish === "show";
  }

  get isPreviewing(): boolean {
    return this.#formerTool !== null && this.viewer.state.staged?.tool === "interpolate";
  }

  start(plane: Plane): void {
    const { tool } = this.viewer.state;
    if (this.viewer.previewInterpolation(plane)) this.#formerTool = tool;
    void this.#ask(plane, "show");
  }

  /**
   * Take the proxy over as one edit, asking first where it changes what was put there since (an interpolation, say). Of a part, a
   * label or some slices, the rest stays on the screen, to be taken over or corrected next.
   */
  accept(taken: AcceptScope): void {
    if (this.#shown === null || this.#isStale || this.#waitsFor !== null) {
      say(t.propagation.stillPending);
      return;
    }
    this.takeOver({ kind: "propagation" }, this.viewer.countOverdrawn(layerId, taken), () => {
      if (this.viewer.acceptLayer(layerId, taken) === null) say(t.propagation.same);
      if (taken.labels === "all" && taken.slices === undefined) this.discard();
    });
  }

  discard(): void {
    this.#wish = null;
    this.#endPreview();
    this.#hide();
    this.#tell(null);
  }

  /** Go to the slice that is proposed next; asks for proposals where there are none, or drawing has gone on since. */
  goToNext(plane: Plane): void {
    if (this.#goOn(plane)) return;
    say(t.propagation.asking);
    void this.#ask(plane, "go");
  }

  /** To the best of the slices still proposed; false where none is left. */
  #goOn(plane: Plane): boolean {
    const { proposed } = useRead.getState();
    const here = this.viewer.state.slices[plane].index;
    const next = this.#newest?.next_slices.find(({ slice }) => slice !== here && proposed?.slices.includes(slice));
    if (next === undefined || proposed?.plane !== plane) return false;
    this.viewer.scroll(plane, next.slice - here);
    say(t.propagation.next(next.slice + 1, t.propagation.reasons[next.reason](next.voxels)));
    this.show({ proposed: { plane, slices: proposed.slices.filter((slice) => slice !== next.slice) } });
    return true;
  }

  /** Drawing went on: what is on the screen no longer follows from it. */
  noteEdit(edit: Edit): void {
    const isMine = edit.sourceRevisionId === null || edit.sourceRevisionId !== this.#shown;
    if (!isMine || !this.isOpen) {
      if (isMine) this.#forgetProposed();
      return;
    }
    this.#isStale = true;
    this.#formerTool = null;
    this.#forgetProposed();
    this.#tell({ problem: null });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(this.#plane, "show"), quiet_ms);
  }

  /** Where propagation stands on the server: after a reload, and whenever its job has moved. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const newest = await newestPropagation(this.segmentationId);
      if (newest !== null) await this.#take(newest);
    } catch (error) {
      this.#fail(asProblem(error).detail);
    }
  }

  async #ask(plane: Plane, wish: Wish): Promise<void> {
    clearTimeout(this.#timer);
    this.#plane = plane;
    this.#wish = wish;
    if (wish === "show") this.#tell({ problem: null });
    try {
      await this.drain();
      const asked = await startPropagation(this.segmentationId, this.viewer.sliceAxis(plane));
      this.#waitsFor = asked.job_id;
      this.#askedAt = asked.created_at;
      await this.refresh();
    } catch (error) {
      this.#fail(asProblem(error).detail);
    }
  }

  async #take(newest: PropagationOut): Promise<void> {
    if (this.#waitsFor !== null && newest.created_at < this.#askedAt) return; // an answer from before the last question
    if (newest.state === "queued" || newest.state === "running") {
      this.#waitsFor = newest.job_id;
      this.#wish ??= "show";
      this.#progress = newest.progress;
      if (this.#wish === "show") this.#tell({ problem: null });
      this.#timer = setTimeout(() => void this.refresh(), lookAgain_ms);
      return;
    }
    this.#waitsFor = null;
    this.#progress = null;
    if (this.#learntMeanwhile(newest)) return;
    const isResumed = this.#newest === null && this.#wish === null;
    this.#newest = newest;
    if (newest.failure !== null && !isResumed) this.#fail(`${newest.failure.message} ${newest.failure.remedy}`);
    if (newest.state !== "done") return;
    this.#plane = this.#planeOf(newest.axis);
    this.show({ proposed: { plane: this.#plane, slices: newest.next_slices.map((one) => one.slice) } });
    const wish = isResumed && newest.is_current && newest.revision_id !== null ? "show" : this.#wish;
    if (wish === "go") {
      this.#wish = null;
      if (!this.#goOn(this.#plane)) say(t.propagation.noneLeft);
    } else if (wish === "show") await this.#lay(newest);
  }

  /** The proxy on the screen is the newest still, and only the branch has moved: say so, and look again until it is at rest. */
  #learntMeanwhile(newest: PropagationOut): boolean {
    if (this.#shown === null || this.#shown !== newest.revision_id || this.#newest?.job_id !== newest.job_id)
      return false;
    this.#newest = newest;
    this.#tell({ problem: null });
    this.#watchLearning();
    return true;
  }

  #watchLearning(): void {
    if (this.#newest?.is_learning && !this.#isStale) this.#timer = setTimeout(() => void this.refresh(), lookAgain_ms);
  }

  /** Lay the proxy over the image; what was drawn since it began makes it stale. */
  async #lay({ revision_id: revisionId, is_current: isCurrent }: PropagationOut): Promise<void> {
    this.#endPreview();
    if (revisionId === null) {
      this.#wish = null;
      this.#tell(null);
      say(t.propagation.nothingDrawn);
      return;
    }
    await this.viewer.addLayer({
      id: layerId,
      revisionId,
      dtype: "uint8",
      look: propagatedLook,
      fetchSlab: revisionSlabs(revisionId),
      fetchUnsure: unsureSlabs(revisionId),
    });
    this.#shown = revisionId;
    this.#isStale = !isCurrent;
    this.#tell({ problem: null });
    this.#watchLearning();
  }

  #planeOf(axis: PropagationOut["axis"]): Plane {
    return this.viewer.state.planes.find((plane) => this.viewer.sliceAxis(plane) === axis) ?? this.#plane;
  }

  #endPreview(): void {
    const former = this.#formerTool;
    this.#formerTool = null;
    if (former === null || this.viewer.state.tool !== "interpolate") return;
    this.viewer.cancel();
    this.viewer.setTool(isDrawingTool(former) ? former : "crosshair");
  }

  #forgetProposed(): void {
    if (useRead.getState().proposed !== null) this.show({ proposed: null });
  }

  #hide(): void {
    this.#shown = null;
    this.#isStale = false;
    this.#waitsFor = null;
    clearTimeout(this.#timer);
    this.viewer.removeLayer(layerId);
  }

  #fail(problem: string): void {
    this.#endPreview();
    this.#waitsFor = null;
    if (this.#wish === "show") this.#tell({ problem });
    else say(problem, "error");
    this.#wish = null;
  }

  #tell(change: { problem: string | null } | null): void {
    if (change === null) {
      this.show({ propagation: null });
      return;
    }
    const labels = this.#newest?.drawn ?? [];
    const drawn = new Set(labels.flatMap(({ slices }) => slices)).size;
    const isShown = this.#shown !== null;
    const pending = change.problem === null && (!isShown || this.#isStale || this.#waitsFor !== null);
    const leftOutDice = this.#newest?.left_out_dice ?? null;
    const { network = null, estimate = null, is_learning: isLearning = false } = this.#newest ?? {};
    const found = { labels: labels.map(({ label }) => label), leftOutDice, network, estimate, isLearning };
    const progress = this.#progress;
    this.show({ propagation: { pending, progress, drawn, isShown, ...found, problem: change.problem } });
  }
}
