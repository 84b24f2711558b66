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

/** Inclusive displayed bounds as inclusive stored integers, swapped for a negative slope; min > max when none fits. */
export function toStoredRange(low: number, high: number, rescale: Rescale): { min: number; max: number } {
  const slope = rescale.slope || 1;
  const a = (low - rescale.intercept) / slope;
  const b = (high - rescale.intercept) / slope;
  return { min: Math.ceil(Math.min(a, b)), max: Math.floor(Math.max(a, b)) };
}
