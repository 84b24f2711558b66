/**
 * From stored int16 to what the screen shows, as one look-up of 65,536 entries rebuilt whenever the window changes.
 *
 * It rounds: round((stored · slope + intercept − low) · 255 / (high − low)), halves up, clamped to 0–255. Truncation
 * made 254 of 255. A window is at least one stored unit wide, so a constant image is legal.
 */

export interface Window {
  /** displayed units */
  readonly low: number;
  readonly high: number;
}

export interface Rescale {
  /** displayed = stored · slope + intercept */
  readonly slope: number;
  readonly intercept: number;
}

/** Swaps bounds in the wrong order and widens a window narrower than one stored unit, downwards and upwards alike. */
export function normaliseWindow(window: Window, rescale: Rescale): Window {
  const [low, high] = window.low <= window.high ? [window.low, window.high] : [window.high, window.low];
  const unit = Math.abs(rescale.slope) || 1;
  if (high - low >= unit) return { low, high };
  const middle = (low + high) / 2;
  return { low: middle - unit / 2, high: middle + unit / 2 };
}

/** Grey 0–255 of one stored value; the rule itself, which the table repeats for every int16. */
export function windowGrey(stored: number, window: Window, rescale: Rescale): number {
  const grey = ((stored * rescale.slope + rescale.intercept - window.low) * 255) / (window.high - window.low);
  return Math.floor(Math.min(255, Math.max(0, grey)) + 0.5);
}

/**
 * Opaque grey pixels for ImageData, index = stored & 0xFFFF (so a Uint16Array view of the int16 voxels is the index).
 * Bytes lie R, G, B, A on the little-endian machines that browsers run on. `window` must be normalised.
 */
export function buildWindowTable(
  window: Window,
  rescale: Rescale,
  table: Uint32Array<ArrayBuffer> = new Uint32Array(65536),
): Uint32Array<ArrayBuffer> {
  for (let index = 0; index < 65536; index++) {
    const grey = windowGrey(index < 32768 ? index : index - 65536, window, rescale);
    table[index] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  }
  return table;
}

/** Tints the stored values whose displayed value lies in a range, both ends included: half way to sky blue. */
export function tintWindowTable(
  table: Uint32Array<ArrayBuffer>,
  range: { readonly low: number; readonly high: number },
  rescale: Rescale,
): void {
  const { min, max } = toStoredRange(range.low, range.high, rescale);
  for (let stored = Math.max(min, -32768); stored <= Math.min(max, 32767); stored++) {
    const index = stored < 0 ? stored + 65536 : stored;
    const grey = (table[index] as number) & 255;
    const mix = (part: number): number => Math.round((grey + part) / 2);
    table[index] = (0xff000000 | (mix(TINT[2]) << 16) | (mix(TINT[1]) << 8) | mix(TINT[0])) >>> 0;
  }
}

/** R, G, B of the tint: Okabe–Ito's sky blue, which no colour-blind reader takes for grey. */
const TINT = [0, 160, 255] as const;

export function toDisplayed(stored: number, rescale: Rescale): number {
  return stored * rescale.slope + rescale.intercept;
}

/** A bound that is a stored integer but for rounding counts as that integer: 0.3 at slope 0.1 is 3, not 2.9999999999999996. */
const ROUNDING = 1e-6;

/** Inclusive displayed bounds as inclusive stored integers, swapped for a negative slope; min > max when none fits. */
export function toStoredRange(low: number, high: number, rescale: Rescale): { min: number; max: number } {
  const slope = rescale.slope || 1;
  const a = (low - rescale.intercept) / slope;
  const b = (high - rescale.intercept) / slope;
  return { min: Math.ceil(Math.min(a, b) - ROUNDING), max: Math.floor(Math.max(a, b) + ROUNDING) };
}
