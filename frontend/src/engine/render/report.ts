/** What the page is told: the viewer's state, and what lies under the pointer. */
import { toMm } from "../geometry/affine";
import type { Sample } from "../tools/Gesture";
import { clampToGrid } from "../tools/navigation";
import type { Toolbox } from "../tools/Toolbox";
import type { CursorInfo, Plane, SlicePosition, ViewerState } from "../types";
import type { Window } from "../volume/windowTable";
import { findSlice, type Scene } from "./Scene";

export function makeState(scene: Scene, toolbox: Toolbox, window: Window): ViewerState {
  const { tool, settings, board } = toolbox;
  const { planes, shown, tiltDegrees } = scene.orientation;
  const locate = (plane: Plane): SlicePosition => ({
    index: findSlice(scene, planes[plane]),
    count: planes[plane].slices,
  });
  return {
    planes: shown,
    slices: { axial: locate("axial"), sagittal: locate("sagittal"), coronal: locate("coronal") },
    crosshairIjk: scene.crosshairIjk,
    crosshairMm: toMm(scene.volume.info.affine, scene.crosshairIjk),
    window,
    tool,
    activeLabel: settings.activeLabel,
    brushRadiusMm: settings.radiusMm,
    brushIsBall: settings.isBall,
    paintLimits: settings.limits,
    toolOptions: settings.options,
    staged: toolbox.stagedState,
    undoDepth: board?.history.undoDepth ?? 0,
    redoDepth: board?.history.redoDepth ?? 0,
    slabsLoaded: scene.volume.slabsLoaded,
    slabCount: scene.volume.slabCount,
    isWhole: scene.volume.isWhole,
    canDraw: board !== null,
    tiltDegrees,
  };
}

/** Null outside the grid. `mm` is the pointer's own position, not the voxel's centre. */
export function describeCursor(scene: Scene, sample: Sample): CursorInfo | null {
  const { nx, ny, nz, affine } = scene.volume.info;
  const ijk = clampToGrid(sample.ijk, [nx, ny, nz]);
  const isOutside = ([0, 1, 2] as const).some((axis) => Math.abs(ijk[axis] - sample.ijk[axis]) > 0.5);
  if (isOutside) return null;
  const [i, j, k] = ijk;
  return {
    plane: sample.axes.plane,
    ijk,
    mm: toMm(affine, sample.ijk),
    values: scene.volume.readDisplayed(i, j, k),
    label: scene.labels?.read(i + nx * (j + ny * k)) ?? 0,
    share: scene.heat === null ? null : scene.heat.shares.readShare(i, j, k) / 255,
  };
}
