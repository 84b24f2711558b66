/** Everybody's own keys: each shortcut can be rebound or switched off (WCAG 2.1.4), and a conflict is said before it is made. */
import { Alert, Button, Group, Kbd, Modal, Stack, Switch, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useState } from "react";
import { asProblem, preferencesQuery, useSavePreferences } from "../../api";
import { ActionsHead, Problem, say, t, Waiting } from "../../ui";
import {
  type CommandId,
  chordOf,
  commands,
  isSingleKey,
  type Overrides,
  pressOf,
  printed,
  rebind,
  refusalOf,
  shortcutOf,
} from "../read";

type Entry = (typeof commands)[number];

export function KeyboardTab() {
  const preferences = useQuery(preferencesQuery);
  const save = useSavePreferences();
  const [changing, setChanging] = useState<Entry | null>(null);
  if (preferences.error)
    return <Problem problem={asProblem(preferences.error)} retry={() => void preferences.refetch()} />;
  if (!preferences.data) return <Waiting />;
  const overrides: Overrides = preferences.data.shortcuts;
  const keep = (next: Overrides) =>
    save({
      shortcuts: Object.fromEntries(Object.entries(next).map(([id, { keys, on }]) => [id, { keys: [...keys], on }])),
    });
  const restore = (id: CommandId) => keep(Object.fromEntries(Object.entries(overrides).filter(([own]) => own !== id)));
  return (
    <Stack>
      <Text c="dimmed">{t.account.keyboard.hint}</Text>
      <Group>
        <Button variant="default" onClick={() => keep(singlesOff(overrides))}>
          {t.account.keyboard.singlesOff}
        </Button>
        <Button variant="default" disabled={Object.keys(overrides).length === 0} onClick={() => keep({})}>
          {t.account.keyboard.restoreAll}
        </Button>
        <Text size="sm" c="dimmed">
          {t.account.keyboard.singlesHint}
        </Text>
      </Group>
      {(["tools", "layers", "views", "case"] as const).map((group) => (
        <Stack key={group} gap="xs">
          <Title order={2}>{t.keys.groups[group]}</Title>
          <Table.ScrollContainer minWidth={460}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t.account.keyboard.command}</Table.Th>
                  <Table.Th w={170}>{t.account.keyboard.keys}</Table.Th>
                  <Table.Th w={70}>{t.account.keyboard.active}</Table.Th>
                  <ActionsHead width={190} />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {commands
                  .filter((entry) => entry.group === group)
                  .map((entry) => (
                    <Row
                      key={entry.id}
                      entry={entry}
                      overrides={overrides}
                      onSwitch={(on) =>
                        keep({ ...overrides, [entry.id]: { keys: shortcutOf(entry, overrides).keys, on } })
                      }
                      onChange={() => setChanging(entry)}
                      onRestore={() => restore(entry.id)}
                    />
                  ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Stack>
      ))}
      {changing && (
        <NewKey
          id={changing.id}
          overrides={overrides}
          onClose={() => setChanging(null)}
          onChosen={(chord) => {
            keep(rebind(changing.id, chord, overrides));
            say(t.account.keyboard.saved(printed(chord), t.keys.commands[changing.id]), "good");
            setChanging(null);
          }}
        />
      )}
    </Stack>
  );
}

type RowProps = {
  entry: Entry;
  overrides: Overrides;
  onSwitch: (on: boolean) => void;
  onChange: () => void;
  onRestore: () => void;
};

function Row({ entry, overrides, onSwitch, onChange, onRestore }: RowProps) {
  const { keys, on } = shortcutOf(entry, overrides);
  const name = t.keys.commands[entry.id];
  return (
    <Table.Tr data-testid={`shortcut-${entry.id}`} opacity={on ? 1 : 0.75}>
      <Table.Td>{name}</Table.Td>
      <Table.Td>
        <Group gap={6}>
          {keys.map((chord) => (
            <Kbd key={chord}>{printed(chord)}</Kbd>
          ))}
          {keys.length === 0 && (
            <Text size="sm" c="dimmed">
              {t.account.keyboard.none}
            </Text>
          )}
        </Group>
      </Table.Td>
      <Table.Td>
        <Switch
          checked={on}
          disabled={keys.length === 0}
          aria-label={t.account.keyboard.switchOf(name)}
          onChange={(event) => onSwitch(event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          <Button
            size="compact-sm"
            variant="default"
            aria-label={t.account.keyboard.changeOf(name)}
            disabled={entry.id === "cancel"}
            onClick={onChange}
          >
            {t.account.keyboard.change}
          </Button>
          {entry.id in overrides && (
            <Button
              size="compact-sm"
              variant="subtle"
              aria-label={t.account.keyboard.restoreOf(name)}
              onClick={onRestore}
            >
              {t.account.keyboard.restore}
            </Button>
          )}
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

type NewKeyProps = { id: CommandId; overrides: Overrides; onClose: () => void; onChosen: (chord: string) => void };

/** Waits for a key; says why one cannot be had, and offers to take it from who has it. */
function NewKey({ id, overrides, onClose, onChosen }: NewKeyProps) {
  const [wanted, setWanted] = useState<string | null>(null);
  const refusal = wanted === null ? null : refusalOf(wanted, id, overrides);
  const holder = refusal?.kind === "taken" ? t.keys.commands[refusal.by] : null;
  const listen = (event: KeyboardEvent) => {
    const chord = chordOf({ ...pressOf(event.nativeEvent), typing: false });
    if (chord === null || chord === "Escape") return;
    // The button that takes the key from its holder is worked as any other.
    if (event.target instanceof HTMLButtonElement && (chord === "Enter" || chord === "Space")) return;
    event.preventDefault();
    if (refusalOf(chord, id, overrides) === null) return onChosen(chord);
    setWanted(chord);
  };
  return (
    <Modal opened onClose={onClose} title={t.account.keyboard.press(t.keys.commands[id])}>
      <Stack onKeyDown={listen}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: this is where the new key is pressed; it takes the focus */}
        <div tabIndex={0} role="application" aria-label={t.account.keyboard.press(t.keys.commands[id])} data-autofocus>
          <Text>{t.account.keyboard.pressHint}</Text>
        </div>
        {wanted && refusal && (
          <Alert color="yellow" variant="outline">
            {holder ? t.account.keyboard.taken(printed(wanted), holder) : t.account.keyboard.reserved(printed(wanted))}
          </Alert>
        )}
        {wanted && holder && <Button onClick={() => onChosen(wanted)}>{t.account.keyboard.take(holder)}</Button>}
      </Stack>
    </Modal>
  );
}

function singlesOff(overrides: Overrides): Overrides {
  const singles = commands.filter((entry) => shortcutOf(entry, overrides).keys.some(isSingleKey));
  return {
    ...overrides,
    ...Object.fromEntries(singles.map((entry) => [entry.id, { keys: shortcutOf(entry, overrides).keys, on: false }])),
  };
}
