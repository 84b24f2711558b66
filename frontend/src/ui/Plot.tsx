/**
 * A line plot, drawn by uPlot, which is loaded with this file only. Series and sizes are the caller's, axes follow the scheme.
 */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export type PlotProps = {
  label: string;
  testId: string;
  height: number;
  data: uPlot.AlignedData;
  /** the first is the x axis; a new array is a new plot, so keep it as long as nothing but `data` changes */
  series: uPlot.Series[];
  xSteps: number[];
};

export default function Plot({ label, testId, height, data, series, xSteps }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const key = JSON.stringify(series.map((one) => one.label));

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
        series,
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
