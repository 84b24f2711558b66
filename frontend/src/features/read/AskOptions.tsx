/** Ask AI's part of the options bar: the form of the prompt, and where the open round of prompts stands. */
import { Button, Group, Loader, SegmentedControl, Text } from "@mantine/core";
import { Box, Lasso, MousePointerClick, PenLine } from "lucide-react";
import type { ReactNode } from "react";
import type { PromptShape } from "../../engine";
import { t } from "../../ui";
import { Figure } from "./optionParts";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

const shapes: readonly (readonly [PromptShape, ReactNode])[] = [
  ["point", <MousePointerClick key="point" size={14} />],
  ["scribble", <PenLine key="scribble" size={14} />],
  ["box", <Box key="box" size={14} />],
  ["lasso", <Lasso key="lasso" size={14} />],
];

export function AskOptions() {
  const session = useSession();
  const options = useRead((state) => state.view?.toolOptions.ask);
  const isFlat = useRead((state) => (state.facts?.image.nz ?? 1) === 1);
  if (!options) return null;
  const set = (change: Partial<typeof options>) => session.viewer.setToolOptions({ ask: { ...options, ...change } });
  return (
    <>
      <SegmentedControl
        size="xs"
        aria-label={t.ask.shape}
        value={options.shape}
        onMouseDown={(event) => event.preventDefault()}
        onChange={(shape) => {
          const chosen = shapes.find(([each]) => each === shape);
          if (chosen) set({ shape: chosen[0] });
        }}
        data={shapes.map(([value, icon]) => ({
          value,
          label: (
            <Group gap={4} wrap="nowrap">
              {icon}
              {t.ask.shapes[value]}
            </Group>
          ),
        }))}
      />
      {options.shape === "box" && !isFlat && (
        <Figure
          label={t.ask.boxSlices}
          min={0}
          max={200}
          decimals={0}
          value={options.boxSlices}
          onChange={(boxSlices) => set({ boxSlices })}
        />
      )}
    </>
  );
}

/** What was asked and answered so far; shown with any tool while a round is open, because Enter and Esc then mean it. */
export function AskStatus() {
  const session = useSession();
  const asking = useRead((state) => state.asking);
  if (!asking) return null;
  const { count, pending, hasProposal, problem } = asking;
  const words = problem ?? (pending ? t.ask.pending(count) : hasProposal ? t.ask.answered(count) : t.ask.none);
  return (
    <Group
      gap={8}
      wrap="nowrap"
      data-testid="ask-state"
      data-state={problem ? "failed" : pending ? "pending" : "answered"}
    >
      {pending && <Loader size={14} aria-hidden />}
      <Text size="xs" {...(problem && { c: "orange" })} role="status">
        {words}
      </Text>
      <Button size="compact-xs" disabled={pending || !hasProposal} onClick={() => session.accept("active")}>
        {t.ask.accept}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => session.undo()}>
        {t.ask.takeBack}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => session.cancel()}>
        {t.ask.withdraw}
      </Button>
    </Group>
  );
}
