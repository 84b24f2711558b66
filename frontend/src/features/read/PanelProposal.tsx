/** The model's proposal: whose style it is, and taking it over. */
import { Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { asProblem, isProblem } from "../../api";
import { say, t } from "../../ui";
import { toggleHeat } from "./layers";
import { OpinionsButton } from "./OpinionStrip";
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
        <Text size="xs" c="dimmed">
          {t.read.acceptKeys}
        </Text>
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

function NoProposal() {
  const session = useSession();
  const policy = useRead((state) => state.facts?.project.policy);
  const readOnly = useRead((state) => state.facts?.readOnly);
  const [asked, setAsked] = useState(false);
  const ask = async () => {
    setAsked(true);
    try {
      await session.askForPrediction();
    } catch (error) {
      setAsked(false);
      say(isProblem(error, 409) ? t.read.notPretrained : asProblem(error).detail, "error");
    }
  };
  return (
    <Section title={t.read.proposal}>
      <Text size="sm" c="dimmed" data-testid="style-label">
        {policy?.prefill === "never" ? t.read.proposalForbidden : asked ? t.read.proposalAsked : t.read.noProposal}
      </Text>
      {policy?.prefill !== "never" && !readOnly && (
        <Button size="xs" variant="default" mt={8} loading={asked} onClick={() => void ask()}>
          {t.read.predictNow}
        </Button>
      )}
    </Section>
  );
}
