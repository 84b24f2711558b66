/** The label set: value in the map, name, colour. Values already drawn stay what they are, so they are not reused silently. */
import { ActionIcon, Button, ColorInput, Group, NumberInput, Stack, Table, Text, TextInput } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { type LabelOut, type ProjectOut, setLabels, useAction } from "../../api";
import { ActionsHead, EmptyState, okabeIto, Problem, say, t } from "../../ui";
import { faultOf } from "./labelFaults";

const codeParts = [
  { part: "code_scheme", words: t.labels.codeScheme, length: 16, width: 90 },
  { part: "code_value", words: t.labels.codeValue, length: 64, width: 120 },
  { part: "code_meaning", words: t.labels.codeMeaning, length: 120, width: 150 },
] as const;

export function LabelsTab({ project, manages }: { project: ProjectOut; manages: boolean }) {
  const [labels, setDraft] = useState(project.labels);
  const save = useAction(setLabels, {
    stale: ["project", "projects"],
    shownInPlace: true,
    onDone: () => say(t.shell.saved, "good"),
  });
  const change = (at: number, part: Partial<LabelOut>) =>
    setDraft(labels.map((label, n) => (n === at ? { ...label, ...part } : label)));
  const add = () => setDraft([...labels, freshLabel(labels)]);
  const fault = faultOf(labels);
  const changed = JSON.stringify(labels) !== JSON.stringify(project.labels);
  return (
    <Stack align="flex-start">
      {labels.length === 0 && (
        <div style={{ width: "100%" }}>
          <EmptyState title={t.labels.none} next={manages ? t.labels.noneNext : t.labels.noneReader} />
        </div>
      )}
      {labels.length > 0 && (
        <Table.ScrollContainer minWidth={760} w="100%">
          <Table verticalSpacing={4} withRowBorders={false}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={90}>{t.labels.value}</Table.Th>
                <Table.Th>{t.labels.name}</Table.Th>
                <Table.Th w={150}>{t.labels.colour}</Table.Th>
                <Table.Th colSpan={3}>{t.labels.code}</Table.Th>
                <ActionsHead width={48} />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {labels.map((label, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a row's place is its identity while values are being typed
                <Table.Tr key={at}>
                  <Table.Td>
                    <NumberInput
                      aria-label={t.labels.valueOf(label.name)}
                      hideControls
                      min={1}
                      max={255}
                      allowDecimal={false}
                      disabled={!manages}
                      value={label.value}
                      onChange={(value) => change(at, { value: Number(value) })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <TextInput
                      aria-label={t.labels.nameAt(label.value)}
                      maxLength={120}
                      disabled={!manages}
                      value={label.name}
                      onChange={(event) => change(at, { name: event.currentTarget.value })}
                    />
                  </Table.Td>
                  <Table.Td>
                    <ColorInput
                      aria-label={t.labels.colourOf(label.name)}
                      withEyeDropper={false}
                      swatches={[...okabeIto]}
                      disabled={!manages}
                      value={label.colour}
                      onChange={(colour) => change(at, { colour: colour.toLowerCase() })}
                    />
                  </Table.Td>
                  {codeParts.map(({ part, words, length, width }) => (
                    <Table.Td key={part} w={width}>
                      <TextInput
                        aria-label={words(label.name)}
                        maxLength={length}
                        disabled={!manages}
                        value={label[part] ?? ""}
                        onChange={(event) => change(at, { [part]: event.currentTarget.value || null })}
                      />
                    </Table.Td>
                  ))}
                  <Table.Td>
                    {manages && (
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        aria-label={t.labels.remove(label.name)}
                        onClick={() => setDraft(labels.filter((_, n) => n !== at))}
                      >
                        <Trash2 size={16} />
                      </ActionIcon>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <Text size="sm" c="dimmed">
        {t.labels.codeHint}
      </Text>
      {fault && (
        <Text c="var(--ui-warning)" role="status">
          {fault}
        </Text>
      )}
      {save.problem && <Problem problem={save.problem} />}
      {manages && (
        <Group>
          <Button variant="default" leftSection={<Plus size={16} />} onClick={add}>
            {t.labels.add}
          </Button>
          <Button
            disabled={!changed || fault !== null}
            loading={save.busy}
            onClick={() => save.run(project.id, labels)}
          >
            {t.shell.save}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function freshLabel(labels: readonly LabelOut[]): LabelOut {
  const value = 1 + Math.max(0, ...labels.map((label) => label.value));
  const colour = okabeIto[labels.length % okabeIto.length] ?? okabeIto[0];
  return { value, name: "", colour, code_scheme: null, code_value: null, code_meaning: null };
}
