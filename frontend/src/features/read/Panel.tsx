/** The right panel: my labels, the other experts, the model's proposal. */
import { ActionIcon, Button, Group, Slider, Stack, Text } from "@mantine/core";
import { Eye, EyeOff, Lock, LockOpen } from "lucide-react";
import { type ReactNode, useState } from "react";
import { asProblem, isProblem } from "../../api";
import type { LabelInfo } from "../../engine";
import { say, t } from "../../ui";
import { dashPattern, voxelVolume_mm3 } from "./looks";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { type Layer, useRead } from "./store";

export function Panel() {
  return (
    <aside className={classes.panel} aria-label={t.read.panel}>
      <ProposalSection />
      <LabelsSection />
      <ExpertsSection />
    </aside>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={title}>
      <h2 className={classes.sectionTitle}>{title}</h2>
      {children}
    </section>
  );
}

function EyeButton({ visible, name, onToggle }: { visible: boolean; name: string; onToggle: () => void }) {
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

// --- labels ---------------------------------------------------------------------------------------------------------

function LabelsSection() {
  const session = useSession();
  const labels = useRead((state) => state.labels);
  const active = useRead((state) => state.view?.activeLabel);
  const opacity = useRead((state) => state.fillOpacity);
  const overlays = useRead((state) => state.overlayOpacity);
  const change = (value: number, part: Partial<LabelInfo>) =>
    session.setLabels(labels.map((label) => (label.value === value ? { ...label, ...part } : label)));
  return (
    <Section title={t.read.labels}>
      {labels.length === 0 && <Text size="sm">{t.read.noLabels}</Text>}
      {labels.map((label, n) => (
        <div key={label.value} className={classes.row} data-chosen={label.value === active} data-testid="label-row">
          <span className={classes.swatch} style={{ background: label.colour }} aria-hidden />
          <button
            type="button"
            className={classes.rowName}
            aria-pressed={label.value === active}
            title={label.name}
            onClick={() => session.viewer.setActiveLabel(label.value)}
          >
            <bdi>{label.name}</bdi>
          </button>
          {n < 9 && <span className={classes.kbd}>{n + 1}</span>}
          <LabelVolume value={label.value} />
          <EyeButton
            visible={label.visible}
            name={label.name}
            onToggle={() => change(label.value, { visible: !label.visible })}
          />
          <ActionIcon
            size={26}
            variant="subtle"
            color={label.locked ? "yellow" : "gray"}
            aria-pressed={label.locked}
            aria-label={label.locked ? t.read.unlock(label.name) : t.read.lock(label.name)}
            onClick={() => change(label.value, { locked: !label.locked })}
          >
            {label.locked ? <Lock size={14} /> : <LockOpen size={14} />}
          </ActionIcon>
        </div>
      ))}
      <OpacitySlider
        label={t.read.fillOpacity}
        value={opacity}
        onChange={(value) => session.setOpacity(value, overlays)}
      />
    </Section>
  );
}

function LabelVolume({ value }: { value: number }) {
  const voxels = useRead((state) => state.voxels.get(value) ?? 0);
  const image = useRead((state) => state.facts?.image);
  if (!image) return null;
  const voxel_mm3 = voxelVolume_mm3(image);
  const words = voxel_mm3 === null ? t.read.voxels(voxels) : t.read.millilitres((voxels * voxel_mm3) / 1000);
  return (
    <span className={classes.figure} data-testid={`label-volume-${value}`}>
      {words}
    </span>
  );
}

function OpacitySlider({
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

// --- experts --------------------------------------------------------------------------------------------------------

function ExpertsSection() {
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

// --- the model's proposal -------------------------------------------------------------------------------------------

function ProposalSection() {
  const session = useSession();
  const proposal = useRead((state) => state.proposal);
  const newer = useRead((state) => state.newerProposal);
  const blocked = useRead((state) => !state.view?.canDraw || Boolean(state.facts?.readOnly));
  if (!proposal) return <NoProposal />;
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
