/** How the image was made: its grid, what the import remarked, and what its DICOM header may tell this reader. */
import { ActionIcon, Modal, ScrollArea, Table, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Info } from "lucide-react";
import { useState } from "react";
import { asProblem, type ImageOut, imageTagsQuery } from "../../api";
import { Problem, remarkOf, t, Waiting } from "../../ui";
import { columnLengths_mm } from "./looks";

export function AboutImage({ image }: { image: ImageOut }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Tooltip label={t.measures.about}>
        <ActionIcon variant="subtle" color="gray" aria-label={t.measures.about} onClick={() => setOpened(true)}>
          <Info size={18} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={opened} onClose={() => setOpened(false)} title={t.measures.about} size="lg">
        <Facts image={image} />
        <Text component="h3" size="sm" fw={600} mt="md">
          {t.measures.tags}
        </Text>
        <Text size="xs" c="dimmed" mb="xs">
          {t.measures.tagsHint}
        </Text>
        <Tags imageId={image.id} />
      </Modal>
    </>
  );
}

function Facts({ image }: { image: ImageOut }) {
  const { nx, ny, nz, geometry, unit, low, high, slope, intercept, warnings } = image;
  const spacing = columnLengths_mm(image)?.map((mm) => Number(mm.toPrecision(4)).toString());
  const range = [low, high].map((stored) => Number((stored * slope + intercept).toPrecision(5)));
  const rows = [
    [t.measures.grid, t.measures.gridOf(t.units.size([nx, ny, nz]), spacing?.join(" × ") ?? null)],
    [t.measures.geometry, t.read.geometry[geometry]],
    [t.measures.unit, `${t.measures.range(String(range[0]), String(range[1]))}${unit && ` ${unit}`}`],
    [t.measures.warnings, warnings.map(remarkOf).join("; ") || t.measures.noWarnings],
  ];
  return (
    <Table verticalSpacing={4} data-testid="image-facts">
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th w={180}>{name}</Table.Th>
            <Table.Td>
              <bdi>{value}</bdi>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Tags({ imageId }: { imageId: string }) {
  const { data, error, refetch } = useQuery(imageTagsQuery(imageId));
  if (error) return <Problem problem={asProblem(error)} retry={() => void refetch()} />;
  if (!data) return <Waiting />;
  if (data.items.length === 0) return <Text size="sm">{t.measures.noTags}</Text>;
  return (
    <ScrollArea.Autosize mah={380} type="auto">
      <Table verticalSpacing={2} data-testid="image-tags">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.measures.element}</Table.Th>
            <Table.Th>{t.measures.name}</Table.Th>
            <Table.Th>{t.measures.value}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {data.items.map(({ tag, name, value }) => (
            <Table.Tr key={tag}>
              <Table.Td c="dimmed">{tag}</Table.Td>
              <Table.Td>{name}</Table.Td>
              <Table.Td>
                <bdi>{value}</bdi>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea.Autosize>
  );
}
