/** What is asked before a case is submitted. */
import type { Reviewing } from "./reviewing";
import type { Asked } from "./store";

type Case = { readonly reviewing: Pick<Reviewing, "open"> | null; readonly isUntouched: boolean };

/** The question that comes first; `unknown` where a review may not be submitted because nobody knows yet where its readings differ; null for none. */
export function askBefore({ reviewing, isUntouched }: Case): Asked | { about: "unknown" } | null {
  const open = reviewing ? reviewing.open : 0;
  if (open === null) return { about: "unknown" };
  if (open > 0) return { about: "open-regions", open };
  return isUntouched ? { about: "empty-submit" } : null;
}
