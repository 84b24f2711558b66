import { plural } from "./plural";

/** Several opinions: plausible segmentations to pick from. */
export const opinions = {
  title: "Several opinions",
  open: "Several opinions",
  blinded: "This project is blinded: what others might draw is not shown, so that readings stay independent.",
  pending: "Drawing plausible outlines …",
  chosenFrom: (shown: number, drawn: number) =>
    shown === 1
      ? `one likely outline of ${drawn} drawn`
      : `${shown} distinct ones of ${plural(drawn, "drawn", "drawn")}`,
  pictured: (slice: number) => `Pictured: slice ${slice}`,
  hint: "Point at one to see it, click or Enter takes it over (Ctrl+Z takes it back), V closes",
  take: "Take over (Enter)",
  close: "Close several opinions",
  envelope: "Envelope — ·",
  envelopeHint: "In the labels' colours: the innermost and the outermost outline of the distinct ones",
  contours: "Outlines of 10 % ···, 50 % – –, 90 % —",
  contoursHint: "Dots: at least 10 % of the drawn ones show it; dashes: 50 %; solid: 90 %",
  number: (n: number) => `Opinion ${n}`,
  likely: (share: number) => `${Math.round(100 * share)} %`,
  likelyHint: "Share of all drawn ones that look most like this",
  ml: (volume: number) => `${volume < 10 ? volume.toFixed(2) : volume.toFixed(1)} ml`,
  voxels: (count: number) => plural(count, "voxel", "voxels"),
  dice: (dice: number) => `Dice ${dice.toFixed(2)}`,
  diceHint: "Overlap with the prediction in your own style",
  asDrawnBy: (name: string) => `As ${name}`,
  interval: (label: string, low: string, high: string) => `${label} ${low} to ${high} (8 in 10)`,
  taken: (name: string) => `Taken over: ${name}. Ctrl+Z takes it back.`,
  same: "Your drawing already looks like this.",
  cardOf: (name: string, likely: string, volume: string, dice: string) =>
    [name, likely, volume, dice].filter(Boolean).join(", "),
};
