/** How each expert's branch went through their finished cases: what it drew before it learnt from each, and what it has forgotten. */
import { Paper, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, useMemo } from "react";
import { asProblem, type StreamOut, streamsQuery } from "../../api";
import { okabeIto, Plot, type PlotProps, Problem, t } from "../../ui";
import { streamColumns, streamFigures } from "./curves";

const caseMarks = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const line = (label: string, stroke: string, dash: number[], points: boolean): PlotProps["series"][number] => ({
  label,
  stroke,
  dash,
  width: points ? 1 : 2,
  spanGaps: true,
  points: { show: points, size: 7 },
  value: (_: unknown, value: number | null) => (value === null ? "–" : value.toFixed(1)),
});

const series: PlotProps["series"] = [
  { label: t.models.streamCase, value: (_, n: number | null) => (n === null ? "–" : String(n)) },
  line(t.models.streamBranch, okabeIto[1], [], true),
  line(t.models.streamMean, okabeIto[1], [8, 4], false),
  line(t.models.streamLive, okabeIto[0], [2, 3], false),
];

export function Streams({ projectId }: { projectId: string }) {
  const streams = useQuery(streamsQuery(projectId));
  if (streams.error) return <Problem problem={asProblem(streams.error)} retry={() => void streams.refetch()} />;
  const items = streams.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section>
      <Title order={2}>{t.models.streams}</Title>
      <Text size="sm" c="dimmed" mb="sm" maw={820}>
        {t.models.streamsHint}
      </Text>
      <Stack gap="sm">
        {items.map((stream) => (
          <OneStream key={stream.expert_id} stream={stream} />
        ))}
      </Stack>
    </section>
  );
}

function OneStream({ stream }: { stream: StreamOut }) {
  const data = useMemo(() => streamColumns(stream.cases), [stream.cases]);
  const figures = streamFigures(stream.cases);
  if (figures === null) return null;
  const { forgotten } = figures;
  return (
    <Paper withBorder p="sm" data-testid="stream">
      <Text fw={600}>{stream.expert_name}</Text>
      <Text size="sm">{t.models.streamFigures(figures.mean, figures.lastTen, figures.live)}</Text>
      <Text size="sm" mb={4} data-testid="forgotten">
        {forgotten === null ? t.models.forgottenUnknown : t.models.forgotten(forgotten)}
      </Text>
      {data[0].length > 1 && (
        <Suspense>
          <Plot
            label={t.models.stream(
              stream.expert_name,
              stream.cases.map((one) => `${one.number}: ${one.prequential?.toFixed(1) ?? "–"}`).join(", "),
            )}
            testId="stream-plot"
            height={180}
            data={data}
            series={series}
            xSteps={caseMarks}
          />
        </Suspense>
      )}
    </Paper>
  );
}
