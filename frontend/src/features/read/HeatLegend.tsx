/** Which heat map lies over the image and what its colours mean, in numbers, while one does. */
import { DIFFERENCE_COLOURS } from "../../engine";
import { t } from "../../ui";
import { listVoters } from "./layers";
import { heatGradient } from "./panelParts";
import classes from "./read.module.css";
import { useRead } from "./store";

export function HeatLegend() {
  const heat = useRead((state) => state.heat);
  const readings = useRead((state) => listVoters(state.experts).length);
  const hidden = useRead((state) => state.hidden);
  if (!heat || hidden) return null;
  if (heat === "difference") return <DifferenceLegend />;
  const title = heat === "uncertainty" ? t.layers.legendOf.uncertainty : t.layers.legendOf.disagreement(readings);
  return (
    <figure className={classes.heatLegend} data-testid="heat-legend">
      <figcaption>{title}</figcaption>
      <div className={classes.heatBar} style={{ background: heatGradient }} />
      <div className={classes.heatNumbers}>
        <span>0.1</span>
        <span>0.4</span>
        <span>0.7</span>
        <span>1</span>
      </div>
      <div className={classes.heatFloor}>{t.layers.legendFloor}</div>
    </figure>
  );
}

function DifferenceLegend() {
  return (
    <figure className={classes.heatLegend} data-testid="difference-legend">
      <figcaption>{t.compare.legend}</figcaption>
      {(["onlyA", "onlyB", "both", "otherLabel"] as const).map((kind) => (
        <div key={kind} className={classes.legendRow}>
          <span className={classes.swatch} style={{ background: DIFFERENCE_COLOURS[kind] }} aria-hidden />
          {t.compare[kind]}
        </div>
      ))}
    </figure>
  );
}
