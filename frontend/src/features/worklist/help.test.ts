import { describe, expect, test } from "vitest";
import type { AssignmentOut } from "../../api";
import { hasOlderPrediction, helpOf } from "./help";

const submitted_at = "2026-11-21T18:00:00Z";
const live_style = { style_id: "s2", style_label: "your style v2" };
const read = (change: Partial<AssignmentOut>) =>
  ({ prediction: { style_id: "s1" }, live_style, submission: null, ...change }) as AssignmentOut;

describe("a row of the worklist", () => {
  test("names whose help a reading had, or that it had none", () => {
    expect(helpOf({ submitted_at, assisted: true, style_label: "your style v2" })).toBe("assisted by your style v2");
    expect(helpOf({ submitted_at, assisted: true, style_label: null })).toBe("assisted");
    expect(helpOf({ submitted_at, assisted: false, style_label: null })).toBe("drawn without help");
  });

  test("tells an older prediction while the read is still to be done", () => {
    expect(hasOlderPrediction(read({}))).toBe(true);
    expect(hasOlderPrediction(read({ live_style: { ...live_style, style_id: "s1" } }))).toBe(false);
    expect(hasOlderPrediction(read({ prediction: null }))).toBe(false);
    expect(hasOlderPrediction(read({ live_style: null }))).toBe(false);
    const submission = { submitted_at, assisted: true, style_label: "your style v1" };
    expect(hasOlderPrediction(read({ submission }))).toBe(false);
  });
});
