/** A style's curve and a stream of cases as columns for a plot, and their outlook in words. */
import type { LearningCurveOut, StreamOut } from "../../api";
import { t } from "../../ui";

type Point = LearningCurveOut["points"][number];
type Columns = [number[], (number | null)[], (number | null)[], (number | null)[], (number | null)[]];

/** Readings ascending; of several styles with as many readings, the newest. Columns: style, live, nearest, consensus. */
export function columnsOf(points: readonly Point[]): Columns {
  const newest = new Map<number, Point>();
  for (const point of points) {
    const known = newest.get(point.readings);
    if (!known || known.number < point.number) newest.set(point.readings, point);
  }
  const ordered = [...newest.values()].sort((a, b) => a.readings - b.readings);
  return [
    ordered.map((p) => p.readings),
    ordered.map((p) => p.dice),
    ordered.map((p) => p.live),
    ordered.map((p) => p.nearest),
    ordered.map((p) => p.consensus),
  ];
}

export function outlookWords(forecast: LearningCurveOut["forecast"], goal: number): string {
  const words = t.models.outlook;
  if (forecast.outlook === "reachable" && forecast.more !== null) return words.reachable(forecast.more, goal);
  if (forecast.outlook === "beyond" && forecast.ceiling !== null) return words.beyond(forecast.ceiling, goal);
  if (forecast.outlook === "reached") return words.reached(goal);
  if (forecast.outlook === "far") return words.far(goal);
  return words.unknown;
}

type Case = StreamOut["cases"][number];

/** Columns: case number, branch before it learnt, mean of that so far, live style before. Cases whose patient was known have none. */
export function streamColumns(
  cases: readonly Case[],
): [number[], (number | null)[], (number | null)[], (number | null)[]] {
  const known = cases.filter((one) => one.prequential !== null);
  let sum = 0;
  const means = known.map((one, index) => {
    sum += one.prequential ?? 0;
    return sum / (index + 1);
  });
  return [known.map((one) => one.number), known.map((one) => one.prequential), means, known.map((one) => one.live)];
}

/** Means over the cases that were predicted before they were known, Dice points; null without one. forgotten: newest figure. */
export function streamFigures(
  cases: readonly Case[],
): { mean: number; lastTen: number; live: number; forgotten: number | null } | null {
  const branch = cases.flatMap((one) => (one.prequential === null ? [] : [one.prequential]));
  const live = cases.flatMap((one) => (one.live === null ? [] : [one.live]));
  if (branch.length === 0) return null;
  const forgotten = cases.map((one) => one.forgetting).findLast((points) => points !== null) ?? null;
  return { mean: mean(branch), lastTen: mean(branch.slice(-10)), live: mean(live), forgotten };
}

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
