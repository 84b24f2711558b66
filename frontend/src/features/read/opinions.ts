/**
 * Several opinions on one reading: asks once, lays every answer over the image as a hidden layer, shows the one pointed at,
 * takes one over as an ordinary edit. The server keeps the answer, so opening the strip again costs nothing.
 */
import { askOpinions, asProblem, loadOpinions, type OpinionOut, type OpinionPageOut, onServerEvent } from "../../api";
import {
  type AcceptScope,
  buildEnvelope,
  type Dash,
  decodeRuns,
  type LayerLook,
  type Runs,
  type Viewer,
} from "../../engine";
import { say, t } from "../../ui";
import { askedLook } from "./looks";
import { placeOf } from "./miniatures";
import type { MiniaturePlace, OpinionCard, OpinionsState, ReadFacts, TakeOver } from "./store";

/** Should an event be missed, the answer is looked for this often while one is pending. */
const lookAgain_ms = 1000;
const whole: AcceptScope = { labels: "all", mode: "replace" };
const hidden: LayerLook = { ...askedLook, visible: false };
const contourDashes: readonly Dash[] = ["dots", "long", "solid"];
const envelopeId = "opinion-envelope";
/** In the labels' colours, so that it is not one more contour. */
const envelopeLook: LayerLook = { kind: "outline", colour: null, dash: "dash-dot", opacity: 1, visible: true };
const contourLook: LayerLook = { kind: "outline", colour: "#f5f5f0", dash: "solid", opacity: 1, visible: false };

const empty: Runs = { starts: new Float64Array(), lengths: new Float64Array(), values: new Uint8Array() };

const nothing: OpinionsState = {
  pending: true,
  problem: null,
  cards: [],
  chosen: null,
  drawn: 0,
  place: null,
  interval: {},
  contours: false,
  envelope: false,
};

/**
 * Have a single slice's answer made beside its prediction, so that the strip opens with it; a volume's costs too much to make
 * unasked. It yields to what anybody waits for. A refusal is lost here: the strip asks again, and says what the server said.
 */
export function prepareOpinions({ assignment, image, project, readOnly }: ReadFacts): void {
  const isAllowed = !readOnly && project.policy.blinding === "open" && project.policy.prefill !== "never";
  if (isAllowed && image.nz === 1 && assignment?.segmentation_id)
    askOpinions(assignment.segmentation_id, true).catch(() => undefined);
}

export class Opinions {
  #state: OpinionsState | null = null;
  #layers: string[] = [];
  #contours: string[] = [];
  /** Of the drawn ones, without the experts' own. */
  #drawn: readonly Runs[] = [];
  #proposalWasShown = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopHearing: () => void = () => undefined;

  constructor(
    private readonly segmentationId: string,
    private readonly viewer: Viewer,
    private readonly show: (state: OpinionsState | null) => void,
    private readonly around: { setProposal: (visible: boolean) => boolean; takeOver: TakeOver },
  ) {}

  get isOpen(): boolean {
    return this.#state !== null;
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else void this.#open();
  }

