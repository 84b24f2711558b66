/**
 * The reading being drawn: its map in the engine, its strokes on their way to the server, and what other windows of the
 * same reader do to it meanwhile.
 *
 * It is rebuilt from the server's journal and from what an earlier life of this browser left unsent, so undo reaches
 * back past reloads and other computers. Unusual: the map may be loaded again under the doctor's hands, when a revision
 * was restored elsewhere or when undo needs steps that left the memory; strokes that still wait go on top each time.
 */
import {
  browserClock,
  type EditKeeper,
  forgetOutbox,
  forkSegmentation,
  fromWire,
  getSegmentation,
  type Journal,
  keeperFor,
  listEdits,
  listRevisions,
  Outbox,
  type OutgoingEdit,
  planReplay,
  positionOf,
  type RevisionOut,
  type Screen,
  type SegmentationOut,
  SegmentationPort,
  type ServerEvent,
  trackOutbox,
} from "../../api";
import {
  type Edit,
  encodeRuns,
  type JournalEdit,
  type Point3,
  type RemoteMerge,
  slabLanes,
  type Viewer,
} from "../../engine";
import { say, t } from "../../ui";
import { revisionSlabs } from "./slabs";
import { type ReadState, useRead } from "./store";

type Show = (change: Partial<ReadState>) => void;

export class Reading implements Screen {
  readonly outbox: Outbox;
  readonly #port: SegmentationPort;
  readonly keeper: EditKeeper;
  /** What the event stream told last; asked about when nothing of mine is under way. */
  #told: ServerEvent | null = null;
  #forkKey: string | null = null;
  readonly #unsubscribe: () => void;

  /** Predictions this reading took voxels from: not laid over it again when the case is opened another time. */
  readonly accepted = new Set<string>();

  private constructor(
    private readonly viewer: Viewer,
    private readonly show: Show,
    private readonly onChange: () => void,
    journal: Journal | null,
    segmentation: SegmentationOut,
    readonly id: string,
    waiting: readonly OutgoingEdit[],
  ) {
    const position = positionOf(segmentation);
    this.#port = new SegmentationPort(id, position, this);
    this.keeper = keeperFor(journal, id, () => show({ isProtected: false }));
    this.outbox = new Outbox(position, this.#port, browserClock, this.keeper, waiting);
    trackOutbox(this.outbox, id);
    show({ save: this.outbox.state, isProtected: journal !== null });
    this.#unsubscribe = this.outbox.subscribe((save) => {
      show({ save });
      if (save.kind === "saved") this.#followEvents();
    });
  }

  /** Load a reading's map with every stroke, sent or not. Null when the case was left meanwhile. */
  static async load(
    id: string,
    viewer: Viewer,
    journal: Journal | null,
    tell: { show: Show; onChange: () => void; isLeft: () => boolean },
  ): Promise<Reading | null> {
    const left = (await journal?.list(id)) ?? { edits: [], unreadable: 0 };
    if (left.unreadable > 0) say(t.save.unreadable(left.unreadable), "error");
    const loaded = await fillMap(id, viewer, () => left.edits, tell.isLeft);
    if (!loaded || tell.isLeft()) return null;
    // From here on nothing may be awaited: the map can be drawn on, and a stroke needs somebody to take it.
    const waiting = left.edits.filter((edit) => !loaded.arrived.has(edit.editId));
    if (waiting.length > 0) say(t.save.recovered(waiting.length));
    const reading = new Reading(viewer, tell.show, tell.onChange, journal, loaded.segmentation, id, waiting);
    tell.show({ parentVoxels: parentVoxels(loaded.parent) });
    reading.#port.noteLoaded(loaded.seq, loaded.segmentation.head_revision_id);
    for (const source of loaded.sources) reading.accepted.add(source);
    for (const editId of loaded.arrived) void reading.keeper.forget(editId);
    return reading;
  }

  send(edit: Edit): void {
    const { editId, tool, sourceRevisionId, undoes, checksums } = edit;
    this.outbox.add({ editId, tool, sourceRevisionId, undoes, checksums, runs: encodeRuns(edit.runs) });
  }

  /** Undo or redo one gesture; steps that left the memory come from the server first. */
  async step(direction: "undo" | "redo"): Promise<void> {
    if (!this.viewer.holdsStep(direction)) await this.#reload();
    if (direction === "undo") this.viewer.undo();
    else this.viewer.redo();
  }

  /** Whatever waits is still sent when the case has left the screen; a refusal is said. */
  leave(): void {
    this.#unsubscribe();
    this.#port.detach();
    const { outbox } = this;
    void outbox
      .drain()
      .then(() => {
        outbox.close();
        forgetOutbox(outbox);
      })
      .catch((error: unknown) =>
        say(t.read.leftUnsaved(error instanceof Error ? error.message : String(error)), "error"),
      );
  }

  // --- other windows ------------------------------------------------------------------------------------------------

  hear(event: ServerEvent): void {
    if (event.type !== "reload" && !(event.type === "segmentation" && event.id === this.id)) return;
    this.#told = event;
    if (this.outbox.state.kind === "saved") this.#followEvents();
  }

  /** An event that says nothing new (most are my own strokes) asks the server nothing. */
  #followEvents(): void {
    const told = this.#told;
    this.#told = null;
    if (!told) return;
    const { seq, baseRevisionId } = this.outbox.position;
    const isKnown = told.editSeq !== null && told.editSeq <= seq && told.headRevisionId === baseRevisionId;
    if (!isKnown) this.outbox.refresh();
  }

  merge(edit: Parameters<Screen["merge"]>[0], pending: readonly OutgoingEdit[]): RemoteMerge {
    return this.viewer.applyRemote(fromWire(edit), pending.map(asJournalEdit));
  }

  merged(strokes: number, kept: number, at: Point3 | null): void {
    // Strokes that come in while a note stands are added to it, so it never says less than what happened.
    const before = useRead.getState().note?.merged ?? { strokes: 0, kept: 0, at: null };
    const all = { strokes: before.strokes + strokes, kept: before.kept + kept, at: kept > 0 ? at : (before.at ?? at) };
    this.show({ note: { text: t.read.merged(all.strokes, all.kept), at: all.at, merged: all } });
    this.onChange();
  }

  goAhead<Result>(work: () => Promise<Result>): Promise<Result> {
    return slabLanes.goAhead(work);
  }

  async replace(): Promise<void> {
    await this.#reload();
    this.show({ note: { text: t.read.replaced(this.outbox.waiting.length), at: null, merged: null } });
  }

  async #reload(waiting: () => readonly OutgoingEdit[] = () => this.outbox.waiting): Promise<void> {
    const loaded = await fillMap(this.id, this.viewer, waiting);
    if (!loaded) return;
    this.#port.noteLoaded(loaded.seq, loaded.segmentation.head_revision_id);
    this.show({ parentVoxels: parentVoxels(loaded.parent) });
    this.onChange();
  }

  /** The server will never take the first edit that waits: undo it on the screen, and send what was drawn after it. */
  async takeBackRefused(): Promise<void> {
    await this.#reload(() => this.outbox.waiting.slice(1));
    await this.outbox.skip();
    this.outbox.retry();
  }

  // --- when browser and server differ -------------------------------------------------------------------------------

  /** Keep what is on the screen as a revision of its own, and go on from it. Throws an ApiProblem. */
  async saveAsRevision(): Promise<void> {
    this.#forkKey ??= `fork-${this.id}-${Date.now()}`;
    const { etag } = await getSegmentation(this.id);
    // Strokes that end while the map travels are not in it: they stay in the outbox and are sent afterwards.
    const [map, held] = [this.viewer.encodeMap(), this.outbox.waiting];
    const sources = held.flatMap((edit) => edit.sourceRevisionId ?? []);
    await forkSegmentation(this.id, etag, map, [...new Set(sources)], this.#forkKey);
    this.#forkKey = null;
    await this.outbox.giveUp(positionOf(await getSegmentation(this.id)), held);
    await this.#reload();
    this.show({ mismatch: null });
  }
}

