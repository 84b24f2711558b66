import { expect, test } from "vitest";
import { planReplay } from "./replay";
import type { EditOut, RevisionOut } from "./wire";

function revision(id: string, parentId: string | null, origin: RevisionOut["origin"]): RevisionOut {
  return {
    id,
    parent_id: parentId,
    origin,
    number: 1,
    segmentation_id: "s",
    dtype: "uint8",
    label_volumes: {},
    assisted: false,
    style_id: null,
    created_at: "2026-01-01T00:00:00Z",
    submitted_at: null,
    has_uncertainty: false,
    author: null,
    style_label: null,
  };
}

function edit(seq: number, base: string): EditOut {
  return {
    seq,
    edit_id: `edit ${seq}`,
    base_revision_id: base,
    tool: "brush",
    runs: "",
    source_revision_id: null,
    undoes: null,
    created_at: "2026-01-01T00:00:00Z",
  };
}

const ids = (edits: readonly EditOut[]) => edits.map((one) => one.seq);

test("a new case begins from its first revision with every edit, oldest first", () => {
  const plan = planReplay("r1", [revision("r1", null, "blank")], [edit(2, "r1"), edit(1, "r1")]);

  expect(plan.baseRevisionId).toBe("r1");
  expect(ids(plan.edits)).toEqual([1, 2]);
});

test("undo reaches back through folds", () => {
  const revisions = [revision("r3", "r2", "fold"), revision("r2", "r1", "fold"), revision("r1", null, "blank")];

  const plan = planReplay("r3", revisions, [edit(1, "r1"), edit(2, "r2"), edit(3, "r3")]);

  expect(plan.baseRevisionId).toBe("r1");
  expect(ids(plan.edits)).toEqual([1, 2, 3]);
});

test("a restored revision is a new beginning: edits before it are not replayed on it", () => {
  const revisions = [revision("r3", "r2", "restore"), revision("r2", "r1", "fold"), revision("r1", null, "blank")];

  const plan = planReplay("r3", revisions, [edit(1, "r1"), edit(2, "r2"), edit(3, "r3")]);

  expect(plan.baseRevisionId).toBe("r3");
  expect(ids(plan.edits)).toEqual([3]);
});

test("a reading without any revision begins empty", () => {
  expect(planReplay(null, [], [])).toEqual({ baseRevisionId: null, edits: [] });
});
