/** Random gestures against the promises of undo, journal and merge: bytes equal, always. */
import { describe, expect, it } from "vitest";
import { computeOrientation } from "../geometry/planes";
import { CHECKSUM_EVERY_EDITS, EditHistory, toJournal } from "../labels/EditHistory";
import { LabelVolume } from "../labels/LabelVolume";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import type {
  AcceptScope,
  DrawingTool,
  Edit,
  ImageInfo,
  JournalEdit,
  LabelArray,
  LabelInfo,
  Point3,
  ToolOptions,
} from "../types";
import { ImageVolume } from "../volume/ImageVolume";
import { makeSettings } from "./Bench";
import { boundEdit, boundScope, DrawingBoard } from "./DrawingBoard";
import { type Gesture, type Sample, ToolRefusal } from "./Gesture";

const IMAGE: ImageInfo = {
  nx: 18,
  ny: 15,
  nz: 9,
  channels: 1,
  // anisotropic and sheared
  affine: [-0.9, 0.1, 0, 4, 0, -0.8, 0.5, 0, 0, 0, 2.1, -5],
  geometry: "sheared",
  sides: "known",
  slope: 1,
  intercept: 0,
  windowLow: 0,
  windowHigh: 100,
  slabDepth: 4,
};
const SIZE: Point3 = [IMAGE.nx, IMAGE.ny, IMAGE.nz];
const { planes } = computeOrientation(IMAGE);
const WHOLE = { min: [0, 0, 0], max: [17, 14, 8] } as const;

function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.floor((state / 4294967296) * below);
  };
}

/** `prefix` keeps edit ids apart before and after a reload. */
function makeBoard(prefix = "edit", image = IMAGE): DrawingBoard {
  const volume = new ImageVolume(image);
  for (let slab = 0; slab < volume.slabCount; slab++) {
    const voxels = Int16Array.from({ length: volume.slabVoxels(slab) }, (_, n) => (n * 37) % 101);
    volume.putSlab(slab, voxels.buffer);
  }
  let made = 0;
  return new DrawingBoard(volume, "uint8", makeSettings(), () => `${prefix}-${++made}`);
}

function sampleAt(ijk: Point3, plane: "axial" | "sagittal" | "coronal" = "axial"): Sample {
  const axes = planes[plane];
  return { at: { x: 0, y: 0 }, ijk, axes, slice: ijk[axes.sliceAxis as 0 | 1 | 2], grabMm: 0 };
}

function begin(board: DrawingBoard, tool: DrawingTool, sample: Sample): Gesture {
  const gesture = board.begin(tool, sample);
  if (gesture instanceof ToolRefusal) throw gesture;
  return gesture;
}

function click(board: DrawingBoard, tool: DrawingTool, ijk: Point3): Edit | null {
  return board.finish(begin(board, tool, sampleAt(ijk)));
}

function makeProposal(random: (below: number) => number): RowRuns {
  const runs = new RowRuns(...SIZE, IMAGE.slabDepth);
  for (let slab = 0; slab < runs.slabCount; slab++) {
    const rows = IMAGE.ny * Math.min(IMAGE.slabDepth, IMAGE.nz - slab * IMAGE.slabDepth);
    const dense = new Uint8Array(IMAGE.nx * rows);
    for (let n = 0; n < 12; n++) dense.fill(random(4), random(dense.length), random(dense.length));
    runs.putSlab(slab, buildRowRuns(dense.buffer, IMAGE.nx, "uint8"));
  }
  return runs;
}

