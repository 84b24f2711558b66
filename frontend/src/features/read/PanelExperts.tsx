/** The other readings that the server lets me see, their majority, and where they disagree. */
import { Text } from "@mantine/core";
import { t } from "../../ui";
import { listVoters, showMajority, soloLayer, toggleHeat, toggleLayer } from "./layers";
import { consensusLook, dashPattern } from "./looks";
import { EyeButton, HeatSwatch, KeyHint, OpacitySlider, Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { type Layer, useRead } from "./store";

export function ExpertsSection() {
  const session = useSession();
  const experts = useRead((state) => state.experts);
  const known = useRead((state) => state.expertsKnown);
  const isBlinded = useRead(({ facts }) => facts?.project.policy.blinding !== "open" && !facts?.review);
  const opacity = experts[0]?.look.opacity ?? 1;
  return (
    <Section title={t.read.experts}>
      {experts.length === 0 && (
        <Text size="sm" c="dimmed">
          {isBlinded ? t.read.blinded : known ? t.read.noExperts : t.read.expertsLater}
        </Text>
      )}
      {experts.map((layer) => (
        <ExpertRow key={layer.id} layer={layer} />
      ))}
      <VoteRows />
      {experts.length > 0 && (
        <OpacitySlider
          label={t.layers.outlines}
          value={opacity}
          onChange={(next) => {
            for (const { id } of experts) session.setLayerLook(id, { opacity: next });
          }}
        />
      )}
    </Section>
  );
}

function ExpertRow({ layer }: { layer: Layer }) {
  const session = useSession();
  const { look, title, author } = layer;
  const hint = author === "proxy" ? `${t.layers.proxyHint} ${t.read.soloHint}` : t.read.soloHint;
  return (
    <div className={classes.row} data-testid="expert-row" data-author={author}>
      <LineSwatch
        colour={look.colour ?? "#d3d8df"}
        dashes={dashPattern[look.dash]}
        hatched={look.kind === "proposal"}
      />
      <button
        type="button"
        className={classes.rowName}
        title={hint}
        onClick={(event) => (event.shiftKey ? soloLayer(session, layer) : toggleLayer(session, layer))}
      >
        <bdi>{title}</bdi>
      </button>
      {layer.problem && <Text size="xs" c="orange">{`${layer.problem}`}</Text>}
      <EyeButton visible={look.visible} name={title} onToggle={() => toggleLayer(session, layer)} />
    </div>
  );
}

/** What the readings make together; it takes two of them. */
function VoteRows() {
  const session = useSession();
  const readings = useRead((state) => listVoters(state.experts).length);
  const majority = useRead((state) => state.majority);
  const heat = useRead((state) => state.heat);
  if (readings < 2) return null;
  const title = t.layers.majority(readings);
  const toggleMajority = () => showMajority(session.viewer, !majority);
  const toggleDisagreement = () => toggleHeat(session.viewer, "disagreement");
  return (
    <>
      <div className={classes.row} data-testid="majority-row">
        <LineSwatch colour={consensusLook.colour ?? ""} dashes={dashPattern.long} />
        <button type="button" className={classes.rowName} title={t.layers.majorityHint} onClick={toggleMajority}>
          {title}
        </button>
        <EyeButton visible={majority} name={title} onToggle={toggleMajority} />
      </div>
      <div className={classes.row} data-testid="disagreement-row">
        <HeatSwatch />
        <button
          type="button"
          className={classes.rowName}
          title={t.layers.heatHint.disagreement}
          onClick={toggleDisagreement}
        >
          {t.layers.heat.disagreement}
        </button>
        <KeyHint command="toggle-disagreement" />
        <EyeButton visible={heat === "disagreement"} name={t.layers.heat.disagreement} onToggle={toggleDisagreement} />
      </div>
    </>
  );
}

/** How a layer's outline looks; hatched where it is filled like the proposal. */
export function LineSwatch({ colour, dashes, hatched = false }: { colour: string; dashes: string; hatched?: boolean }) {
  return (
    <svg width={28} height={10} aria-hidden focusable={false}>
      {hatched &&
        [2, 8, 14, 20].map((x) => <line key={x} x1={x} y1={10} x2={x + 6} y2={0} stroke={colour} strokeWidth={1} />)}
      <line x1={1} y1={5} x2={27} y2={5} stroke={colour} strokeWidth={2.5} strokeDasharray={dashes} />
    </svg>
  );
}
