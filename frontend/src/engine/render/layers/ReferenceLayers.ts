/**
 * Everything read-only over the image in one view (experts' outlines, the model's proposal), kept as one picture at
 * screen resolution: a brush frame only blits it, however many readers are shown.
 */
import type { PlaneAxes } from "../../geometry/planes";
import type { ViewTransform } from "../../geometry/viewTransform";
import { makeLabelArray } from "../../labels/editCodec";
import type { LabelSlices, ShareSlices } from "../../labels/LabelSlices";
import type { LabelArray, LayerLook } from "../../types";
import { getContext, makeCanvas } from "../canvas";
import type { LabelColours } from "./ActiveLayer";
import { choosePen, type LabelPath, makePaths, type Pen, placePaths, strokeOutline } from "./outlinePaths";

/** A read-only label map with its look. `version` counts arrivals and changes of look. */
export interface ReferenceMap {
  readonly id: string;
  readonly labels: LabelSlices;
  /** how unsure of each voxel; null: nobody says, and labels are not filled by it */
  readonly unsure: ShareSlices | null;
  readonly look: LayerLook;
  readonly version: number;
}

interface SlicePaths {
  readonly slabs: number;
  readonly paths: readonly LabelPath[];
}

/** Slices whose outlines a view keeps per map: readers leaf to and fro around a finding. */
const KEPT_SLICES = 32;
const HATCH_PX = 7;

export class ReferenceLayers {
  private readonly picture = makeCanvas(1, 1);
  private readonly cells: LabelArray;
  private readonly pathsOf = new Map<LabelSlices, Map<number, SlicePaths>>();
  private readonly hatches = new Map<string, CanvasPattern>();
  private key = "";
  private view: ViewTransform | null = null;

  constructor(private readonly axes: PlaneAxes) {
    this.cells = makeLabelArray("uint16", axes.columns * axes.rows);
  }

  /** The picture in device pixels of the view, or null when nothing is to be seen. */
  update(
    maps: readonly ReferenceMap[],
    slice: number,
    view: ViewTransform,
    size: { readonly width: number; readonly height: number; readonly ratio: number },
    colours: LabelColours,
  ): HTMLCanvasElement | null {
    const visible = maps.filter((map) => map.look.visible && map.look.opacity > 0);
    if (visible.length === 0) return null;
    const versions = visible.map((map) => `${map.id} ${map.version} ${map.labels.slabsLoaded}`).join(",");
    const key = `${slice} ${size.width}×${size.height} ${colours.version} ${versions}`;
    if (key === this.key && view === this.view) return this.picture.canvas;
    this.key = key;
    this.view = view;
    const { canvas } = this.picture;
    if (canvas.width !== size.width || canvas.height !== size.height) {
      canvas.width = size.width;
      canvas.height = size.height;
    }
    this.picture.setTransform(1, 0, 0, 1, 0, 0);
    this.picture.clearRect(0, 0, size.width, size.height);
    this.picture.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    const pen = choosePen(size.width / size.ratio, size.height / size.ratio);
    for (const map of visible) this.paint(map, placePaths(this.findPaths(map, slice), view), colours, pen);
    return canvas;
  }

  forget(labels: LabelSlices): void {
    this.pathsOf.delete(labels);
  }

  private findPaths({ labels }: ReferenceMap, slice: number): readonly LabelPath[] {
    const kept = this.pathsOf.get(labels) ?? new Map<number, SlicePaths>();
    this.pathsOf.set(labels, kept);
    const found = kept.get(slice);
    kept.delete(slice); // and back in as the latest
    if (found?.slabs === labels.slabsLoaded) {
      kept.set(slice, found);
      return found.paths;
    }
    labels.readSlice(this.axes, slice, this.cells);
    const paths = makePaths(this.cells, this.axes.columns, this.axes.rows);
    kept.set(slice, { slabs: labels.slabsLoaded, paths });
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT_SLICES && oldest !== undefined) kept.delete(oldest);
    return paths;
  }

  private paint(map: ReferenceMap, paths: readonly LabelPath[], colours: LabelColours, pen: Pen): void {
    const { look } = map;
    this.picture.globalAlpha = look.opacity;
    for (const { label, path } of paths) {
      const own = colours.css(label);
      if (own === null) continue;
      const colour = look.colour ?? own;
      if (look.kind === "proposal") {
        this.picture.fillStyle = this.findHatch(colour);
        this.picture.fill(path, "evenodd");
      }
      strokeOutline(this.picture, path, colour, look.dash, pen);
    }
    this.picture.globalAlpha = 1;
  }

  private findHatch(colour: string): CanvasPattern | string {
    const kept = this.hatches.get(colour);
    if (kept !== undefined) return kept;
    const tile = document.createElement("canvas");
    tile.width = HATCH_PX;
    tile.height = HATCH_PX;
    const context = getContext(tile);
    context.strokeStyle = colour;
    context.lineWidth = 1.2;
    context.beginPath();
    for (const shift of [-HATCH_PX, 0, HATCH_PX]) {
      context.moveTo(shift - 1, HATCH_PX + 1);
      context.lineTo(shift + HATCH_PX + 1, -1);
    }
    context.stroke();
    const pattern = this.picture.createPattern(tile, "repeat");
    if (pattern === null) return colour;
    this.hatches.set(colour, pattern);
    return pattern;
  }
}
