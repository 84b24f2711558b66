/** Puts figures and gate verdicts, free JSON on the wire, into words. */
import type { NextPersonalisationOut, StyleOut, WithdrawnBehindOut } from "../../api";
import { t } from "../../ui";

type Figures = Readonly<Record<string, unknown>>;

/** The numbers of a metrics object that have a name for readers, in a line: "mean Dice 0.913 · …". */
export function figuresOf(metrics: Figures): string {
  const parts = Object.entries(metrics).flatMap(([name, value]) =>
    typeof value === "number" && t.jobs.metricNames[name] ? [`${t.jobs.metricNames[name]} ${short(value)}`] : [],
  );
  return parts.slice(0, 4).join(" · ") || t.models.noFigures;
}

/** Where a style stands: refused by the gate is no retirement, though it is kept as one. */
export function standingOf({ is_live, state, gate }: Pick<StyleOut, "is_live" | "state" | "gate">) {
  if (is_live) return "live";
  if (state === "candidate") return state;
  return gate?.refused === true ? "refused" : "retired";
}

/** Whether a style was let through and why, in the gate's own sentence, with the compared figures. A refusal's begins with it. */
export function gateWords(gate: Figures): string {
  const verdict = gate.passed === true ? t.models.gatePassed : null;
  const words = [verdict, gate.reason ?? t.models.gateHeld, gate.held_out === "folds" ? t.models.gateFolds : null];
  return words.filter((one) => typeof one === "string").join(" ");
}

/** How much a network learnt from, by its card: "55 readings of 11 patients by 5 experts"; null where the card does not say. */
export function trainedOn({ readings, patients, experts }: Figures): string | null {
  if (typeof readings !== "number" || typeof patients !== "number" || !Array.isArray(experts)) return null;
  return t.models.trainedOn(readings, patients, experts.length);
}

/** A style means something on its own network alone: one of another than the live network cannot go live by itself. */
export function mayGoLive(style: Pick<StyleOut, "is_live" | "model_version_id">, liveModelId: string | null): boolean {
  return !style.is_live && style.model_version_id === liveModelId;
}

/** What keeps an expert's next personalisation from starting. */
export function nextWords({ waits_for: waitsFor, changed, accepted, missing, anew }: NextPersonalisationOut): string {
  const { correction, quiet, turn } = anew ? t.models.anew : t.models.waitsFor;
  if (waitsFor === "correction") return correction(accepted, Math.max(1, missing));
  if (waitsFor !== "more") return waitsFor === "quiet" ? quiet : turn;
  return anew ? t.models.anew.more(changed + accepted, missing) : t.models.waitsFor.more(changed, accepted, missing);
}

/** Why no style is about to be learnt without the withdrawn readings behind a live one. */
export function notAnewWords({ origin }: Pick<StyleOut, "origin">, personalises: boolean): string {
  if (origin === "pretrained") return t.models.anew.pretrained;
  return personalises ? t.models.anew.tried : t.models.anew.off;
}

/** How many of the readings behind a model version or style were withdrawn, and when; null where none was. */
export function withdrawnWords(behind: WithdrawnBehindOut | undefined): string | null {
  return behind ? t.models.withdrawnOf(behind.readings, behind.patients, t.units.dateTime(behind.withdrawn_at)) : null;
}

/** Shares to three places; points out of a hundred to one. */
function short(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) > 1 ? 1 : 3);
}
