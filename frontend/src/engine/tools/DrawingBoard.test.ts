/** Random gestures against the promises of undo, journal and merge: bytes equal, always. */
import { describe, expect, it } from "vitest";
import { CHECKSUM_EVERY_EDITS, EditHistory, toJournal } from "../labels/EditHistory";
import { LabelVolume } from "../labels/LabelVolume";
import type { Edit, JournalEdit, LabelArray, LabelInfo } from "../types";
import { begin, click, copy, gesture, IMAGE, isSame, makeBoard, makeRandom, replay, sampleAt } from "./boards.fixture";
import type { Gesture } from "./Gesture";

describe("undo", () => {
  it.each([1, 2, 3])("takes 200 random edits back and brings them again, byte for byte (seed %i)", (seed) => {
    const board = makeBoard();
    const random = makeRandom(seed);
    const states: LabelArray[] = [copy(board)];
    while (states.length <= 200) if (gesture(board, random) !== null) states.push(copy(board));

    for (let n = 199; n >= 0; n--) {
      expect(board.history.undo()).not.toBeNull();
      expect(isSame(board.labels.readSlices(), states[n])).toBe(true);
    }
    expect(board.history.undo()).toBeNull();
    for (let n = 1; n <= 200; n++) {
      board.history.redo();
      expect(isSame(board.labels.readSlices(), states[n])).toBe(true);
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
      expect(isSame(reloaded.labels.readSlices(), board.labels.readSlices())).toBe(true);
      expect(reloaded.history.undoDepth).toBe(board.history.undoDepth);
      expect(reloaded.history.redoDepth).toBe(board.history.redoDepth);
      board = reloaded;
    }
    while (board.history.undoDepth > 0) keep(board.history.undo());
    expect(isSame(board.labels.readSlices(), makeBoard().labels.readSlices())).toBe(true);
    expect(isSame(replay(journal).labels.readSlices(), board.labels.readSlices())).toBe(true);
  });

  it("takes back and brings again what was drawn on an image of which only a part is here", () => {
    const board = makeBoard("edit", { ...IMAGE, nz: 90 }, 2);
    const random = makeRandom(6);
    const journal: JournalEdit[] = [];
    while (journal.length < 60) {
      const edit = gesture(board, random);
      if (edit !== null) journal.push(toJournal(edit));
    }
    const whole = makeBoard("edit", { ...IMAGE, nz: 90 });
    whole.history.replay(journal);

    expect(isSame(board.labels.readSlices(), whole.labels.readSlices())).toBe(true);
    expect(board.labels.takeChecksums()).toEqual(whole.labels.takeChecksums());
    while (board.history.undo() !== null);
    expect(board.labels.countVoxels().size).toBe(0);
    while (board.history.redo() !== null);
    expect(isSame(board.labels.readSlices(), whole.labels.readSlices())).toBe(true);
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
    expect(board.labels.readSlices()[6 + 18 * (5 + 15 * 3)]).toBe(3);
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
    expect(now.labels.readSlices().indexOf(1)).toBe(0);
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
      expect(isSame(mine.labels.readSlices(), server.labels.readSlices())).toBe(true);
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

      expect(isSame(mine.labels.readSlices(), theirs.labels.readSlices())).toBe(true);
      const reloaded = replay([toJournal(arriving), toJournal(own)]);
      reloaded.history.undo();
      expect(isSame(reloaded.labels.readSlices(), theirs.labels.readSlices())).toBe(true);
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
    expect(board.labels.readSlices()).not.toEqual(before);
    running.cancel();
    expect(board.labels.readSlices()).toEqual(before);
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