/** One random gesture of any tool, in any plane, or an accepted proposal. */
function gesture(board: DrawingBoard, random: (below: number) => number): Edit | null {
  board.settings.activeLabel = 1 + random(3);
  board.settings.radiusMm = 0.3 + random(30) / 10;
  board.settings.isBall = random(4) === 0;
  board.settings.limits = {
    over: (["everything", "background", { label: 2 }] as const)[random(3)] ?? "everything",
    range: random(3) === 0 ? { low: 20, high: 80 } : null,
    eraseAnyLabel: random(2) === 0,
  };
  if (random(8) === 0) {
    const mode = (["replace", "add", "remove"] as const)[random(3)] ?? "replace";
    const scope: AcceptScope = { labels: random(2) === 0 ? "all" : [1, 3], mode };
    return board.accept(makeProposal(random), "revision", scope, WHOLE);
  }
  const plane = (["axial", "axial", "sagittal", "coronal"] as const)[random(4)] ?? "axial";
  const axes = planes[plane];
  const slice = random(axes.slices);
  const next = (): Sample => {
    const ijk = SIZE.map((n) => (random(64 * (n + 4)) - 128) / 64) as [number, number, number];
    ijk[axes.sliceAxis as 0 | 1 | 2] = slice;
    return sampleAt(ijk, plane);
  };
  board.settings.options = makeOptions(random);
  if (random(12) === 0) {
    const copied = board.copySlice(axes, slice, slice + (random(2) === 0 ? 1 : -1));
    return copied instanceof ToolRefusal ? null : copied;
  }
  const running = board.begin(TOOLS[random(TOOLS.length)] ?? "brush", next());
  if (running instanceof ToolRefusal) return null;
  running.stage?.release();
  for (let n = 0; n < 5; n++) {
    const sample = next();
    if (running.stage?.sketch?.hasHandles) running.stage.press(sample);
    else running.move([sample]);
    running.stage?.release();
  }
  if (random(6) === 0) {
    running.cancel();
    return null;
  }
  return board.finish(running);
}

const TOOLS: readonly DrawingTool[] = [
  ...(["brush", "brush", "brush", "eraser", "threshold", "polygon", "lasso", "scissors", "fill", "fill3d"] as const),
  ...(["holes", "holes3d", "islands", "smooth", "grow", "shrink", "interpolate", "interpolate"] as const),
];

function makeOptions(random: (below: number) => number): ToolOptions {
  const pick = <Value>(...values: readonly Value[]): Value => values[random(values.length)] as Value;
  const is3D = random(2) === 0;
  return {
    range: { low: 10, high: 10 + random(90) },
    fillTolerance: pick(null, 30),
    ask: { shape: "point", boxSlices: 0 },
    scissors: {
      act: pick("erase-inside", "erase-outside", "fill-inside"),
      outline: pick("freehand", "corners"),
      reach: pick({ kind: "all" }, { kind: "around", slices: 1 }, { kind: "range", from: 2, to: 5 }),
    },
    islands: {
      act: pick("keep-largest", "keep-clicked", "drop-small", "relabel-clicked"),
      is3D,
      belowMm3: random(60),
      toLabel: random(4),
    },
    smooth: { is3D, radiusMm: 1 + random(20) / 10 },
    margin: { is3D, mm: 0.8 + random(12) / 10 },
    interpolate: pick("all-gaps", "this-gap"),
  };
}

/** Byte for byte; far quicker than comparing element by element. */
const isSame = (a: LabelArray, b: LabelArray | undefined): boolean =>
  b !== undefined && Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;

const copy = (board: DrawingBoard): LabelArray => board.labels.voxels.slice();

/** What the server would hold: the journal applied in order to an empty map. */
function replay(journal: readonly JournalEdit[], prefix = "edit"): DrawingBoard {
  const board = makeBoard(prefix);
  board.history.replay(journal);
  return board;
}

