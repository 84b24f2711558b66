/** The few controls that tools' options are made of; each gives the focus back, so that keys mean tools again. */
import { Button, Checkbox, Group, NativeSelect, NumberInput, Text, Tooltip } from "@mantine/core";
import { t } from "../../ui";
import type { CommandId } from "./commands";
import { useSession } from "./SessionContext";
import { useRead } from "./store";
import { useKeyHint } from "./useCommands";

type FigureProps = {
  label: string;
  value: number;
  onChange: (value: number) => void;
  unit?: string;
  min?: number;
  max?: number;
  step?: number;
  decimals?: number;
  testId?: string;
};

export function Figure({ label, value, onChange, unit, min, max, step = 1, decimals = 1, testId }: FigureProps) {
  return (
    <Group gap={6} wrap="nowrap">
      <Text size="xs" c="dimmed" aria-hidden>
        {label}
      </Text>
      <NumberInput
        data-testid={testId}
        aria-label={label}
        size="xs"
        w={unit ? 96 : 78}
        {...(unit ? { suffix: ` ${unit}` } : {})}
        {...(min === undefined ? {} : { min })}
        {...(max === undefined ? {} : { max })}
        step={step}
        decimalScale={decimals}
        clampBehavior="blur"
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        value={Number(value.toFixed(decimals))}
        onChange={(next) => typeof next === "number" && next >= (min ?? -Infinity) && onChange(next)}
      />
    </Group>
  );
}

type ChoiceProps<Value extends string> = {
  label: string;
  value: Value;
  values: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
};

export function Choice<Value extends string>(props: ChoiceProps<Value>) {
  return (
    <Group gap={6} wrap="nowrap">
      <Text size="xs" c="dimmed" aria-hidden>
        {props.label}
      </Text>
      <Pick maw={240} {...props} />
    </Group>
  );
}

/** A choice whose values say by themselves what is chosen. `maw`: px, where it would be as wide as its longest label's name. */
export function Pick<Value extends string>({
  label,
  value,
  values,
  onChange,
  maw,
}: ChoiceProps<Value> & { maw?: number }) {
  return (
    <NativeSelect
      size="xs"
      maw={maw}
      aria-label={label}
      data={values.map(([each, words]) => ({ value: each, label: words }))}
      value={value}
      onChange={(event) => {
        const next = values.find(([each]) => each === event.currentTarget.value);
        event.currentTarget.blur();
        if (next) onChange(next[0]);
      }}
    />
  );
}

/** Which of the large view's slices are taken over, of a prediction or a proxy; nothing for a picture of one slice. */
export function AcceptReach() {
  const part = useRead((state) => state.acceptPart);
  const plane = useRead((state) => state.largePlane);
  const isFlat = useRead((state) => (state.facts?.image.nz ?? 1) === 1);
  const { part: words, reaches } = t.read.accepting;
  if (isFlat) return null;
  return (
    <Pick
      label={words.slices}
      value={part.reach}
      values={reaches(t.read.planes[plane])}
      onChange={(reach) => useRead.setState({ acceptPart: { ...part, reach } })}
    />
  );
}

type SwitchProps = {
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
  /** why it cannot be switched; absent: it can */
  why?: string;
};

export function Switch({ label, on, onChange, why }: SwitchProps) {
  return (
    <Tooltip label={why} disabled={why === undefined} multiline maw={280}>
      <Checkbox
        size="xs"
        label={label}
        checked={on}
        disabled={why !== undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    </Tooltip>
  );
}

type ActProps = { label: string; command: CommandId; onClick: () => void; isMain?: boolean };

/** A button that does what a key does too; the focus stays where it was. */
export function Act({ label, command, onClick, isMain = false }: ActProps) {
  const hint = useKeyHint(command);
  return (
    <Button
      size="compact-xs"
      variant={isMain ? "filled" : "default"}
      title={hint ? `${label} (${hint})` : label}
      onMouseDown={(event) => event.preventDefault()}
      onClick={onClick}
    >
      {label}
    </Button>
  );
}

/** Applies the chosen tool at the crosshair, closes the outline or accepts the preview: what Enter does. */
export function Apply({ label }: { label: string }) {
  const session = useSession();
  const apply = () => void session.viewer.confirm(useRead.getState().activePlane);
  return <Act label={label} command="accept" onClick={apply} isMain />;
}
