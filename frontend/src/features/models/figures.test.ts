import { expect, test } from "vitest";
import { nextWords } from "./figures";

const waiting = {
  expert_id: "e",
  expert_name: "Bo",
  changed: 0,
  accepted: 5,
  waits_for: "correction",
  missing: 3,
} as const;

test("who accepted everything unchanged is told why nothing is learnt, and what starts it", () => {
  expect(nextWords(waiting)).toBe(
    "5 new readings, submitted exactly as predicted. Accepting teaches nothing new, so no personalisation starts; it does once 3 readings are corrected.",
  );
  expect(nextWords({ ...waiting, accepted: 1, missing: 0 })).toMatch(
    /^1 new reading, .* once 1 reading is corrected\.$/,
  );
});

test("who has corrected too few is told how many more", () => {
  const more = nextWords({ ...waiting, changed: 1, accepted: 3, waits_for: "more" });

  expect(more).toContain("1 new reading corrected, 3 submitted exactly as predicted (they count half)");
  expect(more).toContain("after 3 more");
});
