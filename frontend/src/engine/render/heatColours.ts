/**
 * The colours of what is laid over the image as cells. The sequential ones of shares 0–1 are plasma (van der Walt and Smith, CC0), which rises evenly in lightness, so that
 * it is read the same with any colour vision. Under 0.1 nothing is shown.
 */
import { BOTH, ONLY_A, ONLY_B, OTHER_LABEL } from "../labels/Difference";
import { SHARE_FLOOR } from "../labels/LabelSlices";
import { parseColour } from "./canvas";

/** Every eighth of the map, R, G, B. */
const PLASMA = [
  [13, 8, 135],
  [84, 2, 163],
  [139, 10, 165],
  [185, 50, 137],
  [219, 92, 104],
  [244, 136, 73],
  [254, 188, 43],
  [247, 226, 37],
  [240, 249, 33],
] as const;

/** "rgb(r, g, b)" of a share between 0 and 1, for legends. */
export function heatColour(share: number): string {
  return `rgb(${mix(share).join(", ")})`;
}

/** A comparison's colours (Okabe-Ito): orange only in a, blue only in b, grey in both, purple where labels differ. */
export const DIFFERENCE_COLOURS = {
  onlyA: "#e69f00",
  onlyB: "#56b4e9",
  both: "#9a9a9a",
  otherLabel: "#cc79a7",
} as const;

/** Pixel per class of Difference. */
export function buildDifferenceTable(): Uint32Array {
  const table = new Uint32Array(256);
  const { onlyA, onlyB, both, otherLabel } = DIFFERENCE_COLOURS;
  for (const [kind, colour] of [
    [ONLY_A, onlyA],
    [ONLY_B, onlyB],
    [BOTH, both],
    [OTHER_LABEL, otherLabel],
  ] as const) {
    const [red, green, blue] = parseColour(colour);
    table[kind] = (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return table;
}

/** Opaque pixel (ImageData order) per share 0–255; transparent under SHARE_FLOOR. */
export function buildHeatTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, share) => {
    if (share < SHARE_FLOOR) return 0;
    const [red, green, blue] = mix(share / 255);
    return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

function mix(share: number): readonly [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (PLASMA.length - 1);
  const at = Math.min(PLASMA.length - 2, Math.floor(place));
  const [from, to] = [PLASMA[at], PLASMA[at + 1]] as [readonly number[], readonly number[]];
  const part = (n: 0 | 1 | 2): number =>
    Math.round((from[n] as number) + ((to[n] as number) - (from[n] as number)) * (place - at));
  return [part(0), part(1), part(2)];
}
