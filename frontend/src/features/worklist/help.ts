/** When a reading was submitted, and whose help it had. */
import type { AssignmentOut } from "../../api";
import { t } from "../../ui";

export function helpWords({ submitted_at, assisted, style_label }: NonNullable<AssignmentOut["submission"]>): string {
  const help = assisted ? t.history.assistedBy(style_label) : t.history.unassisted;
  return t.history.submittedAt(t.units.dateTime(submitted_at), help);
}
