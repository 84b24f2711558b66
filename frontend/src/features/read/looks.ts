/** How readers are told apart: seven colours × four dashes, never by colour alone (VIEWER.md, section 3). */

import type { ImageOut } from "../../api";
import type { Dash, ImageInfo, LayerLook } from "../../engine";
import { okabeIto, t } from "../../ui";

const dashes: readonly Dash[] = ["solid", "long", "dots", "dash-dot"];

/** The look of the n-th reader; after 28 readers looks repeat. */
export function lookOfExpert(n: number): LayerLook {
  return {
    kind: "outline",
    colour: okabeIto[n % okabeIto.length] ?? okabeIto[0],
    dash: dashes[n % dashes.length] ?? "solid",
    opacity: 1,
    visible: false,
  };
}

/** The model's proposal: each label in its own colour, hatched, dashed. */
export const proposalLook: LayerLook = { kind: "proposal", colour: null, dash: "long", opacity: 0.6, visible: true };

/** A model's reading where no expert has read: looks like the proposal, which it is a kind of. */
export const proxyLook: LayerLook = { ...proposalLook, visible: false };

/** The majority of the readings, and a settled consensus: white, which no reader has. */
export const consensusLook: LayerLook = {
  kind: "outline",
  colour: "#f4f4f4",
  dash: "solid",
  opacity: 1,
  visible: false,
};

/** The answer to prompts, drawn like any proposal. */
export const askedLook: LayerLook = { ...proposalLook, opacity: 0.9 };

/** What was propagated from drawn slices: filled by its confidence, with a dotted outline. */
export const propagatedLook: LayerLook = { kind: "outline", colour: null, dash: "dots", opacity: 0.9, visible: true };

/** SVG stroke pattern of a dash, for the legend. */
export const dashPattern: Record<Dash, string> = { solid: "", long: "7 3", dots: "1.5 3", "dash-dot": "7 3 1.5 3" };

export function imageInfo(image: ImageOut): ImageInfo {
  return {
    nx: image.nx,
    ny: image.ny,
    nz: image.nz,
    channels: image.channels === 3 ? 3 : 1,
    affine: image.affine,
    geometry: image.geometry,
    sides: image.sides,
    slope: image.slope,
    intercept: image.intercept,
    windowLow: image.window_low,
    windowHigh: image.window_high,
    slabDepth: image.slab_depth,
  };
}

/** Whether tools may work across this image's slices: it has several, and their places are known. */
export function allows3D({ nz, geometry }: Pick<ImageOut, "nz" | "geometry">): boolean {
  return nz > 1 && geometry !== "irregular" && geometry !== "uncalibrated";
}

/** mm of one voxel step along i, j and k. Null where the image has no trustworthy lengths. */
export function columnLengths_mm(image: Pick<ImageOut, "affine" | "geometry">): number[] | null {
  if (image.geometry === "irregular" || image.geometry === "uncalibrated") return null;
  return [0, 1, 2].map((axis) => Math.hypot(...[0, 4, 8].map((row) => image.affine[row + axis] ?? 0)));
}

/** Volume of one voxel in mm³: |det| of the affine's 3×3 part. Null where the image has no trustworthy lengths. */
export function voxelVolume_mm3(image: Pick<ImageOut, "affine" | "geometry">): number | null {
  if (image.geometry === "irregular" || image.geometry === "uncalibrated") return null;
  const [a = 0, b = 0, c = 0, , d = 0, e = 0, f = 0, , g = 0, h = 0, i = 0] = image.affine;
  return Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g));
}

/** How the grid differs from the upright one that a reader assumes; null where it does not. */
export function gridRemark({ geometry }: Pick<ImageOut, "geometry">, tiltDegrees: number): string | null {
  if (geometry !== "regular") return t.read.geometry[geometry];
  return tiltDegrees > 5 ? t.read.tilted(Math.round(tiltDegrees)) : null;
}
