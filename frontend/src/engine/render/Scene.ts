/** What all views of one viewer share and none of them owns. Views read it when they paint. */
import { computeMetric, type Metric } from "../geometry/affine";
import { computeOrientation, type Orientation, type PlaneAxes } from "../geometry/planes";
import type { LabelVolume } from "../labels/LabelVolume";
import type { Sketch } from "../tools/Gesture";
import type { Ruler } from "../tools/ruler";
import type { LabelInfo, Point3, PromptDrawn } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { parseColour } from "./canvas";
import type { LabelColours } from "./layers/ActiveLayer";
import type { HeatShown } from "./layers/HeatLayer";
import type { ReferenceMap } from "./layers/ReferenceLayers";

export interface Scene {
  readonly volume: ImageVolume;
  readonly orientation: Orientation;
  readonly metric: Metric;
  readonly crosshairIjk: Point3;
  /** its lines tie several views together; over a lone view they only hide the image, unless somebody steers them */
  readonly hasCrosshairLines: boolean;
  readonly windowTable: Uint32Array;
  readonly windowVersion: number;
  /** null until the active map is loaded */
  readonly labels: LabelVolume | null;
  readonly colours: LabelColours;
  readonly references: readonly ReferenceMap[];
  /** the heat map shown, if any */
  readonly heat: HeatShown | null;
  readonly fillOpacity: number;
  readonly overlayOpacity: number;
  readonly isHidden: boolean;
  readonly isSmooth: boolean;
  readonly ruler: Ruler | null;
  /** radius and colour of the brush cursor, null when the tool is no brush */
  readonly brushCursor: { readonly radiusMm: number; readonly colour: string } | null;
  /** the outline being drawn */
  readonly sketch: Sketch | null;
  /** what was asked of the AI and is not settled */
  readonly prompts: readonly PromptDrawn[];
}

export type MutableScene = { -readonly [Key in keyof Scene]: Scene[Key] };

/** Before any label map is here. */
export function makeScene(volume: ImageVolume, crosshairIjk: Point3, windowTable: Uint32Array): MutableScene {
  return {
    volume,
    orientation: orient(volume),
    metric: computeMetric(volume.info.affine),
    crosshairIjk,
    hasCrosshairLines: false,
    windowTable,
    windowVersion: 0,
    labels: null,
    colours: makeColours([], 0),
    references: [],
    heat: null,
    fillOpacity: 0.35,
    overlayOpacity: 1,
    isHidden: false,
    isSmooth: true,
    ruler: null,
    brushCursor: null,
    sketch: null,
    prompts: [],
  };
}

/** Of a volume that is not held as a whole only slices as they were acquired can be shown. */
function orient(volume: ImageVolume): Orientation {
  const orientation = computeOrientation(volume.info);
  return volume.isWhole ? orientation : { ...orientation, shown: orientation.shown.slice(0, 1) };
}

export function findSlice(scene: Scene, axes: PlaneAxes): number {
  return scene.crosshairIjk[axes.sliceAxis as 0 | 1 | 2];
}

const NEUTRAL_COLOUR = "#c0c0c0";

/** Values the project does not name are shown in a neutral grey rather than not at all. */
export function makeColours(infos: readonly LabelInfo[], version: number): LabelColours {
  const pixels = new Uint32Array(65536).fill(toPixel(NEUTRAL_COLOUR));
  pixels[0] = 0;
  const css = new Map<number, string | null>();
  for (const { value, colour, visible } of infos) {
    pixels[value] = visible ? toPixel(colour) : 0;
    css.set(value, visible ? colour : null);
  }
  return {
    pixels,
    version,
    css: (label) => {
      const own = css.get(label);
      return own === undefined ? NEUTRAL_COLOUR : own;
    },
  };
}

function toPixel(colour: string): number {
  const [red, green, blue] = parseColour(colour);
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}
