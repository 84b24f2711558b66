/** The right panel: the model's proposal or the disputed regions, my labels, the other experts. */
import { t } from "../../ui";
import { CompareSection } from "./PanelCompare";
import { ExpertsSection } from "./PanelExperts";
import { LabelsSection } from "./PanelLabels";
import { MeasuresSection } from "./PanelMeasures";
import { ProposalSection } from "./PanelProposal";
import { ReviewSection } from "./PanelReview";
import classes from "./read.module.css";
import { useRead } from "./store";

export function Panel() {
  const isRead = useRead((state) => Boolean(state.facts?.assignment));
  const isReview = useRead((state) => Boolean(state.facts?.review));
  return (
    <aside className={classes.panel} aria-label={t.read.panel}>
      {isRead && <ProposalSection />}
      {isReview && <ReviewSection />}
      <LabelsSection />
      <ExpertsSection />
      <MeasuresSection />
      {!isReview && <CompareSection />}
    </aside>
  );
}
