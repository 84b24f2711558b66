/** A style's curve as columns for a plot, and its outlook in a sentence. */
import type { LearningCurveOut } from "../../api";
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
