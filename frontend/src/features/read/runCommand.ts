/** What each command does to the open case: one small function per command. */
import { asProblem } from "../../api";
import { isDrawingTool, type Plane, type ToolName } from "../../engine";
import { say, t } from "../../ui";
import { saveWords } from "./BottomBar";
import type { Command } from "./commands";
import { toggleHeat } from "./layers";
import { savePicture } from "./picture";
import type { ReadSession } from "./session";
import { type ReadState, useRead } from "./store";
import { handles } from "./Views";
import { presetsOf } from "./windows";

export type Acting = { session: ReadSession; state: ReadState; submit: () => void };

type Of<K extends Command["do"]> = Extract<Command, { do: K }>;
type Handlers = { [K in Command["do"]]: (acting: Acting, command: Of<K>) => void };

const brushRange_mm = [0.1, 50] as const;

/** The tool before the present one, and the one to go back to when `Z` is let go. */
let formerTool: ToolName = "eraser";
let heldTool: ToolName | null = null;

const nextShape = { point: "scribble", scribble: "box", box: "lasso", lasso: "point" } as const;

const handlers: Handlers = {
  tool: ({ session, state }, { tool }) => {
    // The key of threshold paint, pressed again, takes its range from what lies under the brush.
    if (tool === "threshold" && session.viewer.state.tool === tool) session.viewer.takeRangeFromHere(state.activePlane);
    else chooseTool(session, tool, state.activePlane);
  },
  ask: ({ session, state }) => {
    const { tool, toolOptions } = session.viewer.state;
    if (tool !== "ask") chooseTool(session, "ask", state.activePlane);
    else session.viewer.setToolOptions({ ask: { ...toolOptions.ask, shape: nextShape[toolOptions.ask.shape] } });
  },
  propagate: ({ session, state }) => session.propagate(state.activePlane),
  "next-proposed": ({ session, state }) => session.goToProposed(state.activePlane),
  dispute: ({ session }, { direction }) => {
    if (session.reviewing) session.reviewing.step(direction);
    else say(t.review.notHere);
  },
  "swap-tools": ({ session, state }) => chooseTool(session, formerTool, state.activePlane),
  "copy-slice": ({ session, state }, { direction }) => {
    if (session.facts.readOnly) say(t.read.readOnlyHint);
    else session.viewer.copySlice(state.activePlane, direction);
  },
  "toggle-range": ({ session }) => {
    const { paintLimits, toolOptions } = session.viewer.state;
    session.viewer.setPaintLimits({ ...paintLimits, range: paintLimits.range ? null : toolOptions.range });
  },
  "drop-corner": ({ session }) => void session.viewer.dropCorner(),
  label: ({ session, state }, { position }) => {
    if (session.reviewing) session.reviewing.take(position);
    else chooseLabel(session, state, position);
  },
  background: ({ session }) => session.viewer.setActiveLabel(0),
  "previous-label": ({ session, state }) => chooseLabel(session, state, activePosition(state) - 1),
  "next-label": ({ session, state }) => chooseLabel(session, state, activePosition(state) + 1),
  "brush-size": ({ session }, { factor }) => {
    const { brushRadiusMm, brushIsBall } = session.viewer.state;
    session.viewer.setBrush(clamp(brushRadiusMm * factor, ...brushRange_mm), { ball: brushIsBall });
  },
  "toggle-experts": ({ session, state: { experts } }) => {
    const visible = !experts.some((expert) => expert.look.visible);
    for (const { id } of experts) session.setLayerLook(id, { visible });
  },
  "toggle-proposal": ({ session, state: { proposal } }) => {
    if (proposal) session.setLayerLook(proposal.id, { visible: !proposal.look.visible });
  },
  "toggle-uncertainty": ({ session }) => toggleHeat(session.viewer, "uncertainty"),
  "toggle-disagreement": ({ session }) => toggleHeat(session.viewer, "disagreement"),
  opinions: ({ session }) => session.toggleOpinions(),
  hide: ({ session }) => session.setHidden(true),
  "zoom-while-held": ({ session }) => {
    heldTool ??= session.viewer.state.tool;
    session.viewer.setTool("zoom");
  },
  opacity: ({ session, state }, { by }) =>
    session.setOpacity(clamp(state.fillOpacity + by, 0, 1), clamp(state.overlayOpacity + by, 0, 1)),
  preset: ({ session }, { index }) => {
    const preset = presetsOf(session.facts.image)[index];
    if (preset) session.viewer.setWindow(preset.low, preset.high);
  },
  accept: ({ session, state }, { scope }) => {
    // Enter first ends what waits for it: a chosen opinion, an outline, a preview, a tool that acts at the crosshair.
    const picks = state.opinions !== null && state.opinions.chosen !== null;
    const ends = scope === "active" && !picks && !session.facts.readOnly && session.viewer.confirm(state.activePlane);
    if (!ends) session.accept(scope);
  },
  undo: ({ session }) => session.undo(),
  redo: ({ session }) => session.redo(),
  cancel: ({ session }) => session.cancel(),
  picture: () => void savePicture(),
  save: ({ session }) => void saveNow(session),
  submit: ({ submit }) => submit(),
  shortcuts: () => useRead.setState({ sheetOpen: true }),
  maximise: ({ state }) => useRead.setState({ maximised: !state.maximised, largePlane: state.activePlane }),
  reset: ({ state }) => handles.get(state.activePlane)?.reset(),
  move: ({ session, state }, { right, down }) => session.viewer.moveCrosshair(state.activePlane, right, down),
  "tool-at-crosshair": ({ session, state }) => {
    if (!session.facts.readOnly) session.viewer.toggleToolAtCrosshair(state.activePlane);
  },
  slice: ({ session, state }, { by }) => session.viewer.scroll(state.activePlane, by),
  "end-slice": ({ session, state }, { end }) => {
    const { index, count } = session.viewer.state.slices[state.activePlane];
    session.viewer.scroll(state.activePlane, (end === "first" ? 0 : count - 1) - index);
  },
  "drawn-slice": ({ session, state }, { direction }) => {
    if (session.opinions?.isOpen) {
      session.opinions.step(direction);
      return;
    }
    const { index } = session.viewer.state.slices[state.activePlane];
    const drawn = state.drawnSlices[state.activePlane];
    const next = direction > 0 ? drawn.find((slice) => slice > index) : drawn.findLast((slice) => slice < index);
    if (next !== undefined) session.viewer.scroll(state.activePlane, next - index);
  },
};