describe("undo", () => {
  it.each([1, 2, 3])("takes 200 random edits back and brings them again, byte for byte (seed %i)", (seed) => {
    const board = makeBoard();
    const random = makeRandom(seed);
    const states: LabelArray[] = [copy(board)];
    while (states.length <= 200) if (gesture(board, random) !== null) states.push(copy(board));

    for (let n = 199; n >= 0; n--) {
      expect(board.history.undo()).not.toBeNull();
      expect(isSame(board.labels.voxels, states[n])).toBe(true);
    }
    expect(board.history.undo()).toBeNull();
    for (let n = 1; n <= 200; n++) {
      board.history.redo();
      expect(isSame(board.labels.voxels, states[n])).toBe(true);
    }
    expect(board.history.redo()).toBeNull();
  });

  it.each([4, 5])("survives a reload in the middle of random undo and redo (seed %i)", (seed) => {
    const random = makeRandom(seed);
    let board = makeBoard();
    const journal: JournalEdit[] = [];
    const keep = (edit: Edit | null): void => {
      if (edit !== null) journal.push(toJournal(edit));
    };
    for (let step = 0; step < 150; step++) {
      if (random(3) === 0) keep(random(2) === 0 ? board.history.undo() : board.history.redo());
      else keep(gesture(board, random));
      if (step % 25 !== 24) continue;
      const reloaded = replay(journal, `after-${step}`);
      expect(isSame(reloaded.labels.voxels, board.labels.voxels)).toBe(true);
      expect(reloaded.history.undoDepth).toBe(board.history.undoDepth);
      expect(reloaded.history.redoDepth).toBe(board.history.redoDepth);
      board = reloaded;
    }
    while (board.history.undoDepth > 0) keep(board.history.undo());
    expect(isSame(board.labels.voxels, makeBoard().labels.voxels)).toBe(true);
    expect(isSame(replay(journal).labels.voxels, board.labels.voxels)).toBe(true);
  });

  it("leaves voxels alone that somebody else changed after me", () => {
    const board = makeBoard();
    board.settings.radiusMm = 0.1;
    click(board, "brush", [3, 3, 3]);
    const running = begin(board, "brush", sampleAt([5, 5, 3]));
    running.move([sampleAt([8, 5, 3])]);
    board.finish(running);
    const theirs = {
      starts: Float64Array.of(6 + 18 * (5 + 15 * 3)),
      lengths: Float64Array.of(1),
      values: Uint8Array.of(3),
    };
    board.labels.applyRuns(theirs);

    const inverse = board.history.undo();

    expect(inverse?.voxels).toBe(3);
    expect(board.labels.voxels[6 + 18 * (5 + 15 * 3)]).toBe(3);
    expect([...board.labels.countVoxels()]).toEqual([
      [1, 1],
      [3, 1],
    ]);
  });

  it("names the edit it takes back, and the undo it takes back", () => {
    const board = makeBoard();
    const edit = click(board, "brush", [3, 3, 3]);
    const undo = board.history.undo();
    const redo = board.history.redo();
    expect(undo?.undoes).toBe(edit?.editId);
    expect(redo?.undoes).toBe(undo?.editId);
    expect(redo?.runs).toEqual(edit?.runs);
  });

  it("lets go of the farthest steps above its memory and has them back from the journal", () => {
    const strip = (capBytes: number) => {
      const labels = new LabelVolume(100, 1, 1, "uint8");
      let id = 100;
      return { labels, history: new EditHistory(labels, () => `${id++}`, capBytes) };
    };
    const { labels, history } = strip(100);
    const journal: JournalEdit[] = [];
    for (let n = 0; n < 10; n++) {
      const runs = { starts: Float64Array.of(10 * n), lengths: Float64Array.of(9), values: new Uint8Array(9).fill(1) };
      const before = labels.applyRuns(runs);
      const whole = { editId: `${n}`, tool: "brush", sourceRevisionId: null, undoes: null };
      journal.push(toJournal(history.record({ ...whole, runs, before, voxels: 9, checksums: null })));
    }
    expect(history.undoDepth).toBe(10);

    let now = { labels, history };
    let reloads = 0;
    while (now.history.undoDepth > 0) {
      if (!now.history.holds("undo")) {
        const fresh = strip(100);
        fresh.history.replay(journal);
        now = fresh;
        reloads += 1;
        expect(now.history.holds("undo")).toBe(true);
      }
      journal.push(toJournal(now.history.undo() as Edit));
    }

    expect(reloads).toBeGreaterThan(2);
    expect(now.labels.countVoxels().size).toBe(0);
    expect(now.history.redoDepth).toBe(10);
    expect(now.history.redo()).not.toBeNull();
    expect(now.labels.voxels.indexOf(1)).toBe(0);
  });
});

