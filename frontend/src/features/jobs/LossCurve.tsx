/**
 * The learning curve, live. uPlot is loaded with this file only, when the first curve is opened.
 * Metrics are asked for from where the last answer stopped, on each event and, should events be lost, every few seconds.
 */
import { Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { listJobMetrics, type MetricOut, onServerEvent } from "../../api";
import { okabeIto, t } from "../../ui";
import { alignCurves } from "./curves";

const every_ms = 4000;

export default function LossCurve({ jobId, live }: { jobId: string; live: boolean }) {
  const metrics = useMetrics(jobId, live);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { names, data } = alignCurves(metrics);
  const key = names.join(" ");

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new set of curves is a new plot; new points are set below
  useEffect(() => {
    if (!box.current || names.length === 0) return;
    plot.current = new uPlot(plotOptions(names, box.current.clientWidth), data, box.current);
    const observer = new ResizeObserver(([entry]) => {
      if (entry) plot.current?.setSize({ width: entry.contentRect.width, height: 200 });
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [key]);
  useEffect(() => plot.current?.setData(data), [data]);

  if (names.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {live ? t.jobs.noCurveYet : t.jobs.noCurve}
      </Text>
    );
  return <div ref={box} role="img" aria-label={t.jobs.curve(names.join(", "))} data-testid="loss-curve" />;
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

function plotOptions(names: readonly string[], width: number): uPlot.Options {
  const axis = { stroke: "#949ca8", grid: { stroke: "#272d35", width: 1 }, ticks: { stroke: "#272d35" } };
  return {
    width: Math.max(200, width),
    height: 200,
    scales: { x: { time: false } },
    axes: [
      { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] },
      { ...axis, size: 56 },
    ],
    series: [
      {
        label: t.jobs.stepAxis,
        value: (_: uPlot, step: number | null) => (step === null ? "–" : step.toLocaleString("en")),
      },
      ...names.map((name, n) => ({
        label: t.jobs.metricNames[name] ?? name,
        stroke: okabeIto[(n + 1) % okabeIto.length] ?? okabeIto[0],
        width: 1.5,
        spanGaps: true,
        points: { show: false },
        value: (_: uPlot, value: number | null) => (value === null ? "–" : value.toFixed(4)),
      })),
    ],
  };
}
