import { expect, test } from "vitest";
import { gateWords, mayGoLive, nextWords, notAnewWords, standingOf, trainedOn, withdrawnWords } from "./figures";

const waiting = {
  expert_id: "e",
  expert_name: "Bo",
  changed: 0,
  accepted: 5,
  waits_for: "correction",
  missing: 3,
  anew: false,
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

test("whose readings were withdrawn is told what a style without them takes", () => {
  const anew = { ...waiting, anew: true, changed: 2, accepted: 0, waits_for: "more" } as const;

  expect(nextWords(anew)).toBe(
    "A style is learnt without the withdrawn readings once 3 more corrected readings are submitted; 2 are left.",
  );
  expect(nextWords({ ...anew, changed: 0 })).toMatch(/none is left\.$/);
  expect(nextWords({ ...anew, waits_for: null })).toBe("A style without the withdrawn readings is about to be learnt.");
});

test("where no style without the withdrawn readings is to come, it is said why", () => {
  expect(notAnewWords({ origin: "pretrained" }, true)).toContain("next model version");
  expect(notAnewWords({ origin: "row" }, true)).toContain("none went live");
  expect(notAnewWords({ origin: "row" }, false)).toContain("does not personalise by itself");
});

test("what has withdrawn readings behind it says how many, of how many patients and when", () => {
  const behind = { kind: "style", id: "s", readings: 2, patients: 1, withdrawn_at: "2026-11-22T09:30:00Z" } as const;

  expect(withdrawnWords(behind)).toMatch(/^2 readings of 1 patient behind it were withdrawn since, the last on .*2026/);
  expect(withdrawnWords(undefined)).toBeNull();
});

test("a verdict says that few patients were left out in turn, so that nobody wonders how five can teach and judge", () => {
  const reason = "93.6 Dice on 5 held-out patients: +6.0 against the closest colleague's style.";

  expect(gateWords({ passed: true, reason, held_out: "folds" })).toBe(
    `Went live. ${reason} With so few patients, each was left out of the learning in turn.`,
  );
  const refusal = "Kept back: on 3 held-out patients it scored 94.8 where the live style scores 95.5.";
  expect(gateWords({ passed: false, reason: refusal, held_out: "patients" })).toBe(refusal);
});

test("only a style on the live network can go live by itself", () => {
  expect(mayGoLive({ is_live: false, model_version_id: "new" }, "new")).toBe(true);
  expect(mayGoLive({ is_live: false, model_version_id: "old" }, "new")).toBe(false);
  expect(mayGoLive({ is_live: true, model_version_id: "new" }, "new")).toBe(false);
});

test("a network's card says how much it learnt from, an older card without figures nothing", () => {
  expect(trainedOn({ readings: 55, patients: 11, experts: ["A", "B"] })).toBe(
    "55 readings of 11 patients by 2 experts",
  );
  expect(trainedOn({ method: "expert_adaptive" })).toBeNull();
});

test("what the gate refused was never live: it is kept back, not retired", () => {
  expect(standingOf({ is_live: false, state: "retired", gate: { refused: true } })).toBe("refused");
  expect(standingOf({ is_live: false, state: "retired", gate: { refused: false } })).toBe("retired");
  expect(standingOf({ is_live: false, state: "live", gate: null })).toBe("retired");
  expect(standingOf({ is_live: true, state: "live", gate: { refused: true } })).toBe("live");
});
