/** The right panel: the model's proposal, my labels, the other experts. */
import { t } from "../../ui";
import { CompareSection } from "./PanelCompare";
import { ExpertsSection } from "./PanelExperts";
import { LabelsSection } from "./PanelLabels";
import { MeasuresSection } from "./PanelMeasures";
import { ProposalSection } from "./PanelProposal";
import classes from "./read.module.css";

export function Panel() {
  return (
    <aside className={classes.panel} aria-label={t.read.panel}>
      <ProposalSection />
      <LabelsSection />
      <ExpertsSection />
      <MeasuresSection />
      <CompareSection />
    </aside>
  );
}
