/**
 * Drop a folder, files or a zip: progress per file, then the server's verdict for each.
 * Lazily loaded; opened by managers only.
 */
import { Alert, Badge, Button, Checkbox, FileButton, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { FolderUp, Upload } from "lucide-react";
import { type DragEvent, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { asProblem, commitImport, createImport, type JobOut, jobQuery, type VerdictOut } from "../../../api";
import { Problem, t } from "../../../ui";
import { type Collected, collectFromDrop, collectFromInput } from "./collect";
import { readVerdicts } from "./result";
import { type FileState, uploadAll } from "./upload";

type Stage =
  | { name: "waiting" }
  | { name: "sending"; files: FileState[]; leftOut: number }
  | { name: "reading"; jobId: string; files: FileState[] }
  | { name: "failed"; title: string; detail: string };

export default function ImportTab({ projectId }: { projectId: string }) {
  const [stage, setStage] = useState<Stage>({ name: "waiting" });
  const [experts, setExperts] = useState(true);
  const abort = useRef<AbortController | null>(null);

  const take = async (collected: Promise<Collected> | Collected) => {
    try {
      const { chosen, leftOut } = await collected;
      if (chosen.length === 0) return;
      abort.current = new AbortController();
      const files = chosen.map(({ path, file }) => ({ path, size: file.size, share: 0, problem: null }) as FileState);
      const update = () => setStage({ name: "sending", files: [...files], leftOut });
      update();
      const { id } = await createImport(projectId, experts);
      const onChange = (n: number, state: FileState) => {
        files[n] = state;
        update();
      };
      await uploadAll(id, chosen, onChange, abort.current.signal);
      if (abort.current.signal.aborted || files.every((file) => file.problem)) return;
      const job = await commitImport(id);
      setStage({ name: "reading", jobId: job.id, files });
    } catch (error) {
      const { title, detail } = asProblem(error);
      setStage({ name: "failed", title, detail });
    }
  };
  const startOver = () => {
    abort.current?.abort();
    setStage({ name: "waiting" });
  };

  return (
    <Stack>
      {stage.name === "failed" && <Problem problem={stage} retry={startOver} />}
      {(stage.name === "waiting" || stage.name === "failed") && (
        <>
          <Checkbox
            label={t.imports.experts}
            description={t.imports.expertsHint}
            checked={experts}
            onChange={(event) => setExperts(event.currentTarget.checked)}
          />
          <DropArea onTake={(collected) => void take(collected)} />
        </>
      )}
      {stage.name === "sending" && <Sending files={stage.files} leftOut={stage.leftOut} onCancel={startOver} />}
      {stage.name === "reading" && <Verdicts jobId={stage.jobId} files={stage.files} onAgain={startOver} />}
    </Stack>
  );
}

function DropArea({ onTake }: { onTake: (collected: Promise<Collected> | Collected) => void }) {
  const [over, setOver] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onTake(collectFromDrop(event.dataTransfer));
  };
  return (
    <section
      aria-label={t.imports.drop}
      data-testid="drop-area"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      style={{
        padding: 48,
        border: `2px dashed ${over ? "#58a4da" : "var(--ui-edge)"}`,
        borderRadius: 8,
        background: over ? "var(--ui-here)" : undefined,
      }}
    >
      <Stack align="center">
        <Upload size={28} aria-hidden />
        <Text fw={600}>{t.imports.drop}</Text>
        <Text size="sm" c="dimmed" ta="center" maw={620}>
          {t.imports.formats}
        </Text>
        <Group>
          <FileButton
            multiple
            onChange={(files) => onTake(collectFromInput(listOf(files)))}
            inputProps={{ "aria-label": t.imports.chooseFiles }}
          >
            {(props) => (
              <Button variant="default" {...props}>
                {t.imports.chooseFiles}
              </Button>
            )}
          </FileButton>
          <Button variant="default" leftSection={<FolderUp size={16} />} onClick={() => folder.current?.click()}>
            {t.imports.chooseFolder}
          </Button>
          <input
            ref={folder}
            type="file"
            hidden
            multiple
            aria-label={t.imports.chooseFolder}
            data-testid="folder-input"
            {...{ webkitdirectory: "" }}
            onChange={(event) => event.target.files && onTake(collectFromInput(event.target.files))}
          />
        </Group>
        <Text size="xs" c="dimmed" ta="center" maw={620}>
          {t.imports.layout}
        </Text>
      </Stack>
    </section>
  );
}

function listOf(files: File[]): FileList {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  return transfer.files;
}

function Sending({ files, leftOut, onCancel }: { files: FileState[]; leftOut: number; onCancel: () => void }) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const sent = files.reduce((sum, file) => sum + file.size * file.share, 0);
  const failed = files.filter((file) => file.problem).length;
  return (
    <Stack>
      <Group justify="space-between">
        <Text role="status">{t.imports.sending(t.units.bytes(sent), t.units.bytes(total))}</Text>
        <Button size="compact-sm" variant="default" onClick={onCancel}>
          {failed === files.length ? t.imports.again : t.imports.cancel}
        </Button>
      </Group>
      <Progress value={total > 0 ? (100 * sent) / total : 0} aria-label={t.imports.progress} />
      {leftOut > 0 && (
        <Text size="sm" c="dimmed">
          {t.imports.leftOut(leftOut)}
        </Text>
      )}
      <FileTable files={files} />
    </Stack>
  );
}

const shownAtOnce = 200;

function FileTable({ files }: { files: FileState[] }) {
  // Those that need attention first, then those still moving: a DICOM folder has thousands of files.
  const order = [...files].sort((a, b) => Number(b.problem !== null) - Number(a.problem !== null) || a.share - b.share);
  return (
    <Table verticalSpacing={2}>
      <Table.Tbody>
        {order.slice(0, shownAtOnce).map((file) => (
          <Table.Tr key={file.path}>
            <Table.Td>
              <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                <bdi>{file.path}</bdi>
              </Text>
            </Table.Td>
            <Table.Td w={110} ta="right" className="tabular">
              {t.units.bytes(file.size)}
            </Table.Td>
            <Table.Td w={220}>
              {file.problem ? (
                <Text size="sm" c="var(--ui-warning)">
                  {file.problem}
                </Text>
              ) : (
                <Progress value={100 * file.share} size="sm" aria-label={t.imports.progressOf(file.path)} />
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Verdicts({ jobId, files, onAgain }: { jobId: string; files: FileState[]; onAgain: () => void }) {
  const job = useQuery({ ...jobQuery(jobId), refetchInterval: (query) => (isOver(query.state.data) ? false : 1500) });
  const isDone = isOver(job.data);
  const queries = useQueryClient();
  useEffect(() => {
    if (!isDone) return;
    for (const kind of ["project", "projects", "images", "project-experts", "assignments"])
      void queries.invalidateQueries({ queryKey: [kind] });
  }, [isDone, queries]);
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
  const { images, readings, verdicts } = readVerdicts(job.data.result);
  const unsent = files.flatMap((file) =>
    file.problem ? [{ file: file.path, status: "refused", code: "not-received", message: file.problem }] : [],
  );
  return (
    <Stack>
      <Alert color={images > 0 ? "teal" : "yellow"} variant="outline" title={t.imports.doneTitle} role="status">
        {t.imports.done(images, readings)}
      </Alert>
      <VerdictTable verdicts={[...unsent, ...verdicts]} />
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
function VerdictTable({ verdicts: all }: { verdicts: readonly VerdictOut[] }) {
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
