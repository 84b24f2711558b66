/** Which readings a style learnt from, and which only judged it. */
import { Modal, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { asProblem, type StyleOut, styleReadingsQuery } from "../../api";
import { Problem, t, Waiting } from "../../ui";

export function StyleReadings({ style, onClose }: { style: StyleOut; onClose: () => void }) {
  const readings = useQuery(styleReadingsQuery(style.id));
  return (
    <Modal opened onClose={onClose} size="lg" title={t.models.readingsOf(style.expert_name, style.number)}>
      {readings.error && <Problem problem={asProblem(readings.error)} retry={() => void readings.refetch()} />}
      {readings.isPending && <Waiting />}
      {readings.data && (
        <>
          <Table data-testid="style-readings">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.models.image}</Table.Th>
                <Table.Th>{t.models.reader}</Table.Th>
                <Table.Th>{t.models.revision}</Table.Th>
                <Table.Th>{t.models.use}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {readings.data.items.map((reading) => (
                <Table.Tr key={reading.revision_id}>
                  <Table.Td>
                    <bdi>{reading.image_name}</bdi>
                  </Table.Td>
                  <Table.Td>
                    <bdi>{reading.expert_name}</bdi>
                  </Table.Td>
                  <Table.Td className="tabular">{reading.number}</Table.Td>
                  <Table.Td>
                    {t.models.uses[reading.use]}
                    {reading.withdrawn_at && ` · ${t.models.withdrawnAt(t.units.dateTime(reading.withdrawn_at))}`}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {readings.data.hidden > 0 && (
            <Text size="sm" c="dimmed" mt="sm">
              {t.models.hiddenReadings(readings.data.hidden)}
            </Text>
          )}
        </>
      )}
    </Modal>
  );
}
