/**
 * Ask AI on one reading: sends prompts in order, shows the newest proposal, takes it over or back.
 *
 * The server keeps every prompt and answer, so a reload asks it where things stand. A prompt leaves only after the strokes
 * drawn before it, because the answer builds on what is drawn. The edit that accepts a proposal bears the round's id, which
 * settles the round; nothing else has to be told.
 */
import { asProblem, listOpenPrompts, onServerEvent, type PromptPageOut, sendPrompt, withdrawPrompt } from "../../api";
import { decodeRuns, makeUuid, type PromptDrawn, type Runs, type Viewer } from "../../engine";
import { say, t } from "../../ui";
import { askedLook } from "./looks";
import type { AskState, TakeOver } from "./store";

const layerId = "asked";
/** Should an event be missed, the answer is looked for this often while one is pending. */
const lookAgain_ms = 2000;

type Asked = { readonly id: string; readonly drawn: PromptDrawn };
type Proposal = { readonly runs: Runs; readonly label: number; readonly roundId: string };

export class Asking {
  #roundId: string | null = null;
  #label = 0;
  /** Prompts of the open round, oldest first: the server's, and those on their way. Each has its mark over the image. */
  #prompts: readonly Asked[] = [];
  #proposal: Proposal | null = null;
  #shownFor: string | null = null;
  #sending: Promise<void> = Promise.resolve();
  #onTheirWay = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stopHearing: () => void;

  constructor(
    private readonly segmentationId: string,
    private readonly viewer: Viewer,
    private readonly drain: () => Promise<void>,
    private readonly takeOver: TakeOver,
    private readonly show: (state: AskState | null) => void,
  ) {
    this.#stopHearing = onServerEvent((event) => {
      if (event.type === "job" && this.#prompts.length > 0 && this.#onTheirWay === 0) void this.refresh();
    });
  }

  close(): void {
    this.#stopHearing();
    clearTimeout(this.#timer);
  }

  get isOpen(): boolean {
    return this.#prompts.length > 0;
  }

  ask(drawn: PromptDrawn): void {
    const label = this.viewer.state.activeLabel;
    if (label === 0) {
      say(t.ask.chooseLabel);
      return;
    }
    if (this.isOpen && label !== this.#label) {
      say(t.ask.otherLabelOpen);
      return;
    }
    const roundId = this.#roundId ?? makeUuid();
    const promptId = makeUuid();
    this.#roundId = roundId;
    this.#label = label;
    this.#mark([...this.#prompts, { id: promptId, drawn }]);
    const { type, points, isInclude, sliceAxis, radiusMm } = drawn;
    this.#enqueue(async () => {
      await this.drain();
      await sendPrompt(this.segmentationId, {
        prompt_id: promptId,
        round_id: roundId,
        type,
        points: points.map(([i, j, k]) => [i, j, k]),
        label,
        sign: isInclude ? "include" : "exclude",
        radius_mm: radiusMm,
        slice_axis: sliceAxis,
      });
    });
  }

  /** Take the last prompt back; the proposal before it stands again. */
  withdrawLast(): void {
    const last = this.#prompts.at(-1);
    if (last === undefined) return;
    this.#mark(this.#prompts.slice(0, -1));
    this.#enqueue(async () => this.#take(await withdrawPrompt(this.segmentationId, last.id)));
  }

  withdrawAll(): void {
    this.#mark([]);
    this.#clear();
    this.#enqueue(async () => this.#take(await withdrawPrompt(this.segmentationId, null)));
  }

  /**
   * Take the proposal over as one edit. What it takes from other labels that were drawn by hand is asked about; its own label
   * is what the prompts speak of, so a click that denies drawn voxels is a wish, not an accident.
   */
  accept(): void {
    const proposal = this.#proposal;
    if (this.#onTheirWay > 0 || proposal === null) {
      say(t.ask.stillPending);
      return;
    }
    const { runs, label } = proposal;
    const drawn = this.viewer.countOverdrawnByProposal(runs, label);
    const others = new Map([...drawn].filter(([value]) => value !== 0 && value !== label));
    this.takeOver({ kind: "answer" }, others, () => this.#takeProposal(proposal));
  }

  #takeProposal({ runs, label, roundId }: Proposal): void {
    if (this.viewer.acceptProposal(runs, label, roundId) === null) {
      say(t.read.nothingToAccept.replace);
      this.withdrawAll();
      return;
    }
    this.#mark([]);
    this.#clear();
    this.show(null);
  }

  /** Where the open round stands on the server: after a reload, and whenever a job has ended. */
  async refresh(): Promise<void> {
    try {
      const page = await listOpenPrompts(this.segmentationId);
      if (this.#onTheirWay === 0) this.#take(page);
    } catch (error) {
      this.#tell(false, asProblem(error).detail);
    }
  }

  /** One request after the other; what is refused is said, and the server's state holds. */
  #enqueue(send: () => Promise<void>): void {
    this.#onTheirWay += 1;
    this.#tell(true, null);
    this.#sending = this.#sending.then(async () => {
      try {
        await send();
      } catch (error) {
        say(asProblem(error).detail, "error");
      } finally {
        this.#onTheirWay -= 1;
      }
      if (this.#onTheirWay === 0) await this.refresh();
    });
  }

  #take({ items, proposal, pending, failure }: PromptPageOut): void {
    const last = items.at(-1);
    this.#mark(items.map(asAsked));
    if (last === undefined) {
      this.#clear();
      this.show(null);
      return;
    }
    this.#roundId = last.round_id;
    this.#label = last.label;
    if (proposal === null) this.#hide();
    else if (this.#shownFor !== proposal.prompt_id) {
      const { nx, ny, nz } = this.viewer.dims;
      const runs = decodeRuns(proposal.runs, nx * ny * nz, "uint8");
      this.#proposal = { runs, label: proposal.label, roundId: proposal.round_id };
      this.#shownFor = proposal.prompt_id;
      this.viewer.showProposal(layerId, runs, askedLook);
    }
    clearTimeout(this.#timer);
    if (pending) this.#timer = setTimeout(() => void this.refresh(), lookAgain_ms);
    this.#tell(pending, failure === null ? null : `${failure.message} ${failure.remedy}`);
  }

  #mark(prompts: readonly Asked[]): void {
    this.#prompts = prompts;
    this.viewer.showPrompts(prompts.map(({ drawn }) => drawn));
  }

  #clear(): void {
    this.#roundId = null;
    this.#hide();
    clearTimeout(this.#timer);
  }

  #hide(): void {
    this.#proposal = null;
    this.#shownFor = null;
    this.viewer.removeLayer(layerId);
  }

  #tell(pending: boolean, problem: string | null): void {
    this.show({ count: this.#prompts.length, pending, hasProposal: this.#proposal !== null, problem });
  }
}

function asAsked({ id, type, points_ijk, sign, slice_axis, radius_mm }: PromptPageOut["items"][number]): Asked {
  const points = points_ijk.map(([i = 0, j = 0, k = 0]) => [i, j, k] as const);
  return { id, drawn: { type, points, isInclude: sign === "include", sliceAxis: slice_axis, radiusMm: radius_mm } };
}
