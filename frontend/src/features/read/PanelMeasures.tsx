/** What the active label covers in the slice I look at: its area and the values under it. */
import { Text } from "@mantine/core";
import { useEffect, useState } from "react";
import type { SliceMeasure } from "../../engine";
import { t } from "../../ui";
import { Section } from "./panelParts";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

/** Scrolling fast measures where it ends. */
const settle_ms = 100;

export function MeasuresSection() {
  const label = useRead((state) => state.labels.find((one) => one.value === state.view?.activeLabel));
  const plane = useRead((state) => state.activePlane);
  const unit = useRead((state) => state.facts?.image.unit ?? "");
  const measure = useSliceMeasure();
  if (!label) return null;
  return (
    <Section title={t.measures.title}>
      {measure === null ? (
        <Text size="sm" c="dimmed">
          {t.measures.notHere(label.name)}
        </Text>
      ) : (
        <>
          <Text size="xs" c="dimmed" mb={4}>
            {t.measures.slice(label.name, t.read.planes[plane])}
          </Text>
          <dl className={classes.measures} data-testid="slice-measures">
            <dt>{t.measures.areaName}</dt>
            <dd>{measure.areaMm2 === null ? t.measures.cells(measure.cells) : t.measures.area(measure.areaMm2)}</dd>
            {measure.values && (
              <>
                <dt>{t.measures.meanName}</dt>
                <dd>{t.measures.values(short(measure.values.mean), short(measure.values.sd), unit)}</dd>
                <dt>{t.measures.rangeName}</dt>
                <dd>{t.measures.range(short(measure.values.low), short(measure.values.high))}</dd>
              </>
            )}
          </dl>
        </>
      )}
    </Section>
  );
}

/** Measured anew when slice, plane, label, drawing or image change, and these have come to rest. */
function useSliceMeasure(): SliceMeasure | null {
  const { viewer } = useSession();
  const plane = useRead((state) => state.activePlane);
  const label = useRead((state) => state.view?.activeLabel ?? 0);
  const slice = useRead((state) => state.view?.slices[state.activePlane].index);
  const arrived = useRead(({ view }) => (view?.isWhole ? view.slabsLoaded === view.slabCount : view?.slabsLoaded));
  const voxels = useRead((state) => state.voxels);
  const [measure, setMeasure] = useState<SliceMeasure | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: slice, voxels and arrived say when to look again
  useEffect(() => {
    const due = setTimeout(() => setMeasure(viewer.measureSlice(plane, label)), settle_ms);
    return () => clearTimeout(due);
  }, [viewer, plane, label, slice, voxels, arrived]);
  return measure;
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
