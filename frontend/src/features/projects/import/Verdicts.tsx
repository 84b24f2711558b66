/** What became of an import: progress while it is read, then the server's verdict for each file. */
import { Alert, Badge, Button, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";
import { asProblem, type JobOut, jobQuery, type VerdictOut } from "../../../api";
import { Problem, t } from "../../../ui";
import { readVerdicts } from "./result";
import type { FileState } from "./upload";

type JobResult = JobOut["result"];

/** Follows a job of an upload: its progress, its failure in words, and what to show once it is done. */
export function Following({
  jobId,
  onAgain,
  children,
}: {
  jobId: string;
  onAgain: () => void;
  children: (result: JobResult) => ReactNode;
}) {
  const job = useQuery({ ...jobQuery(jobId), refetchInterval: (query) => (isOver(query.state.data) ? false : 1000) });
  if (job.error) return <Problem problem={asProblem(job.error)} retry={() => void job.refetch()} />;
  if (!job.data || !isOver(job.data))
    return (
      <Stack>
        <Text role="status" className="sentence">
          {job.data?.progress?.message || t.imports.reading}
        </Text>
        <Progress value={shareOf(job.data)} animated aria-label={t.imports.progress} />
      </Stack>
    );
  if (job.data.error)
    return <Problem problem={{ title: job.data.error.message, detail: job.data.error.remedy }} retry={onAgain} />;
  return children(job.data.result);
}

/** Files that never arrived, in the form of a verdict. */
export function unsentOf(files: readonly FileState[]): VerdictOut[] {
  return files.flatMap((file) =>
    file.problem ? [{ file: file.path, status: "refused", code: "not-received", message: file.problem }] : [],
  );
}

export function Verdicts({ result, files, onAgain }: { result: JobResult; files: FileState[]; onAgain: () => void }) {
  const queries = useQueryClient();
  useEffect(() => {
    for (const kind of ["project", "projects", "images", "project-experts", "assignments"])
      void queries.invalidateQueries({ queryKey: [kind] });
  }, [queries]);
  const { images, readings, verdicts } = readVerdicts(result);
  return (
    <Stack>
      <Alert color={images > 0 ? "teal" : "yellow"} variant="outline" title={t.imports.doneTitle} role="status">
        {t.imports.done(images, readings)}
      </Alert>
      <VerdictTable verdicts={[...unsentOf(files), ...verdicts]} />
      <Group>
        {images > 0 && (
          <Button component={Link} to="?tab=images">
            {t.imports.showImages}
          </Button>
        )}
        <Button variant="default" onClick={onAgain}>
          {t.imports.again}
        </Button>
      </Group>
    </Stack>
  );
}

function isOver(job: JobOut | undefined): boolean {
  return job !== undefined && job.state !== "queued" && job.state !== "running";
}

function shareOf(job: JobOut | undefined): number {
  return job?.progress && job.progress.steps > 0 ? (100 * job.progress.step) / job.progress.steps : 5;
}

const verdictColour: Record<string, string> = {
  accepted: "teal",
  warning: "yellow",
  duplicate: "gray",
  refused: "orange",
  quarantined: "red",
};

/** A DICOM folder has hundreds of files that were simply accepted: they are counted, and listed when asked for. */
export function VerdictTable({ verdicts: all }: { verdicts: readonly VerdictOut[] }) {
  const accepted = all.filter((verdict) => verdict.status === "accepted");
  const [listed, setListed] = useState(accepted.length <= 20);
  const verdicts = listed ? all : all.filter((verdict) => verdict.status !== "accepted");
  return (
    <>
      {verdicts.length > 0 && <VerdictRows verdicts={verdicts} />}
      {!listed && (
        <Group gap="sm" data-testid="accepted-count">
          <Text size="sm">{t.imports.allAccepted(accepted.length)}</Text>
          <Button size="compact-sm" variant="default" onClick={() => setListed(true)}>
            {t.imports.showAccepted}
          </Button>
        </Group>
      )}
    </>
  );
}

function VerdictRows({ verdicts }: { verdicts: readonly VerdictOut[] }) {
  const rank = ["refused", "quarantined", "warning", "duplicate", "accepted"];
  const order = [...verdicts].sort((a, b) => rank.indexOf(a.status) - rank.indexOf(b.status));
  return (
    <Table verticalSpacing={4} data-testid="verdicts">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t.imports.file}</Table.Th>
          <Table.Th w={150}>{t.imports.verdict}</Table.Th>
          <Table.Th>{t.imports.reason}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {order.map((verdict) => (
          <Table.Tr key={`${verdict.file} ${verdict.code} ${verdict.message}`} data-testid="verdict-row">
            <Table.Td>
              <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                <bdi>{verdict.file}</bdi>
              </Text>
            </Table.Td>
            <Table.Td>
              <Badge variant="light" color={verdictColour[verdict.status] ?? "gray"} tt="none">
                {t.imports.verdicts[verdict.status] ?? verdict.status}
              </Badge>
            </Table.Td>
            <Table.Td>
              <Text size="sm" className="sentence">
                {verdict.message === verdict.status ? "" : verdict.message}
              </Text>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
