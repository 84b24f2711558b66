/**
 * How much of an image a tab holds: all of it, or a few slabs around where the reader looks.
 *
 * The budget counts voxels of image and drawing, which are nearly all the memory that a case takes. Fails soft: what the
 * budget allows but the tab then cannot allocate is held in part as well, down to the fewest slabs one can work with.
 */
import type { ImageInfo } from "../types";
import { ImageVolume } from "./ImageVolume";

/** Slabs to each side of the one shown that are fetched before they are asked for. */
export const REACH_SLABS = 2;
/** The slab shown, those fetched beforehand, and what arrives meanwhile. */
const FEWEST_PLACES = 2 * REACH_SLABS + 2;
/** Half the budget: beside the image lie the slabs on their way, the drawing and what is laid over them. */
const IMAGE_SHARE = 0.5;

/** Throws an Error in words when not even a few slabs fit. */
export function openVolume(info: ImageInfo, budgetBytes: number): ImageVolume {
  const voxelBytes = info.channels === 1 ? 2 : 3;
  const slabBytes = info.nx * info.ny * info.slabDepth * voxelBytes;
  const wholeBytes = info.nx * info.ny * info.nz * (voxelBytes + 1);
  const fitting = Math.max(FEWEST_PLACES, Math.floor((IMAGE_SHARE * budgetBytes) / slabBytes));
  let places = wholeBytes <= budgetBytes ? Number.POSITIVE_INFINITY : fitting;
  for (;;) {
    try {
      return new ImageVolume(info, places);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (places <= FEWEST_PLACES) throw new Error(NO_ROOM);
      places = Math.max(FEWEST_PLACES, Math.floor(Math.min(places, info.nz / info.slabDepth) / 2));
    }
  }
}

const NO_ROOM =
  "This browser has no memory left for even a part of the image: close other tabs and programs, then open the case again.";
