/** Small boards for tests of drawing: an anisotropic, sheared image, single clicks, and random gestures of every tool. */
import { computeOrientation } from "../geometry/planes";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import type { AcceptScope, DrawingTool, Edit, ImageInfo, JournalEdit, LabelArray, Point3, ToolOptions } from "../types";
import { ImageVolume } from "../volume/ImageVolume";
import { makeSettings } from "./Bench";
import { DrawingBoard } from "./DrawingBoard";
import { type Gesture, type Sample, ToolRefusal } from "./Gesture";

export const IMAGE: ImageInfo = {
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
export const SIZE: Point3 = [IMAGE.nx, IMAGE.ny, IMAGE.nz];
export const { planes } = computeOrientation(IMAGE);
export const WHOLE = { min: [0, 0, 0], max: [17, 14, 8] } as const;

export function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.floor((state / 4294967296) * below);
  };
}

/** `prefix` keeps edit ids apart before and after a reload; `places`: slabs of the image that are held at once. */
export function makeBoard(prefix = "edit", image = IMAGE, places = Number.POSITIVE_INFINITY): DrawingBoard {
  const volume = new ImageVolume(image, places);
  for (let slab = 0; slab < volume.slabCount; slab++) {
    const voxels = Int16Array.from({ length: volume.slabVoxels(slab) }, (_, n) => (n * 37) % 101);
    volume.putSlab(slab, voxels.buffer);
  }
  let made = 0;
  return new DrawingBoard(volume, "uint8", makeSettings(), () => `${prefix}-${++made}`);
}

export function sampleAt(ijk: Point3, plane: "axial" | "sagittal" | "coronal" = "axial"): Sample {
  const axes = planes[plane];
  return { at: { x: 0, y: 0 }, ijk, axes, slice: ijk[axes.sliceAxis as 0 | 1 | 2], grabMm: 0 };
}

export function begin(board: DrawingBoard, tool: DrawingTool, sample: Sample): Gesture {
  const gesture = board.begin(tool, sample);
  if (gesture instanceof ToolRefusal) throw gesture;
  return gesture;
}

export function click(board: DrawingBoard, tool: DrawingTool, ijk: Point3): Edit | null {
  return board.finish(begin(board, tool, sampleAt(ijk)));
}

export function makeProposal(random: (below: number) => number): RowRuns {
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
export function gesture(board: DrawingBoard, random: (below: number) => number): Edit | null {
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
export const isSame = (a: LabelArray, b: LabelArray | undefined): boolean =>
  b !== undefined && Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;

export const copy = (board: DrawingBoard): LabelArray => board.labels.readSlices().slice();

/** What the server would hold: the journal applied in order to an empty map. */
export function replay(journal: readonly JournalEdit[], prefix = "edit"): DrawingBoard {
  const board = makeBoard(prefix);
  board.history.replay(journal);
  return board;
}
