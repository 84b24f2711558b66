/**
 * Polygon, lasso and scissors: a closed line over a slice, and what happens to the voxels in it.
 *
 * Corners are set by clicks and can be dragged until the line is closed; freehand takes every sample from press to
 * release and closes with a straight edge. Scissors push the line through slices along the view's normal.
 */
import { boundGrid, type VoxelBox } from "../geometry/box";
import { EditDraft } from "../labels/EditDraft";
import { boundLabel } from "../ops/mask";
import { type Corner, fillPolygon } from "../ops/polygon";
import type { Edit, Point3, SliceReach } from "../types";
import type { Bench } from "./Bench";
import type { Gesture, Sample, Stage } from "./Gesture";
import { SliceCells } from "./sliceCells";

export type OutlineTool = "polygon" | "lasso" | "scissors";

interface Drag {
  readonly corner: number;
  readonly isNew: boolean;
  readonly byKeyboard: boolean;
  hasMoved: boolean;
  wasHeld: boolean;
}

/** Throws ToolRefusal. */
export function startOutline(bench: Bench, tool: OutlineTool, first: Sample): Gesture {
  const cut = planCut(bench, tool, first);
  const isFreehand =
    tool === "lasso" || (tool === "scissors" && bench.settings.options.scissors.outline === "freehand");
  const { axes, slice } = first;
  const corners: Point3[] = [];
  let drag: Drag | null = null;

  const press = (sample: Sample): string | null => {
    if (sample.axes.plane !== axes.plane || (sample.slice !== slice && tool !== "scissors"))
      return "An outline is open in another slice: close it there with Enter, or give it up with Esc.";
    const caught = isFreehand ? null : findCorner(bench, corners, sample);
    if (caught === null) corners.push(sample.ijk);
    drag = {
      corner: caught ?? corners.length - 1,
      isNew: caught === null,
      byKeyboard: sample.grabMm === 0,
      hasMoved: false,
      wasHeld: false,
    };
    return null;
  };

  const move = (samples: readonly Sample[]): null => {
    for (const { ijk, axes: where } of samples) {
      if (drag === null || where.plane !== axes.plane) continue;
      const before = corners[isFreehand ? corners.length - 1 : drag.corner] as Point3;
      if (before.every((at, axis) => at === ijk[axis as 0 | 1 | 2])) continue;
      if (isFreehand) corners.push(ijk);
      else corners[drag.corner] = ijk;
      drag.hasMoved = true;
    }
    return null;
  };

  const release: Stage["release"] = () => {
    if (isFreehand) return "done";
    if (drag?.byKeyboard && !drag.isNew && !drag.wasHeld) {
      drag.wasHeld = true;
      return "held";
    }
    const closes = drag !== null && drag.corner === 0 && !drag.isNew && !drag.hasMoved && corners.length > 2;
    drag = null;
    return closes ? "done" : "waits";
  };

  press(first);
  return {
    move,
    takeDirty: () => null,
    finish: () => (corners.length < 3 ? null : cut(corners)),
    cancel: () => undefined,
    stage: {
      kind: "outline",
      press,
      release,
      dropCorner: () => {
        corners.pop();
        drag = null;
        return corners.length > 0;
      },
      get sketch() {
        return { axes, slice: tool === "scissors" ? null : slice, corners, hasHandles: !isFreehand };
      },
    },
  };
}

/** The corner caught at a sample, the nearest of several; null when none is near enough. */
function findCorner({ metric }: Bench, corners: readonly Point3[], { ijk, axes, grabMm }: Sample): number | null {
  const { ii, jj, kk, ij, ik, jk } = metric;
  let [found, nearest]: [number | null, number] = [null, grabMm * grabMm];
  const away = (corner: Point3, axis: 0 | 1 | 2): number => (axis === axes.sliceAxis ? 0 : corner[axis] - ijk[axis]);
  corners.forEach((corner, n) => {
    const [di, dj, dk] = [away(corner, 0), away(corner, 1), away(corner, 2)];
    const squared = ii * di * di + jj * dj * dj + kk * dk * dk + 2 * (ij * di * dj + ik * di * dk + jk * dj * dk);
    if (squared <= nearest) [found, nearest] = [n, squared];
  });
  return found;
}

/** What closing the line will do. Locks are looked at now, so that nobody draws a long line for nothing. */
function planCut(
  bench: Bench,
  tool: OutlineTool,
  { axes, slice }: Sample,
): (corners: readonly Point3[]) => Edit | null {
  const { labels, activeLabel, settings } = bench;
  const { act, reach } = settings.options.scissors;
  const paints = tool !== "scissors" || act === "fill-inside";
  const value = paints ? activeLabel : 0;
  const rule = bench.rule(paints ? "paint" : "erase", value);
  const grid = new SliceCells(labels, axes.sliceAxis as 0 | 1 | 2);
  const isFlat = tool !== "scissors" || !bench.hasDepth;
  const [from, to] = isFlat ? [slice, slice] : findReach(reach, slice, grid.slices);
  if (from !== to) bench.requireValues();
  const cutsInside = tool !== "scissors" || act !== "erase-outside";

  return (corners) => {
    const box = boundWork(bench, paints);
    if (box === null) return null;
    const inside = new Uint8Array(grid.width * grid.height);
    const flat = corners.map((corner): Corner => [corner[grid.uAxis], corner[grid.vAxis]]);
    fillPolygon(flat, grid.width, grid.height, (v, left, right) =>
      inside.fill(1, v * grid.width + left, v * grid.width + right),
    );
    const offsets: number[] = [];
    for (let v = box.min[grid.vAxis]; v <= box.max[grid.vAxis]; v++) {
      const row = grid.width * v;
      const start = grid.indexOf(row, 0);
      for (let u = box.min[grid.uAxis]; u <= box.max[grid.uAxis]; u++) {
        if ((inside[row + u] === 1) === cutsInside) offsets.push(start + u * grid.uStep);
      }
    }
    const draft = new EditDraft(labels);
    for (let at = Math.max(from, box.min[grid.axis]); at <= Math.min(to, box.max[grid.axis]); at++) {
      const base = grid.indexOf(0, at);
      for (const offset of offsets) {
        const index = base + offset;
        if (rule.mayChange(index, labels.read(index))) draft.writeAt(index, value);
      }
    }
    return draft.finish(bench.editId, tool, null);
  };
}

/** Where anything can change: erasing one label stays within that label's box. */
function boundWork({ labels, activeLabel, settings }: Bench, paints: boolean): VoxelBox | null {
  const grid = boundGrid(labels.dims);
  return paints || settings.limits.eraseAnyLabel ? grid : boundLabel(labels, activeLabel, grid);
}

/** First and last slice that the scissors reach, as far as the grid goes. */
function findReach(reach: SliceReach, slice: number, slices: number): readonly [number, number] {
  if (reach.kind === "all") return [0, slices - 1];
  const [from, to] = reach.kind === "around" ? [slice - reach.slices, slice + reach.slices] : [reach.from, reach.to];
  return [Math.max(0, Math.min(from, to)), Math.min(slices - 1, Math.max(from, to))];
}
