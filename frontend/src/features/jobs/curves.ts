/** Metrics as they arrive (one figure at a time, a step may repeat after a resume) become columns for a plot. */
import type { MetricOut } from "../../api";

export type Curves = { names: string[]; data: [number[], ...(number | null)[][]] };

/** Steps ascending; where an attempt repeated a step, the later attempt's figure stands. Missing figures are null. */
export function alignCurves(metrics: readonly MetricOut[]): Curves {
  const names = [...new Set(metrics.map((metric) => metric.name))].sort();
  const rows = new Map<number, Map<string, MetricOut>>();
  for (const metric of metrics) {
    const row = rows.get(metric.step) ?? new Map<string, MetricOut>();
    const known = row.get(metric.name);
    if (!known || known.attempt <= metric.attempt) row.set(metric.name, metric);
    rows.set(metric.step, row);
  }
  const steps = [...rows.keys()].sort((a, b) => a - b);
  const columns = names.map((name) => steps.map((step) => rows.get(step)?.get(name)?.value ?? null));
  return { names, data: [steps, ...columns] };
}
