/** Dice against the number of the expert's own annotations, beside what each style had to beat, and what to expect of more. */
import { Stack, Text } from "@mantine/core";
import { Suspense, useMemo } from "react";
import type { LearningCurveOut } from "../../api";
import { okabeIto, Plot, type PlotLine, t } from "../../ui";
import { columnsOf, outlookWords } from "./curves";

const readingMarks = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const lines: readonly PlotLine[] = [
  { label: t.models.curveStyle, colour: okabeIto[1], width: 2, dots: true },
  { label: t.models.curveLive, colour: okabeIto[0], width: 1.5, dash: [8, 4] },
  { label: t.models.curveNearest, colour: okabeIto[2], width: 1.5, dash: [2, 3] },
  { label: t.models.curveConsensus, colour: okabeIto[5], width: 1.5, dash: [8, 3, 2, 3] },
];

export function StyleCurve({ curve, goal }: { curve: LearningCurveOut; goal: number }) {
  const data = useMemo(() => columnsOf(curve.points), [curve.points]);
  if (curve.points.length === 0) return null;
  return (
    <Stack gap={2} mb="sm" data-testid="style-curve">
      <Text size="sm" data-testid="outlook">
        {outlookWords(curve.forecast, goal)}
      </Text>
      <Text size="xs" c="dimmed">
        {t.models.curveWhat}
      </Text>
      <Suspense>
        <Plot
          label={t.models.curve(
            curve.expert_name,
            curve.points.map((p) => `${p.readings}: ${p.dice.toFixed(1)}`).join(", "),
          )}
          testId="style-curve-plot"
          height={180}
          data={data}
          xLabel={t.models.curveReadings}
          xSteps={readingMarks}
          lines={lines}
          places={1}
        />
      </Suspense>
    </Stack>
  );
}
