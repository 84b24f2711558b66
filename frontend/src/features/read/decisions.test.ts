import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decisionOf, type JournalEntry, nameRegion, type RevisionLink, standingDecisions } from "./decisions";

type Case = {
  name: string;
  revisions: { id: string; origin: RevisionLink["origin"]; parent: string | null }[];
  edits: { id: string; base: string; tool: string; voxels: [number, number]; undoes?: string; source?: string }[];
  stands: [tool: string, first: number, voxels: number][];
};

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("../../../../tests/contract/decisions.json", import.meta.url), "utf8"),
);

describe("what stands is what the newest revision and the edits on it hold", () => {
  test.each(cases)("$name", ({ revisions, edits, stands }) => {
    const links = revisions.map(({ id, origin, parent }, number) => ({ id, origin, parent_id: parent, number }));

    const decided = standingDecisions(links, edits.map(asEntry));

    expect(new Map(decided)).toEqual(
      new Map(stands.map(([tool, first, voxels]) => [nameRegion(first, voxels), decisionOf(tool)])),
    );
  });
});

test("what is not sent yet is decided on whatever is on the screen", () => {
  const begun: RevisionLink = { id: "begun", origin: "majority", parent_id: null, number: 0 };
  const unsent = { ...asEntry({ id: "1", base: "", tool: "decide-union", voxels: [3, 4] }), baseRevisionId: null };

  expect([...standingDecisions([begun], [unsent]).keys()]).toEqual(["3+2"]);
});

function asEntry({ id, base, tool, voxels: [first, last], undoes, source }: Case["edits"][number]): JournalEntry {
  const region = nameRegion(first, last - first + 1);
  return { editId: id, tool, undoes: undoes ?? null, baseRevisionId: base, sourceRevisionId: source ?? null, region };
}
