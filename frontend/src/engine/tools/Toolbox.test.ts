/** What presses and keys do to gestures that wait: outlines set corner by corner, previews. */
import { describe, expect, it } from "vitest";
import { computeOrientation } from "../geometry/planes";
import type { Edit, ImageInfo, Plane, Point3 } from "../types";
import { ImageVolume } from "../volume/ImageVolume";
import { DrawingBoard } from "./DrawingBoard";
import type { Sample } from "./Gesture";
import { Toolbox } from "./Toolbox";

const IMAGE: ImageInfo = {
  nx: 20,
  ny: 20,
  nz: 9,
  channels: 1,
  affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0],
  geometry: "regular",
  sides: "known",
  slope: 1,
  intercept: 0,
  windowLow: 0,
  windowHigh: 100,
  slabDepth: 9,
};
const { planes } = computeOrientation(IMAGE);

function makeDesk() {
  const edits: Edit[] = [];
  const refusals: string[] = [];
  const crosshair = { ijk: [0, 0, 0] as Point3 };
  const volume = new ImageVolume(IMAGE);
  volume.putSlab(0, new Int16Array(20 * 20 * 9).buffer);
  const locate = (plane: Plane): Sample => sampleAt(crosshair.ijk, plane, 0);
  const toolbox = new Toolbox(volume, {
    window: { low: 0, high: 100 },
    locate,
    changeView: () => undefined,
    touch: () => undefined,
    publish: (edit) => edits.push(edit),
    refuse: (sentence) => refusals.push(sentence),
    prompt: () => undefined,
    ask: null,
    changed: () => undefined,
  });
  let made = 0;
  toolbox.board = new DrawingBoard(volume, "uint8", toolbox.settings, () => `edit-${++made}`);
  const click = (ijk: Point3): void => {
    toolbox.press({ plane: "axial" }, "tool", sampleAt(ijk, "axial", 0.5));
    toolbox.release();
  };
  return { toolbox, edits, refusals, crosshair, click, labels: toolbox.board.labels };
}

function sampleAt(ijk: Point3, plane: Plane, grabMm: number): Sample {
  const axes = planes[plane];
  return { at: { x: 0, y: 0 }, ijk, axes, slice: ijk[axes.sliceAxis as 0 | 1 | 2], grabMm };
}

/** A square of 5 × 5 voxels. */
const square = (k: number, shift = 0): readonly Point3[] => [
  [4.5 + shift, 4.5, k],
  [9.5 + shift, 4.5, k],
  [9.5 + shift, 9.5, k],
  [4.5 + shift, 9.5, k],
];

describe("a polygon", () => {
  it("is one edit when Enter closes it, and its corners can be dragged and dropped before", () => {
    const { toolbox, edits, click } = makeDesk();
    toolbox.setTool("polygon", "axial");
    for (const corner of square(3)) click(corner);
    click([15, 15, 3]);
    toolbox.dropCorner();
    toolbox.press({ plane: "axial" }, "tool", sampleAt([9.5, 9.25, 3], "axial", 0.5));
    toolbox.drag([sampleAt([10.5, 9.5, 3], "axial", 0.5)]);
    toolbox.release();
    expect(toolbox.sketch?.corners).toHaveLength(4);
    expect(edits).toHaveLength(0);

    expect(toolbox.confirm("axial")).toBe(true);

    expect(edits.map((edit) => edit.tool)).toEqual(["polygon"]);
    expect(edits[0]?.voxels).toBeGreaterThan(25);
    expect(toolbox.stagedState).toBeNull();
  });

  it("closes with a click on its first corner, or a double click", () => {
    for (const isDouble of [false, true]) {
      const { toolbox, edits, click } = makeDesk();
      toolbox.setTool("polygon", "axial");
      for (const corner of square(3)) click(corner);
      if (isDouble) toolbox.close("axial");
      else click(square(3)[0] as Point3);
      expect(edits[0]?.voxels).toBe(25);
    }
  });

  it("is drawn by keyboard as well, corner by corner", () => {
    const { toolbox, edits, crosshair } = makeDesk();
    toolbox.setTool("polygon", "axial");
    for (const [i, j] of [
      [2, 2],
      [8, 2],
      [8, 8],
    ] as const) {
      crosshair.ijk = [i, j, 4];
      toolbox.follow("axial");
      toolbox.toggle("axial");
    }
    toolbox.confirm("axial");
    expect(edits).toHaveLength(1);
  });

  it("survives zooming, and is given up with Esc or for another drawing tool", () => {
    const { toolbox, edits, click } = makeDesk();
    toolbox.setTool("polygon", "axial");
    for (const corner of square(3)) click(corner);
    toolbox.setTool("zoom", null);
    expect(toolbox.sketch?.corners).toHaveLength(4);
    toolbox.setTool("brush", "axial");
    expect(toolbox.sketch).toBeNull();
    expect(edits).toHaveLength(0);
  });

  it("does not go on in another slice", () => {
    const { toolbox, refusals, click } = makeDesk();
    toolbox.setTool("polygon", "axial");
    click([3, 3, 3]);
    click([5, 5, 4]);
    expect(refusals).toHaveLength(1);
    expect(toolbox.sketch?.corners).toHaveLength(1);
  });
});

describe("an interpolation", () => {
  const draw = (desk: ReturnType<typeof makeDesk>, k: number, shift = 0): void => {
    desk.toolbox.setTool("polygon", "axial");
    for (const corner of square(k, shift)) desk.click(corner);
    desk.toolbox.confirm("axial");
  };

  it("shows at once, is one edit after Enter and nothing after Esc", () => {
    const desk = makeDesk();
    draw(desk, 1);
    draw(desk, 7);
    desk.toolbox.setTool("interpolate", "axial");
    expect(desk.labels.listDrawnSlices(2)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    desk.toolbox.cancel();
    expect(desk.labels.listDrawnSlices(2)).toEqual([1, 7]);
    expect(desk.edits).toHaveLength(2);
    desk.toolbox.confirm("axial");
    desk.toolbox.confirm("axial");
    expect(desk.edits[2]).toMatchObject({ tool: "interpolate", voxels: 5 * 25 });
  });

  it("is made again around a slice corrected by hand, which stays as it is", () => {
    const desk = makeDesk();
    draw(desk, 1);
    draw(desk, 7);
    desk.toolbox.setTool("interpolate", "axial");
    desk.toolbox.confirm("axial");
    draw(desk, 4, 2);
    const corrected = desk.labels.readSlices().slice(400 * 4, 400 * 5);
    const neighbour = desk.labels.readSlices().slice(400 * 3, 400 * 4);

    desk.toolbox.setTool("interpolate", "axial");
    desk.toolbox.confirm("axial");

    expect(desk.labels.readSlices().slice(400 * 4, 400 * 5)).toEqual(corrected);
    expect(desk.labels.readSlices().slice(400 * 3, 400 * 4)).not.toEqual(neighbour);
  });

  it("says what to draw when there is no gap", () => {
    const { toolbox, refusals } = makeDesk();
    toolbox.setTool("interpolate", "axial");
    expect(refusals[0]).toContain("two slices");
  });
});