export function runCommand<K extends Command["do"]>(acting: Acting, command: Of<K>): void {
  handlers[command.do as K](acting, command);
}

/** A held key was let go, or the window lost the focus. */
export function releaseHeld(session: ReadSession): void {
  session.setHidden(false);
  if (heldTool) session.viewer.setTool(heldTool);
  heldTool = null;
}

/** `plane`: the view that a tool which begins at once is meant for. */
export function chooseTool(session: ReadSession, tool: ToolName, plane: Plane): void {
  if ((isDrawingTool(tool) || tool === "ask") && session.facts.readOnly) {
    say(t.read.readOnlyHint);
    return;
  }
  if (tool === "ask" && session.facts.review) {
    say(t.review.noAi);
    return;
  }
  const present = session.viewer.state.tool;
  if (present !== tool) formerTool = present;
  session.viewer.setTool(tool, plane);
}

function activePosition({ labels, view }: ReadState): number {
  return labels.findIndex((label) => label.value === view?.activeLabel);
}

function chooseLabel(session: ReadSession, { labels }: ReadState, position: number): void {
  const label = labels.at(position % Math.max(1, labels.length));
  if (label) session.viewer.setActiveLabel(label.value);
}

async function saveNow(session: ReadSession): Promise<void> {
  try {
    await session.saveNow();
    say(saveWords(useRead.getState().save));
  } catch (error) {
    say(asProblem(error).detail, "error");
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
