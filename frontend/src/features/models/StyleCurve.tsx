/** Dice against the number of the expert's own annotations, beside what each style had to beat, and what to expect of more. */
import { Stack, Text } from "@mantine/core";
import { Suspense, useMemo } from "react";
import type { LearningCurveOut } from "../../api";
import { okabeIto, Plot, type PlotProps, t } from "../../ui";
import { columnsOf, outlookWords } from "./curves";

const readingMarks = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const line = (label: string, stroke: string, dash: number[], points: boolean): PlotProps["series"][number] => ({
  label,
  stroke,
  dash,
  width: points ? 2 : 1.5,
  spanGaps: true,
  points: { show: points, size: 7 },
  value: (_: unknown, value: number | null) => (value === null ? "–" : value.toFixed(1)),
});

const series: PlotProps["series"] = [
  { label: t.models.curveReadings, value: (_, n: number | null) => (n === null ? "–" : String(n)) },
  line(t.models.curveStyle, okabeIto[1], [], true),
  line(t.models.curveLive, okabeIto[0], [8, 4], false),
  line(t.models.curveNearest, okabeIto[2], [2, 3], false),
  line(t.models.curveConsensus, okabeIto[5], [8, 3, 2, 3], false),
];

export function StyleCurve({ curve, goal }: { curve: LearningCurveOut; goal: number }) {
  const data = useMemo(() => columnsOf(curve.points), [curve.points]);
  if (curve.points.length === 0) return null;
  return (
    <Stack gap={2} mb="sm" data-testid="style-curve">
      <Text size="sm" data-testid="outlook">
        {outlookWords(curve.forecast, goal)}
      </Text>
      {curve.points.length > 1 && (
        <Suspense>
          <Plot
            label={t.models.curve(
              curve.expert_name,
              curve.points.map((p) => `${p.readings}: ${p.dice.toFixed(1)}`).join(", "),
            )}
            testId="style-curve-plot"
            height={180}
            data={data}
            series={series}
            xSteps={readingMarks}
          />
        </Suspense>
      )}
    </Stack>
  );
}
