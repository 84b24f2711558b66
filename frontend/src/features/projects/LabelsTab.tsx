/** The label set: value in the map, name, colour. Values already drawn stay what they are, so they are not reused silently. */
import { ActionIcon, Button, ColorInput, Group, NumberInput, Stack, Table, Text, TextInput } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { type LabelOut, type ProjectOut, setLabels, useAction } from "../../api";
import { ActionsHead, EmptyState, okabeIto, Problem, say, t } from "../../ui";
import { faultOf } from "./labelFaults";

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
        <Table maw={720} verticalSpacing={4} withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={90}>{t.labels.value}</Table.Th>
              <Table.Th>{t.labels.name}</Table.Th>
              <Table.Th w={170}>{t.labels.colour}</Table.Th>
              <ActionsHead width={48} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {labels.map((label, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a row's place is its identity while values are being typed
              <Table.Tr key={at}>
                <Table.Td>
                  <NumberInput
                    aria-label={t.labels.value}
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
                    aria-label={t.labels.name}
                    maxLength={120}
                    disabled={!manages}
                    value={label.name}
                    onChange={(event) => change(at, { name: event.currentTarget.value })}
                  />
                </Table.Td>
                <Table.Td>
                  <ColorInput
                    aria-label={t.labels.colour}
                    withEyeDropper={false}
                    swatches={[...okabeIto]}
                    disabled={!manages}
                    value={label.colour}
                    onChange={(colour) => change(at, { colour: colour.toLowerCase() })}
                  />
                </Table.Td>
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
      )}
      {fault && <Text c="orange">{fault}</Text>}
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
