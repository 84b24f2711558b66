/** How each expert's branch went through their finished cases: what it drew before it learnt from each, and what it has forgotten. */
import { Paper, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, useMemo } from "react";
import { asProblem, type StreamOut, streamsQuery } from "../../api";
import { okabeIto, Plot, type PlotLine, Problem, t } from "../../ui";
import { streamColumns, streamFigures } from "./curves";

const caseMarks = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const lines: readonly PlotLine[] = [
  { label: t.models.streamBranch, colour: okabeIto[1], width: 1, dots: true },
  { label: t.models.streamMean, colour: okabeIto[1], width: 2, dash: [8, 4] },
  { label: t.models.streamLive, colour: okabeIto[0], width: 2, dash: [2, 3] },
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
      <Suspense>
        <Plot
          label={t.models.stream(
            stream.expert_name,
            stream.cases.map((one) => `${one.number}: ${one.prequential?.toFixed(1) ?? "–"}`).join(", "),
          )}
          testId="stream-plot"
          height={180}
          data={data}
          xLabel={t.models.streamCase}
          xSteps={caseMarks}
          lines={lines}
          places={1}
        />
      </Suspense>
    </Paper>
  );
}
