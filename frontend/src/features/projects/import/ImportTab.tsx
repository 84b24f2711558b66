/**
 * Drop a folder, files or a zip: progress per file, then what the server found in them, then, once asked to keep it,
 * the verdict for each.
 * Lazily loaded; opened by managers only.
 */
import { Button, Checkbox, FileButton, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { FolderUp, Upload } from "lucide-react";
import { type DragEvent, useRef, useState } from "react";
import { asProblem, commitImport, createImport, inspectImport } from "../../../api";
import { Problem, t } from "../../../ui";
import { type Collected, collectFromDrop, collectFromInput } from "./collect";
import { Inspection } from "./Inspection";
import { type FileState, uploadAll } from "./upload";
import { Following, Verdicts } from "./Verdicts";

type Stage =
  | { name: "waiting" }
  | { name: "sending"; files: FileState[]; leftOut: number }
  | { name: "looking"; importId: string; jobId: string; files: FileState[] }
  | { name: "keeping"; jobId: string; files: FileState[] }
  | { name: "failed"; title: string; detail: string };

export default function ImportTab({ projectId }: { projectId: string }) {
  const [stage, setStage] = useState<Stage>({ name: "waiting" });
  const [experts, setExperts] = useState(true);
  const abort = useRef<AbortController | null>(null);

  const fail = (error: unknown) => {
    const { title, detail } = asProblem(error);
    setStage({ name: "failed", title, detail });
  };
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
      const job = await inspectImport(id);
      setStage({ name: "looking", importId: id, jobId: job.id, files });
    } catch (error) {
      fail(error);
    }
  };
  const keep = (importId: string, files: FileState[]) =>
    commitImport(importId).then((job) => setStage({ name: "keeping", jobId: job.id, files }), fail);
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
      {stage.name === "looking" && (
        <Following key={stage.jobId} jobId={stage.jobId} onAgain={startOver}>
          {(result) => (
            <Inspection
              result={result}
              files={stage.files}
              onKeep={() => keep(stage.importId, stage.files)}
              onForget={startOver}
            />
          )}
        </Following>
      )}
      {stage.name === "keeping" && (
        <Following key={stage.jobId} jobId={stage.jobId} onAgain={startOver}>
          {(result) => <Verdicts result={result} files={stage.files} onAgain={startOver} />}
        </Following>
      )}
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
