/** Whose help a reading had, when it was submitted, and whether its prediction is of the style that draws now. */
import type { AssignmentOut } from "../../api";
import { t } from "../../ui";

type Submission = NonNullable<AssignmentOut["submission"]>;

export function helpOf({ assisted, style_label }: Submission): string {
  return assisted ? t.history.assistedBy(style_label) : t.history.unassisted;
}

export function helpWords(submission: Submission): string {
  return t.history.submittedAt(t.units.dateTime(submission.submitted_at), helpOf(submission));
}

/** Of a read that is still to be done: another style draws now than the one this prediction is of. */
export function hasOlderPrediction({ prediction, live_style, submission }: AssignmentOut): boolean {
  if (prediction === null || live_style === null || submission !== null) return false;
  return prediction.style_id !== live_style.style_id;
}
