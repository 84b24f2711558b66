/** What accepting a proposal changes, what it leaves alone, and what it would take from the hand. */
import { describe, expect, it } from "vitest";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import type { AcceptScope, Edit } from "../types";
import { click, IMAGE, makeBoard, makeProposal, makeRandom, planes, SIZE, WHOLE } from "./boards.fixture";
import { boundEdit, boundScope } from "./DrawingBoard";

/** A proposal that begins with these voxels and is empty beyond them. */
function proposalOf(first: Uint8Array | Uint16Array): RowRuns {
  const proposal = new RowRuns(...SIZE, IMAGE.slabDepth);
  const [kind, dtype] =
    first instanceof Uint8Array ? ([Uint8Array, "uint8"] as const) : ([Uint16Array, "uint16"] as const);
  for (let slab = 0; slab < proposal.slabCount; slab++) {
    const dense = new kind(IMAGE.nx * IMAGE.ny * Math.min(IMAGE.slabDepth, IMAGE.nz - slab * IMAGE.slabDepth));
    if (slab === 0) dense.set(first);
    proposal.putSlab(slab, buildRowRuns(dense.buffer, IMAGE.nx, dtype));
  }
  return proposal;
}

describe("accepting a proposal", () => {
  const run = (mode: AcceptScope["mode"], labels: AcceptScope["labels"]): number[] => {
    const board = makeBoard();
    const proposal = proposalOf(Uint8Array.of(0, 1, 1, 2, 2, 0, 0, 1));
    board.labels.applyRuns({
      starts: Float64Array.of(0),
      lengths: Float64Array.of(8),
      values: Uint8Array.of(1, 1, 0, 1, 2, 2, 3, 3),
    });
    const edit = board.accept(proposal, "revision-7", { labels, mode }, WHOLE);
    expect(edit?.sourceRevisionId).toBe("revision-7");
    return [...board.labels.readSlices().subarray(0, 8)];
  };

  it("replaces the chosen labels with what it says", () => {
    expect(run("replace", "all")).toEqual([0, 1, 1, 2, 2, 0, 0, 1]);
    expect(run("replace", [1])).toEqual([0, 1, 1, 2, 2, 2, 3, 1]);
  });

  it("only adds, or only removes", () => {
    expect(run("add", [1])).toEqual([1, 1, 1, 1, 2, 2, 3, 1]);
    expect(run("remove", [1])).toEqual([0, 1, 0, 2, 2, 2, 3, 3]);
  });

  it("leaves labels out that the map cannot hold", () => {
    const board = makeBoard();
    board.accept(proposalOf(Uint16Array.of(300, 7)), "r", { labels: "all", mode: "replace" }, WHOLE);
    expect([...board.labels.countVoxels()]).toEqual([[7, 1]]);
  });

  it("counts what it would change of my own drawing, and leaves everything as it is", () => {
    const board = makeBoard();
    const proposal = proposalOf(new Uint8Array(60).fill(1));
    const all: AcceptScope = { labels: "all", mode: "replace" };
    expect(board.countOverdrawn(proposal, all, WHOLE)).toEqual(new Map());
    board.accept(proposal, "r", all, WHOLE);
    expect(board.countOverdrawn(proposal, all, WHOLE)).toEqual(new Map());

    board.settings.activeLabel = 2;
    board.settings.radiusMm = 0.1;
    click(board, "brush", [3, 0, 0]);
    click(board, "brush", [8, 7, 4]);
    const before = [...board.labels.readSlices()];
    expect(board.countOverdrawn(proposal, all, WHOLE)).toEqual(new Map([[2, 2]]));
    expect(board.countOverdrawn(proposal, { labels: [1], mode: "replace" }, WHOLE)).toEqual(new Map([[2, 1]]));
    expect([...board.labels.readSlices()]).toEqual(before);

    board.history.undo();
    board.history.undo();
    expect(board.countOverdrawn(proposal, all, WHOLE)).toEqual(new Map());
  });

  it("knows what of a proposal is left: neither taken over nor decided by hand", () => {
    const board = makeBoard();
    const proposal = proposalOf(new Uint8Array(60).fill(1));
    const left = [board.countLeft(proposal, WHOLE)];
    board.accept(proposal, "r", { labels: "all", mode: "replace" }, { min: [0, 0, 0], max: [9, 0, 0] });
    left.push(board.countLeft(proposal, WHOLE));
    board.accept(proposal, "r", { labels: "all", mode: "replace" }, WHOLE);
    left.push(board.countLeft(proposal, WHOLE));
    board.settings.activeLabel = 2;
    board.settings.radiusMm = 0.1;
    click(board, "brush", [3, 0, 0]);
    left.push(board.countLeft(proposal, WHOLE));
    board.history.undo();
    board.history.undo();
    left.push(board.countLeft(proposal, WHOLE));

    expect(left).toEqual([60, 50, 0, 0, 50]);
  });

  it("counts as mine what came with the revision I continue", () => {
    const board = makeBoard();
    board.labels.applyRuns({ starts: Float64Array.of(5), lengths: Float64Array.of(3), values: Uint8Array.of(1, 1, 1) });
    const none = proposalOf(new Uint8Array(0));
    expect(board.countOverdrawn(none, { labels: [1], mode: "replace" }, WHOLE)).toEqual(new Map([[1, 3]]));
  });

  it("counts what an answer to prompts would take, by the labels it takes it from", () => {
    const board = makeBoard();
    board.settings.activeLabel = 2;
    board.settings.radiusMm = 0.1;
    click(board, "brush", [3, 0, 0]);
    const answer = { starts: Float64Array.of(2), lengths: Float64Array.of(4), values: Uint8Array.of(1, 1, 1, 1) };
    const before = [...board.labels.readSlices()];

    expect(board.countOverdrawnByRuns(answer, 1)).toEqual(new Map([[2, 1]]));
    expect([...board.labels.readSlices()]).toEqual(before);
    board.acceptRuns(answer, 1, "round");
    expect([...board.labels.readSlices().subarray(0, 7)]).toEqual([0, 0, 1, 1, 1, 1, 0]);
  });

  it("is bounded by its slices, for painting too", () => {
    const scope: AcceptScope = { labels: "all", mode: "add", slices: { plane: "axial", from: 3, to: 4 } };
    const board = makeBoard();
    const edit = board.accept(makeProposal(makeRandom(5)), "r", scope, boundScope(scope, planes, SIZE));
    expect(board.labels.listDrawnSlices(2).every((k) => k === 3 || k === 4)).toBe(true);
    expect(boundEdit(edit as Edit, SIZE)).toMatchObject({ min: [0, 0, 3], max: [17, 14, 4] });
  });
});
