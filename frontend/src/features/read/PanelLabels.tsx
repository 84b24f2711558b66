/** My labels: which is drawn with, seen and locked, and how much of each there is. */
import { ActionIcon, Text } from "@mantine/core";
import { Lock, LockOpen } from "lucide-react";
import type { LabelInfo } from "../../engine";
import { t } from "../../ui";
import { voxelVolume_mm3 } from "./looks";
import { EyeButton, OpacitySlider, Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function LabelsSection() {
  const session = useSession();
  const labels = useRead((state) => state.labels);
  const isReview = useRead((state) => Boolean(state.facts?.review)); // there digits mean readers
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
          {n < 9 && !isReview && <span className={classes.kbd}>{n + 1}</span>}
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
  const change = useRead((state) => (state.parentVoxels ? voxels - (state.parentVoxels.get(value) ?? 0) : 0));
  const image = useRead((state) => state.facts?.image);
  if (!image) return null;
  const voxel_mm3 = voxelVolume_mm3(image);
  const words = voxel_mm3 === null ? t.read.voxels(voxels) : t.read.millilitres((voxels * voxel_mm3) / 1000);
  return (
    <span className={classes.figure}>
      <span data-testid={`label-volume-${value}`}>{words}</span>
      {change !== 0 && (
        <span className={classes.change} title={t.measures.changeHint} data-testid={`label-change-${value}`}>
          {` ${voxel_mm3 === null ? t.measures.changeVoxels(change) : t.measures.change((change * voxel_mm3) / 1000)}`}
        </span>
      )}
    </span>
  );
}