describe("checksums", () => {
  it("travel with every fiftieth edit and are those of the map after it", () => {
    const board = makeBoard();
    const random = makeRandom(11);
    const edits: Edit[] = [];
    while (edits.length < 120) {
      const edit = gesture(board, random);
      if (edit !== null) edits.push(edit);
    }
    const due = edits.flatMap((edit, n) => (edit.checksums === null ? [] : [n + 1]));
    expect(due).toEqual([CHECKSUM_EVERY_EDITS, 2 * CHECKSUM_EVERY_EDITS]);
    const server = replay(edits.slice(0, CHECKSUM_EVERY_EDITS).map(toJournal));
    expect(server.labels.takeChecksums()).toEqual(edits[CHECKSUM_EVERY_EDITS - 1]?.checksums);
  });
});

describe("somebody else's edit", () => {
  it("goes under mine that wait, as it will on the server", () => {
    const random = makeRandom(21);
    for (let round = 0; round < 20; round++) {
      const shared = makeBoard();
      const journal: JournalEdit[] = [];
      for (let n = 0; n < 5; n++)
        journal.push(...[gesture(shared, random)].flatMap((e) => (e === null ? [] : [toJournal(e)])));
      const [mine, theirs] = [replay(journal), replay(journal)];
      const pending = [gesture(mine, random), gesture(mine, random)].flatMap((e) => (e === null ? [] : [toJournal(e)]));
      const arriving = gesture(theirs, random);
      if (arriving === null) continue;

      mine.applyRemote(toJournal(arriving), pending);

      const server = replay([...journal, toJournal(arriving), ...pending]);
      expect(isSame(mine.labels.voxels, server.labels.voxels)).toBe(true);
    }
  });

  it("is what undo of mine gives where both changed a voxel, now and after a reload", () => {
    const random = makeRandom(22);
    for (let round = 0; round < 20; round++) {
      const [mine, theirs] = [makeBoard(), makeBoard()];
      const own = gesture(mine, random);
      const arriving = gesture(theirs, random);
      if (own === null || arriving === null) continue;
      mine.applyRemote(toJournal(arriving), [toJournal(own)]);

      mine.history.undo();

      expect(isSame(mine.labels.voxels, theirs.labels.voxels)).toBe(true);
      const reloaded = replay([toJournal(arriving), toJournal(own)]);
      reloaded.history.undo();
      expect(isSame(reloaded.labels.voxels, theirs.labels.voxels)).toBe(true);
    }
  });

  it("is counted where mine stayed", () => {
    const [mine, theirs] = [makeBoard(), makeBoard()];
    mine.settings.radiusMm = theirs.settings.radiusMm = 0.1;
    theirs.settings.activeLabel = 2;
    const stroke = begin(mine, "brush", sampleAt([2, 2, 2]));
    stroke.move([sampleAt([6, 2, 2])]);
    const pending = mine.finish(stroke) as Edit;
    const arriving = begin(theirs, "brush", sampleAt([5, 2, 2]));
    arriving.move([sampleAt([9, 2, 2])]);
    expect(mine.applyRemote(toJournal(theirs.finish(arriving) as Edit), [toJournal(pending)])).toMatchObject({
      kept: 2,
    });
    expect([...mine.labels.countVoxels()]).toEqual([
      [1, 5],
      [2, 3],
    ]);
  });
});

const label = (value: number, locked: boolean): LabelInfo => ({
  value,
  name: `label ${value}`,
  colour: "#ff0000",
  visible: true,
  locked,
});

