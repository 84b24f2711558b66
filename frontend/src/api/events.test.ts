import { describe, expect, it } from "vitest";
import { readEvent, type ServerEvent, staleAfter } from "./events";

function event(type: ServerEvent["type"], data: Record<string, unknown>): ServerEvent {
  const read = readEvent(type, JSON.stringify(data));
  if (!read) throw new Error("not an event");
  return read;
}

describe("what an event makes stale", () => {
  it("of a stroke is its own history alone, however many doctors draw", () => {
    expect(staleAfter(event("segmentation", { id: "s1", edit_seq: 7, head_revision_id: "r1" }))).toEqual([
      ["revisions", "s1"],
    ]);
  });

  it("of a prediction is the worklist, which names it", () => {
    expect(staleAfter(event("segmentation", { id: "s2" }))).toEqual([["assignments"]]);
  });

  it("of a gap in the stream is everything that an event could have named", () => {
    const all = staleAfter(event("reload", {})).flat();
    for (const type of ["job", "segmentation", "style", "assignment"] as const)
      for (const kind of staleAfter(event(type, { id: "x" })).flat()) expect(all).toContain(kind);
    expect(all).toContain("revisions");
  });
});
