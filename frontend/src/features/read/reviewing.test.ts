/** A review before it is known where the readings differ, while it is decided, and after another window began it anew. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { EditOut, ReviewOut, RevisionOut } from "../../api";
import type { DisputedRegion, Edit } from "../../engine";
import { t } from "../../ui";
import type { RegionView } from "./reviewing";
import type { ReviewState } from "./store";

const server = vi.hoisted(() => {
  // Node knows no page whose address a path would belong to.
  const PlainRequest = globalThis.Request;
  globalThis.Request = class extends PlainRequest {
    constructor(input: RequestInfo | URL, init?: RequestInit) {
      super(typeof input === "string" ? new URL(input, "http://consilium.test") : input, init);
    }
  };
  return { edits: [] as unknown[], revisions: [] as unknown[] };
});

const { Reviewing } = await import("./reviewing");
const { askBefore } = await import("./submitting");
const { emptyRead, useRead } = await import("./store");

const regions: DisputedRegion[] = [region(5, 3), region(20, 2)];
const review: ReviewOut = {
  segmentation_id: "the review",
  project_id: "project",
  image_id: "image",
  state: "draft",
  round: 0,
  readings: [
    { letter: "A", dtype: "uint8" },
    { letter: "B", dtype: "uint8" },
  ],
  changes: [{ letter: "B", what: "submitted_anew" }],
  can_begin_anew: true,
};

let shown: ReviewState;
let decided: string[];

/** A review of an image of 32 voxels, its readings by letter; `missing`: why they do not arrive. */
function open(missing: string | null = null): InstanceType<typeof Reviewing> {
  const view: RegionView = {
    dims: { nx: 8, ny: 4, nz: 1 },
    addLayer: () => (missing === null ? Promise.resolve() : Promise.reject(new Error(missing))),
    findDisputes: () => {
      if (missing !== null) throw new Error("not complete");
      return { regions, rimVoxels: 0 };
    },
    removeLayer: () => undefined,
    goTo: () => undefined,
    outlineRegion: () => undefined,
    decide: (_region, tool) => {
      decided.push(tool);
      return null;
    },
  };
  return new Reviewing(review, view, true, (state) => {
    shown = state;
  });
}

const load = (opened: InstanceType<typeof Reviewing>) => opened.load([], () => false);
const asked = (reviewing: InstanceType<typeof Reviewing>) => askBefore({ reviewing, isUntouched: false });

beforeEach(() => {
  useRead.setState(emptyRead);
  decided = [];
  server.edits = [];
  server.revisions = [revision("begun", 0, "majority")];
  vi.stubGlobal("fetch", ({ url }: Request) => {
    const items = url.includes("/edits") ? server.edits : server.revisions;
    return Promise.resolve(Response.json({ items, next_cursor: null, next_after: null }));
  });
});

describe("a review is submitted when it is known where its readings differ", () => {
  test("not while they are on their way", () => {
    expect(asked(open())).toEqual({ about: "unknown" });
    expect(shown.isLoaded).toBe(false);
  });

  test("not when they do not arrive, and why is told", async () => {
    const opened = open("the disk is away");

    await load(opened);

    expect(asked(opened)).toEqual({ about: "unknown" });
    expect(shown.problem).toBe(t.review.notLoaded("the disk is away"));
  });

  test("after a question while regions have no decision, then without one", async () => {
    const opened = open();
    await load(opened);
    const before = asked(opened);

    opened.noteEdit(edit("1", "decide-take-a", 5, 3));
    const between = asked(opened);
    opened.noteEdit(edit("2", "decide-undecidable", 20, 2));

    expect([before, between, asked(opened)]).toEqual([
      { about: "open-regions", open: 2 },
      { about: "open-regions", open: 1 },
      null,
    ]);
  });
});

describe("a decision", () => {
  test("names the letter of the reader whose digit was pressed, and the reason", async () => {
    const opened = open();
    await load(opened);

    opened.setReason("missed");
    opened.take(1);
    opened.take(2); // nobody's

    expect(decided).toEqual(["decide-take-b-missed"]);
  });

  test("of another window counts, one on other ground than the whole region does not", async () => {
    const opened = open();
    await load(opened);
    server.edits = [kept("1", "decide-union", 5, 3), kept("2", "decide-union", 20, 1)];

    await opened.refresh();

    expect([shown.decision, shown.decided]).toEqual([{ act: "union", letter: null, reason: "none" }, 1]);
  });
});

test("begun anew in another window, a review here shows no region, offers nothing and is not submitted", async () => {
  const opened = open();
  await load(opened);
  const before = shown;
  server.revisions = [...server.revisions, revision("anew", 1, "majority")];

  await opened.refresh();

  expect([before.changes, before.at]).toEqual([review.changes, 0]);
  expect([shown.changes, shown.at, shown.problem]).toEqual([[], -1, t.review.anew.elsewhere]);
  expect(asked(opened)).toEqual({ about: "unknown" });
});

function region(key: number, voxels: number): DisputedRegion {
  const stretches = [{ row: 0, start: key, end: key + voxels, ballot: [0, 1] }];
  return { key, voxels, entropy: voxels, middle: [0, 0, 0], stretches, rowLength: 32 };
}

function edit(editId: string, tool: string, start: number, voxels: number): Edit {
  const runs = {
    starts: Float64Array.of(start),
    lengths: Float64Array.of(voxels),
    values: new Uint8Array(voxels),
  };
  const before = new Uint8Array(voxels);
  return { editId, tool, undoes: null, sourceRevisionId: null, runs, before, voxels, checksums: null };
}

/** An edit as the server has it: one run, one value. */
function kept(editId: string, tool: string, start: number, voxels: number): EditOut {
  const runs = Buffer.from([1, start, voxels, voxels, 0]).toString("base64");
  const none = { undoes: null, source_revision_id: null };
  return { edit_id: editId, tool, runs, seq: Number(editId), base_revision_id: "begun", created_at: "", ...none };
}

function revision(id: string, number: number, origin: RevisionOut["origin"]): Partial<RevisionOut> {
  return { id, number, origin, parent_id: null, dtype: "uint8" };
}
