/**
 * What tools cost on 512×512 slices, in Node: one JSON line of milliseconds of processor time, for benchmarks/tools.py. Each tool is
 * warmed by a first gesture, then timed on gestures that are cancelled; the least of several is the tool's own time.
 */
import { computeOrientation } from "../../src/engine/geometry/planes";
import { makeSettings } from "../../src/engine/tools/Bench";
import { DrawingBoard } from "../../src/engine/tools/DrawingBoard";
import { type Sample, ToolRefusal } from "../../src/engine/tools/Gesture";
import type { DrawingTool, ImageInfo } from "../../src/engine/types";
import { ImageVolume } from "../../src/engine/volume/ImageVolume";

const SIDE = 512;
const SLICES = 21;
const REPEATS = 15;

const image: ImageInfo = {
  nx: SIDE,
  ny: SIDE,
  nz: SLICES,
  channels: 1,
  affine: [-0.7, 0, 0, 0, 0, -0.7, 0, 0, 0, 0, 3, 0],
  geometry: "regular",
  sides: "known",
  slope: 1,
  intercept: 0,
  windowLow: 0,
  windowHigh: 100,
  slabDepth: SLICES,
};
const { axial } = computeOrientation(image).planes;

/** The volume of `benchmarks.interactive --only waits`: an ellipsoid, drawn on every eighth of 64 slices of 256×256. */
const volume: ImageInfo = {
  ...image,
  nx: 256,
  ny: 256,
  nz: 64,
  slabDepth: 64,
  affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 2, 0],
};

function drawEllipsoid(board: DrawingBoard): void {
  for (let k = 4; k <= 60; k += 8) {
    for (let j = 0; j < volume.ny; j++) {
      for (let i = 0; i < volume.nx; i++) {
        const isIn = ((k - 32) / 28) ** 2 + ((j - 128) / 45) ** 2 + ((i - 120) / 55) ** 2 <= 1;
        if (isIn) board.labels.write(i + volume.nx * (j + volume.ny * k), i, j, k, 1);
      }
    }
  }
}

/** A disc with a wavy rim, hollow from `inner` of its radius on. */
function drawDisc(board: DrawingBoard, slice: number, radius: number, inner: number): void {
  for (let j = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++) {
      const [x, y] = [i - SIDE / 2, j - SIDE / 2];
      const rim = radius * (1 + 0.08 * Math.sin(7 * Math.atan2(y, x)));
      const distance = Math.hypot(x, y);
      if (distance > rim || distance < inner * rim) continue;
      board.labels.write(i + SIDE * (j + SIDE * slice), i, j, slice, 1);
    }
  }
}

function drawEnds(board: DrawingBoard, first: number, last: number): void {
  drawDisc(board, 0, first, 0);
  drawDisc(board, 10, last, 0);
}

function sampleAt(i: number, j: number, slice: number): Sample {
  return { at: { x: 0, y: 0 }, ijk: [i, j, slice], axes: axial, slice, grabMm: 1e-9 };
}

/** Milliseconds of processor time of the quickest gesture, from the first press to the finished edit. */
function time(
  tool: DrawingTool,
  prepare: (board: DrawingBoard) => void,
  samples: readonly Sample[],
  info: ImageInfo = image,
): number {
  let best = Infinity;
  const board = new DrawingBoard(new ImageVolume(info), "uint8", makeSettings(), () => "edit");
  prepare(board);
  for (let n = 0; n < REPEATS; n++) {
    const began = process.cpuUsage();
    const gesture = board.begin(tool, samples[0] as Sample);
    if (gesture instanceof ToolRefusal) throw gesture;
    gesture.stage?.release();
    for (const sample of samples.slice(1)) {
      gesture.stage?.press(sample);
      gesture.stage?.release();
    }
    const edit = board.finish(gesture);
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, (user + system) / 1000);
    if (edit === null) throw new Error(`${tool} changed nothing`);
    board.history.undo();
  }
  return best;
}

const corners = Array.from({ length: 400 }, (_, n) => {
  const [angle, radius] = [(n * 2 * Math.PI) / 400, 180 + 40 * Math.sin(n)];
  return sampleAt(
    Math.round(64 * (256 + radius * Math.cos(angle))) / 64,
    256 + Math.round(radius * Math.sin(angle)),
    0,
  );
});

const times = {
  polygon: time("polygon", () => undefined, corners),
  holes: time("holes", (board) => drawDisc(board, 0, 220, 0.8), [sampleAt(256, 256, 0)]),
  // Neighbours as a person draws them every tenth slice, and two that have little in common.
  interpolate: time("interpolate", (board) => drawEnds(board, 200, 180), [sampleAt(256, 256, 5)]),
  interpolateFar: time("interpolate", (board) => drawEnds(board, 200, 140), [sampleAt(256, 256, 5)]),
  interpolateVolume: time("interpolate", drawEllipsoid, [sampleAt(120, 128, 6)], volume),
};
process.stdout.write(`${JSON.stringify(times)}\n`);
