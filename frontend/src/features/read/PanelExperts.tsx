/** The other readings that the server lets me see, as outlines. */
import { Text } from "@mantine/core";
import { t } from "../../ui";
import { dashPattern } from "./looks";
import { EyeButton, Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { type Layer, useRead } from "./store";

export function ExpertsSection() {
  const experts = useRead((state) => state.experts);
  const blinding = useRead((state) => state.facts?.project.policy.blinding);
  return (
    <Section title={t.read.experts}>
      {experts.length === 0 && (
        <Text size="sm" c="dimmed">
          {blinding === "open" ? t.read.noExperts : t.read.blinded}
        </Text>
      )}
      {experts.map((layer) => (
        <ExpertRow key={layer.id} layer={layer} />
      ))}
    </Section>
  );
}

function ExpertRow({ layer }: { layer: Layer }) {
  const session = useSession();
  const { look, title } = layer;
  return (
    <div className={classes.row} data-testid="expert-row">
      <svg width={28} height={10} aria-hidden>
        <title>{title}</title>
        <line
          x1={1}
          y1={5}
          x2={27}
          y2={5}
          stroke={look.colour ?? "#d3d8df"}
          strokeWidth={2.5}
          strokeDasharray={dashPattern[look.dash]}
        />
      </svg>
      <button
        type="button"
        className={classes.rowName}
        title={t.read.soloHint}
        onClick={(event) => (event.shiftKey ? solo(session, layer) : toggle(session, layer))}
      >
        <bdi>{title}</bdi>
      </button>
      {layer.problem && <Text size="xs" c="orange">{`${layer.problem}`}</Text>}
      <EyeButton visible={look.visible} name={title} onToggle={() => toggle(session, layer)} />
    </div>
  );
}

function toggle(session: ReturnType<typeof useSession>, { id, look }: Layer): void {
  session.setLayerLook(id, { visible: !look.visible });
}

function solo(session: ReturnType<typeof useSession>, { id }: Layer): void {
  for (const other of useRead.getState().experts) session.setLayerLook(other.id, { visible: other.id === id });
}
