/** What an upload holds, before anything of it is kept: where each image lies in the patient, and which files will be refused. */
import { Alert, Badge, Button, Group, Stack, Table, Text } from "@mantine/core";
import { useState } from "react";
import { t } from "../../../ui";
import { type FoundImage, readReport } from "./result";
import type { FileState } from "./upload";
import { unsentOf, VerdictTable } from "./Verdicts";

type Props = {
  result: Readonly<Record<string, unknown>> | null;
  files: FileState[];
  onKeep: () => Promise<void>;
  onForget: () => void;
};

export function Inspection({ result, files, onKeep, onForget }: Props) {
  const [busy, setBusy] = useState(false);
  const { images, readings, verdicts } = readReport(result);
  const wanted = images.filter((image) => !image.duplicate).length;
  const maps = readings.reduce((sum, [, count]) => sum + count, 0);
  const attention = verdicts.filter((verdict) => verdict.status !== "accepted" && verdict.status !== "warning");
  const keep = () => {
    setBusy(true);
    void onKeep();
  };
  return (
    <Stack data-testid="inspection">
      <Alert color={wanted + maps > 0 ? "azure" : "yellow"} variant="outline" title={t.imports.lookTitle} role="status">
        {t.imports.found(wanted, maps)}
      </Alert>
      {images.length > 0 && <FoundImages images={images} />}
      {images.some((image) => image.axes) && (
        <Text size="xs" c="dimmed">
          {t.imports.axesHint}
        </Text>
      )}
      {readings.length > 0 && (
        <Text size="sm">
          <bdi>{readings.map(([expert, count]) => t.imports.readingsOf(expert, count)).join(" · ")}</bdi>
        </Text>
      )}
      <VerdictTable verdicts={[...unsentOf(files), ...attention]} />
      <Group>
        <Button onClick={keep} loading={busy} disabled={wanted + maps === 0} data-testid="keep-import">
          {t.imports.keep}
        </Button>
        <Button variant="default" onClick={onForget} disabled={busy}>
          {t.imports.forget}
        </Button>
      </Group>
      <Text size="xs" c="dimmed">
        {t.imports.forgetHint}
      </Text>
    </Stack>
  );
}

function FoundImages({ images }: { images: readonly FoundImage[] }) {
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.worklist.image}</Table.Th>
            <Table.Th>{t.imports.voxels}</Table.Th>
            <Table.Th>{t.imports.spacing}</Table.Th>
            <Table.Th>{t.imports.orientation}</Table.Th>
            <Table.Th>{t.imports.remarks}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {images.map((image) => (
            <Table.Tr key={`${image.name} ${image.dims.join()} ${image.files}`} data-testid="found-image">
              <Table.Td>
                <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
                  <bdi>{image.name}</bdi>
                </Text>
                <Text size="xs" c="dimmed">
                  {t.imports.madeOf(image.modality, image.files)}
                </Text>
              </Table.Td>
              <Table.Td className="tabular">{t.units.size(image.dims)}</Table.Td>
              <Table.Td className="tabular">
                {image.spacingMm ? t.imports.spacingOf(image.spacingMm) : t.imports.noSpacing}
              </Table.Td>
              <Table.Td>
                {image.axes
                  ? t.imports.axesOf(image.axes, image.fileAxes ?? image.axes, image.tiltDegrees ?? 0)
                  : t.imports.noOrientation}
              </Table.Td>
              <Table.Td>
                <Remarks image={image} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Remarks({ image }: { image: FoundImage }) {
  const geometry = t.read.geometry[image.geometry as keyof typeof t.read.geometry];
  return (
    <Stack gap={2}>
      {image.duplicate && (
        <Badge variant="light" color="gray" tt="none">
          {t.imports.verdicts.duplicate}
        </Badge>
      )}
      {image.geometry !== "regular" && geometry && (
        <Badge variant="outline" color="yellow" tt="none">
          {geometry}
        </Badge>
      )}
      {image.warnings.map((warning) => (
        <Text key={warning} size="xs" c="var(--ui-warning)" className="sentence">
          {warning}
        </Text>
      ))}
    </Stack>
  );
}