describe("what may change", () => {
  it("is no voxel of a locked label", () => {
    const board = makeBoard();
    board.settings.radiusMm = 3;
    board.settings.activeLabel = 2;
    const first = click(board, "brush", [8, 7, 4]);
    board.settings.labelInfos = [label(1, false), label(2, true)];
    board.settings.activeLabel = 1;
    click(board, "brush", [10, 7, 4]);
    expect(board.labels.countVoxels().get(2)).toBe(first?.voxels);
    board.settings.activeLabel = 2;
    expect(() => begin(board, "brush", sampleAt([1, 1, 1]))).toThrow("label 2 is locked");
  });

  it("is only background in that mode, and only values inside the range", () => {
    const board = makeBoard();
    board.settings.radiusMm = 3;
    click(board, "brush", [8, 7, 4]);
    const before = board.labels.countVoxels().get(1);
    board.settings.activeLabel = 2;
    board.settings.limits = { over: "background", range: { low: 10, high: 20 }, eraseAnyLabel: false };
    const edit = click(board, "brush", [10, 7, 4]) as Edit;
    expect(board.labels.countVoxels().get(1)).toBe(before);
    expect(edit.voxels).toBeGreaterThan(0);
    const depth = (n: number): number => n % (18 * 15 * 4);
    for (const start of edit.runs.starts) {
      const value = (depth(start) * 37) % 101;
      expect(value >= 10 && value <= 20).toBe(true);
    }
  });

  it("is the active label alone for the eraser, unless asked otherwise", () => {
    const board = makeBoard();
    board.settings.radiusMm = 2;
    click(board, "brush", [8, 7, 4]);
    board.settings.activeLabel = 2;
    expect(click(board, "eraser", [8, 7, 4])).toBeNull();
    board.settings.limits = { ...board.settings.limits, eraseAnyLabel: true };
    expect(click(board, "eraser", [8, 7, 4])?.voxels).toBeGreaterThan(0);
    expect(board.labels.countVoxels().size).toBe(0);
  });
});

describe("uneven slices", () => {
  it("allow flat tools only", () => {
    const board = makeBoard("edit", { ...IMAGE, geometry: "irregular" });
    board.settings.radiusMm = 5;
    board.settings.isBall = true;
    click(board, "brush", [8, 7, 4]);
    expect(board.labels.listDrawnSlices(2)).toEqual([4]);
    expect(() => begin(board, "fill3d", sampleAt([0, 0, 4]))).toThrow("slice by slice");
  });
});

describe("a cancelled stroke", () => {
  it("leaves no trace", () => {
    const board = makeBoard();
    click(board, "brush", [8, 7, 4]);
    const before = copy(board);
    const running = begin(board, "eraser", sampleAt([8, 7, 4]));
    running.move([sampleAt([2, 2, 4])]);
    expect(board.labels.voxels).not.toEqual(before);
    running.cancel();
    expect(board.labels.voxels).toEqual(before);
    expect(board.finish(running)).toBeNull();
  });
});

describe("fill", () => {
  it("stops at other labels, in the slice or through the volume", () => {
    const board = makeBoard();
    board.settings.radiusMm = 0.1;
    const wall = begin(board, "brush", sampleAt([-1, 7, 4]));
    wall.move([sampleAt([18, 7, 4])]);
    board.finish(wall);
    board.settings.activeLabel = 2;
    expect(click(board, "fill", [0, 0, 4])?.voxels).toBe(18 * 7);
    board.history.undo();
    expect(click(board, "fill3d", [0, 0, 4])?.voxels).toBe(18 * 15 * 9 - 18);
  });

  it("asks above its limit, and fills when it is told to", () => {
    const board = makeBoard();
    const asked = board.begin("fill3d", sampleAt([0, 0, 0]), 100);
    expect(asked).toMatchObject({ canProceed: true });
    const gesture = board.begin("fill3d", sampleAt([0, 0, 0]), Number.POSITIVE_INFINITY) as Gesture;
    expect(board.finish(gesture)?.voxels).toBe(18 * 15 * 9);
  });

  it("does nothing outside the grid or on its own label", () => {
    const board = makeBoard();
    expect(click(board, "fill", [-5, 3, 2])).toBeNull();
    board.settings.radiusMm = 2;
    click(board, "brush", [8, 7, 4]);
    expect(click(board, "fill", [8, 7, 4])).toBeNull();
  });
});

