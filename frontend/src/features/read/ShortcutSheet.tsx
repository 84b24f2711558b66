/** The sheet behind `?`: every key that works here for this person, and what the mouse does. */
import { Anchor, Kbd, Modal, SimpleGrid, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { t } from "../../ui";
import { type CommandId, commands } from "./commands";
import { type Keymap, printed } from "./keymap";
import { useRead } from "./store";
import { useKeymap } from "./useCommands";

type Row = { keys: string; meaning: string };

export function ShortcutSheet() {
  const open = useRead((state) => state.sheetOpen);
  const keymap = useKeymap();
  return (
    <Modal opened={open} onClose={() => useRead.setState({ sheetOpen: false })} title={t.keys.title} size="xl">
      <Text size="sm" mb="md">
        {t.keys.change}{" "}
        <Anchor component={Link} to="/account?tab=keyboard">
          {t.keys.changeWhere}
        </Anchor>
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {(["tools", "layers", "views", "case"] as const).map((group) => (
          <Rows key={group} title={t.keys.groups[group]} rows={rowsOf(group, keymap)} />
        ))}
        <Rows title={t.keys.mouse.title} rows={t.keys.mouse.rows} />
      </SimpleGrid>
    </Modal>
  );
}

function Rows({ title, rows }: { title: string; rows: readonly Row[] }) {
  return (
    <div>
      <Text fw={600} size="sm" mb={4}>
        {title}
      </Text>
      <Table withRowBorders={false} verticalSpacing={2}>
        <Table.Tbody>
          {rows.map(({ keys, meaning }) => (
            <Table.Tr key={meaning}>
              <Table.Td w={150}>
                <Kbd size="xs">{keys}</Kbd>
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** One row a command, or a family; commands without a key are left out. */
function rowsOf(group: (typeof commands)[number]["group"], keymap: Keymap): Row[] {
  const keys = new Map<CommandId, string[]>();
  for (const [chord, entry] of keymap)
    keys.set(entry.id as CommandId, [...(keys.get(entry.id as CommandId) ?? []), printed(chord)]);
  const rows = new Map<string, string[]>();
  for (const entry of commands) {
    if (entry.group !== group) continue;
    const family = "family" in entry ? entry.family : undefined;
    const meaning = family ? t.keys.families[family] : t.keys.commands[entry.id];
    rows.set(meaning, [...(rows.get(meaning) ?? []), ...(keys.get(entry.id) ?? [])]);
  }
  return [...rows].flatMap(([meaning, chords]) => (chords.length > 0 ? [{ keys: shortened(chords), meaning }] : []));
}

function shortened(chords: readonly string[]): string {
  return chords.length > 3 ? `${chords[0]} … ${chords.at(-1)}` : chords.join(", ");
}
