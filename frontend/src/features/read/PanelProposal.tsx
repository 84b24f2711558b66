/** The model's proposal: whose style it is, and taking it over. */
import { Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { asProblem, isProblem } from "../../api";
import { say, t } from "../../ui";
import { toggleHeat } from "./layers";
import { OpinionsButton } from "./OpinionStrip";
import { AcceptReach, Pick } from "./optionParts";
import { EyeButton, HeatSwatch, KeyHint, OpacitySlider, Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function ProposalSection() {
  const session = useSession();
  const proposal = useRead((state) => state.proposal);
  const newer = useRead((state) => state.newerProposal);
  const blocked = useRead((state) => !state.view?.canDraw || Boolean(state.facts?.readOnly));
  const heat = useRead((state) => state.heat);
  if (!proposal) return <NoProposal />;
  const toggleUncertainty = () => toggleHeat(session.viewer, "uncertainty");
  return (
    <Section title={t.read.proposal}>
      <Stack gap={8}>
        <div className={classes.row} style={{ paddingLeft: 0 }}>
          <Text size="sm" flex={1} data-testid="style-label">
            <bdi>{proposal.title}</bdi>
          </Text>
          <EyeButton
            visible={proposal.look.visible}
            name={t.read.proposal}
            onToggle={() => session.setLayerLook(proposal.id, { visible: !proposal.look.visible })}
          />
        </div>
        <OlderStyle />
        <div className={classes.row} style={{ paddingLeft: 0 }} data-testid="uncertainty-row">
          <HeatSwatch />
          <button
            type="button"
            className={classes.rowName}
            title={t.layers.heatHint.uncertainty}
            onClick={toggleUncertainty}
          >
            {t.layers.heat.uncertainty}
          </button>
          <KeyHint command="toggle-uncertainty" />
          <EyeButton visible={heat === "uncertainty"} name={t.layers.heat.uncertainty} onToggle={toggleUncertainty} />
        </div>
        {proposal.problem && <Text size="xs" c="orange">{`${proposal.problem}`}</Text>}
        <Group gap={8} grow preventGrowOverflow={false} wrap="nowrap">
          <Button size="xs" disabled={blocked} data-testid="accept-all" onClick={() => session.accept("all")}>
            {t.read.acceptAll}
          </Button>
          <Button
            size="xs"
            variant="default"
            disabled={blocked}
            data-testid="accept"
            onClick={() => session.accept("active")}
          >
            {t.read.acceptActive}
          </Button>
        </Group>
        <AcceptPart />
        <OpinionsButton />
        <OpacitySlider
          label={t.read.opacity}
          value={proposal.look.opacity}
          onChange={(opacity) => session.setLayerLook(proposal.id, { opacity })}
        />
        {newer && (
          <Button size="xs" variant="light" onClick={() => void session.showNewerProposal()}>
            {t.read.newerProposal(newer.style_label)}
          </Button>
        )}
      </Stack>
    </Section>
  );
}

/** Which slices are taken over, whether that may add, remove or both, and the keys for it; nothing where nobody draws. */
function AcceptPart() {
  const part = useRead((state) => state.acceptPart);
  const readOnly = useRead((state) => state.facts?.readOnly);
  if (readOnly) return null;
  const { part: words, modes } = t.read.accepting;
  return (
    <Stack gap={8}>
      <AcceptReach />
      <Pick
        label={words.mode}
        value={part.mode}
        values={modes}
        onChange={(mode) => useRead.setState({ acceptPart: { ...part, mode } })}
      />
      <Text size="xs" c="dimmed">
        {t.read.acceptKeys}
      </Text>
    </Stack>
  );
}

/** The prediction on the screen is not by the style that draws now: which one does, and the way to its prediction. */
function OlderStyle() {
  const live = useRead((state) => state.liveStyle);
  const drawnIn = useRead((state) => state.proposalStyleId);
  const isOffered = useRead((state) => state.newerProposal !== null);
  const readOnly = useRead((state) => state.facts?.readOnly);
  const [asked, ask] = useAsk();
  if (live === null || live.style_id === drawnIn) return null;
  return (
    <Group gap={8} justify="space-between" data-testid="older-style">
      <Text size="xs" c="dimmed" flex={1}>
        {t.read.olderStyle(live.style_label)}
      </Text>
      {!readOnly && !isOffered && (
        <Button size="compact-xs" variant="default" loading={asked} onClick={ask}>
          {t.read.predictAgain}
        </Button>
      )}
    </Group>
  );
}

/** Ask for a prediction of this image in the style that draws now; true from then on until it was refused. */
function useAsk(): [boolean, () => void] {
  const session = useSession();
  const [asked, setAsked] = useState(false);
  const ask = () => {
    setAsked(true);
    session.askForPrediction().catch((error: unknown) => {
      setAsked(false);
      say(isProblem(error, 409) ? t.read.notPretrained : asProblem(error).detail, "error");
    });
  };
  return [asked, ask];
}

/** A prediction can be asked for only where a model is there to draw it and somebody is there to read. */
function NoProposal() {
  const policy = useRead((state) => state.facts?.project.policy);
  const assignment = useRead((state) => state.facts?.assignment ?? null);
  const readOnly = useRead((state) => state.facts?.readOnly);
  const live = useRead((state) => state.liveStyle);
  const [asked, ask] = useAsk();
  if (assignment === null) return null;
  const isForbidden = policy?.prefill === "never";
  const words = live === null ? t.read.noModel : asked ? t.read.proposalAsked : t.read.noProposal(live.style_label);
  return (
    <Section title={t.read.proposal}>
      <Text size="sm" c="dimmed" data-testid="style-label">
        {isForbidden ? t.read.proposalForbidden : words}
      </Text>
      {live !== null && !isForbidden && !readOnly && (
        <Button size="xs" variant="default" mt={8} loading={asked} onClick={ask}>
          {t.read.predictNow}
        </Button>
      )}
    </Section>
  );
}