  close(): void {
    this.#stopHearing();
    clearTimeout(this.#timer);
    if (!this.isOpen) return;
    for (const id of [...this.#layers, ...this.#contours, envelopeId]) this.viewer.removeLayer(id);
    this.#layers = [];
    this.#contours = [];
    this.around.setProposal(this.#proposalWasShown);
    this.#tell(null);
  }

  /** Lay one card over the image, or none. */
  choose(chosen: number | null): void {
    if (this.#state === null || this.#state.chosen === chosen) return;
    const { cards, chosen: before } = this.#state;
    for (const n of [before, chosen]) {
      const card = n === null ? undefined : cards[n];
      if (card) this.viewer.updateLayer(card.layerId, { visible: n === chosen });
    }
    this.#tell({ ...this.#state, chosen });
  }

  step(direction: 1 | -1): void {
    if (this.#state === null || this.#state.cards.length === 0) return;
    const { cards, chosen } = this.#state;
    const from = chosen ?? (direction > 0 ? -1 : 0);
    this.choose((from + direction + cards.length) % cards.length);
  }

  /** Take the chosen card over as one edit, asking first where it changes what was drawn by hand. False where none is chosen. */
  accept(): boolean {
    if (this.#state === null || this.#state.chosen === null) return false;
    const { cards, chosen } = this.#state;
    const card = cards[chosen];
    if (card === undefined) return false;
    const name = nameOf(card, chosen);
    const voxels = this.viewer.countOverdrawn(card.layerId, whole);
    this.around.takeOver({ kind: "opinion", name }, voxels, () => this.#takeOver(card, name));
    return true;
  }

  #takeOver({ layerId }: OpinionCard, name: string): void {
    const edit = this.viewer.acceptLayer(layerId, whole);
    say(edit === null ? t.opinions.same : t.opinions.taken(name));
    if (edit === null) return;
    this.#proposalWasShown = false; // what was taken over is mine now; the hatching would only hide the corrections
    this.close();
  }

  showContours(contours: boolean): void {
    if (this.#state === null) return;
    for (const id of this.#contours) this.viewer.updateLayer(id, { visible: contours });
    this.#tell({ ...this.#state, contours });
  }

  /** What some of the drawn ones hold and not all: its outlines are the innermost and the outermost of them. */
  showEnvelope(envelope: boolean): void {
    if (this.#state === null) return;
    if (envelope) this.viewer.showProposal(envelopeId, buildEnvelope(this.#drawn), envelopeLook);
    else this.viewer.removeLayer(envelopeId);
    this.#tell({ ...this.#state, envelope });
  }

  async #open(): Promise<void> {
    this.#tell(nothing);
    this.#proposalWasShown = this.around.setProposal(false);
    this.#stopHearing = onServerEvent((event) => {
      if (event.type === "job" && this.#state?.pending) void this.#look(loadOpinions);
    });
    await this.#look(askOpinions);
  }

  async #look(ask: (segmentationId: string) => Promise<OpinionPageOut>): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const page = await ask(this.segmentationId);
      if (this.#state?.pending) this.#take(page);
    } catch (error) {
      if (this.#state !== null) this.#tell({ ...this.#state, pending: false, problem: asProblem(error).detail });
    }
  }

  #take({ pending, failure, opinions }: OpinionPageOut): void {
    // A prediction that came after the strip was opened would lie over what is pointed at.
    this.#proposalWasShown = this.around.setProposal(false) || this.#proposalWasShown;
    if (pending) {
      this.#timer = setTimeout(() => void this.#look(loadOpinions), lookAgain_ms);
      return;
    }
    if (opinions === null) {
      const problem = failure === null ? t.read.notPretrained : `${failure.message} ${failure.remedy}`;
      this.#tell({ ...nothing, pending: false, problem });
      return;
    }
    const answers = [...opinions.items, ...opinions.experts];
    const runs = answers.map((one) => this.#decode(one.runs));
    const cards = answers.map((one, n) => this.#addCard(one, runs[n], n));
    this.#drawn = runs.slice(0, opinions.items.length).map((one) => one ?? empty);
    this.#contours = opinions.contours.flatMap(({ runs: coded }, n) => {
      const decoded = this.#decode(coded);
      if (decoded === null) return [];
      const id = `opinion-contour-${n}`;
      this.viewer.showProposal(id, decoded, { ...contourLook, dash: contourDashes[n % 3] ?? "solid" });
      return [id];
    });
    this.#tell({
      ...nothing,
      pending: false,
      cards,
      drawn: opinions.drawn,
      place: this.#placeOf(runs.filter((one) => one !== null)),
      interval: opinions.voxel_interval,
    });
    const [first] = cards;
    if (first) this.choose(0);
  }

  /** Where miniatures look: on the slice shown where the image is held only around it. */
  #placeOf(drawn: readonly Runs[]): MiniaturePlace | null {
    const { planes, slices, isWhole } = this.viewer.state;
    const plane = planes[0] ?? "axial";
    return placeOf(drawn, this.viewer.dims, plane, isWhole ? null : slices[plane].index);
  }

  #addCard(one: OpinionOut, runs: Runs | null | undefined, n: number): OpinionCard {
    const layerId = `opinion-${n}`;
    this.viewer.showProposal(layerId, runs ?? empty, hidden);
    this.#layers.push(layerId);
    const { probability, expert_name: expertName, voxels, dice } = one;
    return { layerId, probability, expertName, voxels, dice };
  }

  /** Null: nothing is drawn. */
  #decode(coded: string): Runs | null {
    const { nx, ny, nz } = this.viewer.dims;
    return coded === "" ? null : decodeRuns(coded, nx * ny * nz, "uint8");
  }

  #tell(state: OpinionsState | null): void {
    this.#state = state;
    this.show(state);
  }
}

/** What a card is called, in the strip and in words. */
export function nameOf({ expertName }: OpinionCard, n: number): string {
  return expertName === null ? t.opinions.number(n + 1) : t.opinions.asDrawnBy(expertName);
}
