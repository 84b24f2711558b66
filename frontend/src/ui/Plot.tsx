/**
 * A line plot, drawn by uPlot, which is loaded with this file only. Lines and sizes are the caller's, axes follow the scheme.
 * The legend tells each line's newest figure until the pointer chooses a place; a single figure is a dot.
 */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export type PlotLine = { label: string; colour: string; width: number; dash?: number[]; dots?: boolean };

export type PlotProps = {
  label: string;
  testId: string;
  height: number;
  /** x, then each line's figures; null where there is none */
  data: uPlot.AlignedData;
  xLabel: string;
  xSteps: number[];
  lines: readonly PlotLine[];
  /** decimal places of the figures in the legend */
  places: number;
};

export default function Plot({ label, testId, height, data, xLabel, xSteps, lines, places }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const key = JSON.stringify(lines);

  // biome-ignore lint/correctness/useExhaustiveDependencies: other curves are another plot; new points are set below
  useEffect(() => {
    if (!box.current) return;
    const colours = getComputedStyle(box.current);
    const axis = {
      stroke: colours.getPropertyValue("--ui-faint"),
      grid: { stroke: colours.getPropertyValue("--ui-line"), width: 1 },
      ticks: { stroke: colours.getPropertyValue("--ui-line") },
    };
    plot.current = new uPlot(
      {
        width: Math.max(200, box.current.clientWidth),
        height,
        scales: { x: { time: false } },
        axes: [
          { ...axis, incrs: xSteps },
          { ...axis, size: 56 },
        ],
        series: [{ label: xLabel, value: told(0) }, ...lines.map((line) => seriesOf(line, places))],
      },
      data,
      box.current,
    );
    const observer = new ResizeObserver(([entry]) => {
      if (entry) plot.current?.setSize({ width: entry.contentRect.width, height });
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [key]);
  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={box} role="img" aria-label={label} data-testid={testId} />;
}

function seriesOf({ label, colour, width, dash = [], dots = false }: PlotLine, places: number): uPlot.Series {
  const show = dots || (({ data: [xs] }: uPlot) => xs.length === 1);
  return { label, stroke: colour, width, dash, spanGaps: true, points: { show, size: 7 }, value: told(places) };
}

/** What the legend says of a series: the figure under the pointer, else the newest. */
function told(places: number) {
  const format = { minimumFractionDigits: places, maximumFractionDigits: places };
  return (plot: uPlot, pointed: number | null, n: number, at: number | null): string => {
    const figure = at === null ? Array.from(plot.data[n] ?? []).findLast((one) => one !== null) : pointed;
    return figure?.toLocaleString("en", format) ?? "–";
  };
}
