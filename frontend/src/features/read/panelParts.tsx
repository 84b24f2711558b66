/** What the panel's sections share: a titled section, the eye, the opacity slider. */
import { ActionIcon, Group, Slider, Text } from "@mantine/core";
import { Eye, EyeOff } from "lucide-react";
import type { ReactNode } from "react";
import { heatColour } from "../../engine";
import { t } from "../../ui";
import type { CommandId } from "./commands";
import classes from "./read.module.css";
import { useKeyHint } from "./useCommands";

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={title}>
      <h2 className={classes.sectionTitle}>{title}</h2>
      {children}
    </section>
  );
}

export function EyeButton({ visible, name, onToggle }: { visible: boolean; name: string; onToggle: () => void }) {
  return (
    <ActionIcon
      size={26}
      variant="subtle"
      color="gray"
      aria-pressed={visible}
      aria-label={visible ? t.read.hide(name) : t.read.show(name)}
      onClick={onToggle}
    >
      {visible ? <Eye size={15} /> : <EyeOff size={15} />}
    </ActionIcon>
  );
}

export function OpacitySlider({
  label,
  value,
  onChange,
}: {
  label: string;
  value: number;
  onChange: (value: number) => void;
}) {
  return (
    <Group gap={10} mt={8} wrap="nowrap">
      <Text size="xs" c="dimmed" w={74}>
        {label}
      </Text>
      <Slider
        flex={1}
        size="sm"
        min={0}
        max={1}
        step={0.05}
        label={(share) => t.read.percent(share)}
        thumbLabel={label}
        value={value}
        onChange={onChange}
      />
    </Group>
  );
}

/** The heat map's colours from 0.1 to 1, left to right. */
export const heatGradient = `linear-gradient(to right, ${[0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1].map(heatColour).join(", ")})`;

export function HeatSwatch() {
  return <span className={classes.heatSwatch} style={{ background: heatGradient }} aria-hidden />;
}

/** The key of a command as this person has set it; nothing where it is switched off. */
export function KeyHint({ command }: { command: CommandId }) {
  const keys = useKeyHint(command);
  return keys ? <span className={classes.kbd}>{keys}</span> : null;
}
