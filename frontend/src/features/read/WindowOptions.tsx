/** What the display can be set to, always in sight: window, presets. */
import { Group, Menu, NumberInput, Text, UnstyledButton } from "@mantine/core";
import { ChevronDown } from "lucide-react";
import { t } from "../../ui";
import { useSession } from "./SessionContext";
import { useRead } from "./store";
import { presetsOf, shownBound } from "./windows";

export function WindowOptions() {
  const session = useSession();
  const window = useRead((state) => state.view?.window);
  const image = useRead((state) => state.facts?.image);
  if (!window || !image || image.channels === 3) return null;
  const set = (low: number, high: number) => high > low && session.viewer.setWindow(low, high);
  return (
    <Group gap={8} wrap="nowrap">
      <Menu position="bottom-start">
        <Menu.Target>
          <UnstyledButton fz="xs" c="dimmed" title={t.read.windowPresets} style={{ whiteSpace: "nowrap" }}>
            {t.read.window} <ChevronDown size={12} aria-hidden style={{ verticalAlign: "-2px" }} />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          {presetsOf(image).map((preset, index) => (
            <Menu.Item
              key={preset.name}
              rightSection={index < 5 && <Text size="xs" c="dimmed">{`Shift+${index + 1}`}</Text>}
              onClick={() => set(preset.low, preset.high)}
            >
              <bdi>{preset.name}</bdi>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Bound label={t.read.windowLow} value={window.low} onChange={(low) => set(low, window.high)} />
      <Text size="xs" c="dimmed" aria-hidden>
        –
      </Text>
      <Bound label={t.read.windowHigh} value={window.high} onChange={(high) => set(window.low, high)} />
      {image.unit && <Text size="xs" c="dimmed">{`${image.unit}`}</Text>}
    </Group>
  );
}

function Bound({ label, value, onChange }: { label: string; value: number; onChange: (value: number) => void }) {
  const shown = shownBound(value);
  return (
    <NumberInput
      size="xs"
      w={78}
      hideControls
      aria-label={label}
      title={label}
      value={shown}
      onChange={(next) => typeof next === "number" && next !== shown && onChange(next)}
    />
  );
}