describe("accepting a proposal", () => {
  const run = (mode: AcceptScope["mode"], labels: AcceptScope["labels"]): number[] => {
    const board = makeBoard();
    const proposal = new RowRuns(...SIZE, IMAGE.slabDepth);
    const row = Uint8Array.of(0, 1, 1, 2, 2, 0, 0, 1);
    for (let slab = 0; slab < 3; slab++) {
      const dense = new Uint8Array(18 * 15 * Math.min(4, 9 - 4 * slab));
      if (slab === 0) dense.set(row);
      proposal.putSlab(slab, buildRowRuns(dense.buffer, 18, "uint8"));
    }
    board.labels.applyRuns({
      starts: Float64Array.of(0),
      lengths: Float64Array.of(8),
      values: Uint8Array.of(1, 1, 0, 1, 2, 2, 3, 3),
    });
    const edit = board.accept(proposal, "revision-7", { labels, mode }, WHOLE);
    expect(edit?.sourceRevisionId).toBe("revision-7");
    return [...board.labels.voxels.subarray(0, 8)];
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
    const proposal = new RowRuns(...SIZE, IMAGE.slabDepth);
    for (let slab = 0; slab < 3; slab++) {
      const dense = new Uint16Array(18 * 15 * Math.min(4, 9 - 4 * slab));
      if (slab === 0) dense.set([300, 7]);
      proposal.putSlab(slab, buildRowRuns(dense.buffer, 18, "uint16"));
    }
    board.accept(proposal, "r", { labels: "all", mode: "replace" }, WHOLE);
    expect([...board.labels.countVoxels()]).toEqual([[7, 1]]);
  });

  it("counts what it would change of my own drawing, and leaves everything as it is", () => {
    const board = makeBoard();
    const proposal = new RowRuns(...SIZE, IMAGE.slabDepth);
    for (let slab = 0; slab < 3; slab++) {
      const dense = new Uint8Array(18 * 15 * Math.min(4, 9 - 4 * slab));
      if (slab === 0) dense.fill(1, 0, 60);
      proposal.putSlab(slab, buildRowRuns(dense.buffer, 18, "uint8"));
    }
    const all: AcceptScope = { labels: "all", mode: "replace" };
    expect(board.countOverdrawn(proposal, all, WHOLE)).toBe(0);
    board.accept(proposal, "r", all, WHOLE);
    expect(board.countOverdrawn(proposal, all, WHOLE)).toBe(0);

    board.settings.activeLabel = 2;
    board.settings.radiusMm = 0.1;
    click(board, "brush", [3, 0, 0]);
    click(board, "brush", [8, 7, 4]);
    const before = [...board.labels.voxels];
    expect(board.countOverdrawn(proposal, all, WHOLE)).toBe(2);
    expect(board.countOverdrawn(proposal, { labels: [1], mode: "replace" }, WHOLE)).toBe(1);
    expect([...board.labels.voxels]).toEqual(before);

    board.history.undo();
    board.history.undo();
    expect(board.countOverdrawn(proposal, all, WHOLE)).toBe(0);
  });

  it("counts as mine what came with the revision I continue", () => {
    const board = makeBoard();
    board.labels.applyRuns({ starts: Float64Array.of(5), lengths: Float64Array.of(3), values: Uint8Array.of(1, 1, 1) });
    const empty = new RowRuns(...SIZE, IMAGE.slabDepth);
    for (let slab = 0; slab < 3; slab++)
      empty.putSlab(slab, buildRowRuns(new Uint8Array(18 * 15 * Math.min(4, 9 - 4 * slab)).buffer, 18, "uint8"));
    expect(board.countOverdrawn(empty, { labels: [1], mode: "replace" }, WHOLE)).toBe(3);
  });

  it("is bounded by its slices, for painting too", () => {
    const scope: AcceptScope = { labels: "all", mode: "add", slices: { plane: "axial", from: 3, to: 4 } };
    const board = makeBoard();
    const edit = board.accept(makeProposal(makeRandom(5)), "r", scope, boundScope(scope, planes, SIZE));
    expect(board.labels.listDrawnSlices(2).every((k) => k === 3 || k === 4)).toBe(true);
    expect(boundEdit(edit as Edit, SIZE)).toMatchObject({ min: [0, 0, 3], max: [17, 14, 4] });
  });
});
