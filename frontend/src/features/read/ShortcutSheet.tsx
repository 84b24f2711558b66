/** The sheet behind `?`: every key that works here today. */
import { Kbd, Modal, SimpleGrid, Table, Text } from "@mantine/core";
import { t } from "../../ui";
import { useRead } from "./store";

export function ShortcutSheet() {
  const open = useRead((state) => state.sheetOpen);
  return (
    <Modal opened={open} onClose={() => useRead.setState({ sheetOpen: false })} title={t.keys.title} size="xl">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {t.keys.groups.map((group) => (
          <div key={group.title}>
            <Text fw={600} size="sm" mb={4}>
              {group.title}
            </Text>
            <Table withRowBorders={false} verticalSpacing={2}>
              <Table.Tbody>
                {group.rows.map(([keys, meaning]) => (
                  <Table.Tr key={keys}>
                    <Table.Td w={126}>
                      <Kbd size="xs">{keys}</Kbd>
                    </Table.Td>
                    <Table.Td>{meaning}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </div>
        ))}
      </SimpleGrid>
    </Modal>
  );
}
