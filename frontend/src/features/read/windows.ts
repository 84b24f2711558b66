/** Window presets: the file's own, then the usual ones where values are Hounsfield units (VIEWER.md, section 7). */
import type { ImageOut } from "../../api";
import { t } from "../../ui";

export type Preset = { name: string; low: number; high: number };

/** Centre and width in HU. */
const hounsfield: readonly (readonly [keyof typeof t.read.presets, number, number])[] = [
  ["softTissue", 40, 400],
  ["lung", -600, 1500],
  ["liver", 90, 150],
  ["bone", 480, 2500],
  ["brain", 40, 80],
];

type Shown = Pick<
  ImageOut,
  "unit" | "low" | "high" | "slope" | "intercept" | "window_low" | "window_high" | "window_presets"
>;

/** The presets of an image in displayed units; those without width are left out. */
export function presetsOf(image: Shown): Preset[] {
  const ends = [image.low, image.high].map((stored) => stored * image.slope + image.intercept);
  const full = { name: t.read.presets.full, low: Math.min(...ends), high: Math.max(...ends) };
  const tissues = hounsfield.map(([name, centre, width]) => ({
    name: t.read.presets[name],
    low: centre - width / 2,
    high: centre + width / 2,
  }));
  if (image.unit === "HU") return [...tissues, ...(full.high > full.low ? [full] : [])];
  return [
    { name: t.read.presets.default, low: image.window_low, high: image.window_high },
    ...image.window_presets.map(({ name, low, high }) => ({ name: name || t.read.presets.file, low, high })),
    full,
  ].filter((preset) => preset.high > preset.low);
}

/** An end of the window as a person reads it. */
export function shownBound(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
