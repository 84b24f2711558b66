/**
 * The loss curve, live.
 * Metrics are asked for from where the last answer stopped, on each event and, should events be lost, every few seconds.
 */
import { Text } from "@mantine/core";
import { Suspense, useEffect, useState } from "react";
import { listJobMetrics, type MetricOut, onServerEvent } from "../../api";
import { okabeIto, Plot, type PlotLine, t } from "../../ui";
import { alignCurves } from "./curves";

const every_ms = 4000;

export function LossCurve({ jobId, live }: { jobId: string; live: boolean }) {
  const metrics = useMetrics(jobId, live);
  const { names, data } = alignCurves(metrics);

  if (names.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {live ? t.jobs.noCurveYet : t.jobs.noCurve}
      </Text>
    );
  return (
    <Suspense>
      <Plot
        label={t.jobs.curve(names.join(", "))}
        testId="loss-curve"
        height={200}
        data={data}
        xLabel={t.jobs.stepAxis}
        xSteps={stepMarks}
        lines={names.map(lineOf)}
        places={4}
      />
    </Suspense>
  );
}

function useMetrics(jobId: string, live: boolean): MetricOut[] {
  const [metrics, setMetrics] = useState<MetricOut[]>([]);
  useEffect(() => {
    let after = 0;
    let left = false;
    let busy = false;
    const load = async () => {
      if (busy) return;
      busy = true;
      try {
        const { items } = await listJobMetrics(jobId, after);
        const last = items.at(-1);
        if (left || !last) return;
        const isFirst = after === 0;
        after = last.seq;
        setMetrics((known) => (isFirst ? items : [...known, ...items]));
      } catch {
        // The next event or tick asks again; the job's own card says when the server cannot be reached.
      } finally {
        busy = false;
      }
    };
    void load();
    const timer = live ? setInterval(() => void load(), every_ms) : undefined;
    const quiet = onServerEvent((event) => {
      if ((event.type === "metric" || event.type === "job") && event.id === jobId) void load();
    });
    return () => {
      left = true;
      clearInterval(timer);
      quiet();
    };
  }, [jobId, live]);
  return metrics;
}

const stepMarks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

function lineOf(name: string, n: number): PlotLine {
  const label = t.jobs.metricNames[name] ?? name;
  return { label, colour: okabeIto[(n + 1) % okabeIto.length] ?? okabeIto[0], width: 1.5 };
}
