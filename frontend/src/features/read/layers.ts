/**
 * What may lie over the image besides the drawing: whose reading each layer is, which of them is shown, and heat maps.
 * Blinding is the server's: whatever is listed here may be seen by this reader.
 */
import { asProblem, bytes, isProblem, type SegmentationOut } from "../../api";
import type { FetchSlab, ViewerDoor } from "../../engine";
import { say, t } from "../../ui";
import { consensusLook, lookOfExpert, proxyLook } from "./looks";
import type { ReadSession } from "./session";
import { type Heat, type Layer, noPlanes, useRead } from "./store";

type HeatViewer = Pick<ViewerDoor, "showHeat" | "showConsensus" | "rankUnsureSlices" | "state">;

/** The layer of the n-th reading of this image. */
export function describeLayer(reading: SegmentationOut, n: number): Omit<Layer, "problem"> {
  const { id, author, head_revision_id: revisionId } = reading;
  if (author === "consensus") return { id, revisionId, author, title: t.layers.consensus, look: consensusLook };
  if (author === "proxy") return { id, revisionId, author, title: t.layers.proxy, look: proxyLook };
  return { id, revisionId, author, title: reading.expert_name ?? t.layers.unnamed(n + 1), look: lookOfExpert(n) };
}

const order: readonly SegmentationOut["author"][] = ["expert", "consensus", "proxy", "model"];

/** Experts by name (Exp2 before Exp10), then what was made of them. */
export function byAuthorAndTitle(a: Layer, b: Layer): number {
  const byAuthor = order.indexOf(a.author) - order.indexOf(b.author);
  return byAuthor || a.title.localeCompare(b.title, "en", { numeric: true });
}

/** The layers that have a vote: people's readings, neither a model's nor what was made of the readings. */
export function listVoters(layers: readonly Layer[]): readonly string[] {
  return layers.filter((layer) => layer.author === "expert").map((layer) => layer.id);
}

export function toggleLayer(session: ReadSession, { id, look }: Layer): void {
  session.setLayerLook(id, { visible: !look.visible });
}

/** Only this layer; all of them again when it is the only one already. */
export function soloLayer(session: ReadSession, { id }: Layer): void {
  const { experts } = useRead.getState();
  const isSolo = experts.every((other) => other.look.visible === (other.id === id));
  for (const other of experts) session.setLayerLook(other.id, { visible: isSolo || other.id === id });
}

export function showMajority(viewer: HeatViewer, visible: boolean): void {
  useRead.setState({ majority: visible });
  viewer.showConsensus(
    listVoters(useRead.getState().experts),
    visible ? { ...consensusLook, dash: "long", visible } : null,
  );
}

export function toggleHeat(viewer: HeatViewer, heat: Exclude<Heat, "difference">): void {
  if (useRead.getState().heat === heat) hideHeat(viewer);
  else if (heat === "disagreement") showDisagreement(viewer);
  else void showUncertainty(viewer);
}

export function hideHeat(viewer: HeatViewer): void {
  useRead.setState({ heat: null });
  void viewer.showHeat(null);
}

function showDisagreement(viewer: HeatViewer): void {
  const voters = listVoters(useRead.getState().experts);
  if (voters.length < 2) {
    say(t.layers.tooFewReadings);
    return;
  }
  useRead.setState({ heat: "disagreement" });
  void viewer.showHeat({ kind: "disagreement", layers: voters });
}

async function showUncertainty(viewer: HeatViewer): Promise<void> {
  const { proposal, facts } = useRead.getState();
  if (!proposal) {
    say(t.layers.noPrediction);
    return;
  }
  const { revisionId } = proposal;
  const fetchSlab: FetchSlab = (slab, signal) => bytes(`/revisions/${revisionId}/uncertainty/slabs/${slab}`, signal);
  try {
    // One slab first, where the reader looks: it says whether there is a map at all.
    await fetchSlab(
      Math.floor(viewer.state.crosshairIjk[2] / (facts?.image.slab_depth ?? 1)),
      new AbortController().signal,
    );
  } catch (error) {
    if (isProblem(error, 404)) say(t.layers.noUncertainty);
    else say(asProblem(error).detail, "error");
    return;
  }
  if (useRead.getState().proposal?.revisionId !== revisionId) return;
  useRead.setState({ heat: "uncertainty", unsureSlices: noPlanes });
  await viewer.showHeat({ kind: "slabs", id: revisionId, fetchSlab });
  if (useRead.getState().heat !== "uncertainty" || useRead.getState().proposal?.revisionId !== revisionId) return;
  const [axial, sagittal, coronal] = (["axial", "sagittal", "coronal"] as const).map((plane) =>
    viewer.rankUnsureSlices(plane),
  );
  useRead.setState({ unsureSlices: { axial: axial ?? [], sagittal: sagittal ?? [], coronal: coronal ?? [] } });
}