type Filled = {
  segmentation: SegmentationOut;
  /** The last edit in the map. */
  seq: number;
  /** Waiting edits which the server has. */
  arrived: ReadonlySet<string>;
  sources: readonly string[];
  /** The head revision: what volumes are compared with. */
  parent: RevisionOut | null;
};

/** Put the server's map with all its edits, and what waits on top, into the engine. Null when the case was left on the way. */
async function fillMap(
  id: string,
  viewer: Viewer,
  waiting: () => readonly OutgoingEdit[],
  isLeft: () => boolean = () => false,
): Promise<Filled | null> {
  const [segmentation, revisions, edits] = await Promise.all([
    getSegmentation(id),
    listRevisions(id),
    listEdits(id, 0),
  ]);
  if (isLeft()) return null;
  const plan = planReplay(segmentation.head_revision_id, revisions, edits);
  const find = (wanted: string | null) => revisions.find((revision) => revision.id === wanted) ?? null;
  const [base, parent] = [find(plan.baseRevisionId), find(segmentation.head_revision_id)];
  const isEmpty = base !== null && Object.keys(base.label_volumes).length === 0;
  const known = new Set(edits.map((edit) => edit.edit_id));
  // From here to the call nothing may be awaited: a stroke that ends later finds no map to draw on, so none is missed.
  const unsent = waiting().filter((edit) => !known.has(edit.editId));
  await viewer.loadActive({
    dtype: segmentation.dtype,
    fetchSlab: plan.baseRevisionId && !isEmpty ? revisionSlabs(plan.baseRevisionId) : null,
    edits: [...plan.edits.map(fromWire), ...unsent.map(asJournalEdit)],
  });
  const arrived = new Set(waiting().flatMap((edit) => (known.has(edit.editId) ? [edit.editId] : [])));
  const seq = Math.max(segmentation.edit_seq, edits.at(-1)?.seq ?? 0);
  const sources = plan.edits.flatMap((edit) => edit.source_revision_id ?? []);
  return { segmentation, seq, arrived, sources, parent };
}

function asJournalEdit({ editId, tool, sourceRevisionId, undoes, runs }: OutgoingEdit): JournalEdit {
  return { editId, tool, sourceRevisionId, undoes, runs };
}

/** Voxels per label of the revision drawn upon; null where it began empty. */
function parentVoxels(parent: RevisionOut | null): ReadState["parentVoxels"] {
  return parent && parent.origin !== "blank" ? countsOf(parent) : null;
}

function countsOf({ label_volumes }: RevisionOut): ReadonlyMap<number, number> {
  return new Map(Object.entries(label_volumes).map(([value, voxels]) => [Number(value), voxels]));
}
