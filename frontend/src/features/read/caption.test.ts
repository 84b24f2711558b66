import { describe, expect, test } from "vitest";
import { captionOf } from "./caption";

const shown = {
  image: {
    patient_pseudonym: "P-0A1B2C3D4E",
    name: "MEIER_HANS_1950",
    geometry: "regular",
    sides: "known",
    channels: 1,
    unit: "HU",
    simulated: false,
  },
  project: { simulated: false },
  view: {
    slices: {
      axial: { index: 41, count: 120 },
      sagittal: { index: 0, count: 9 },
      coronal: { index: 0, count: 9 },
    },
    window: { low: -160, high: 240 },
    tiltDegrees: 0,
  },
  labels: [
    { value: 1, name: "Liver", colour: "#e69f00", visible: true, locked: false },
    { value: 2, name: "Tumour", colour: "#56b4e9", visible: false, locked: false },
  ],
  experts: [
    { title: "Dr Weiss", look: { visible: true } },
    { title: "Dr Kern", look: { visible: false } },
  ],
  proposal: null,
  asking: null,
  propagation: null,
  opinions: null,
  heat: null,
  hidden: false,
} as const;
const now = new Date(2026, 10, 21, 23, 5);

function wordsOf(...[state, plane]: [Parameters<typeof captionOf>[0], "axial"]): string[] {
  return captionOf(state, plane, now).below.map((row) => row.map((mark) => mark.words).join(" | "));
}

describe("what a picture says of itself", () => {
  test("intended use, pseudonym, slice, window, date and the labels that are shown", () => {
    expect(captionOf(shown, "axial", now).above).toBe("Research use only. Not a medical device. Not for diagnosis.");
    expect(wordsOf(shown, "axial")).toEqual([
      "P-0A1B2C3D4E | Axial, slice 42 of 120 | Window -160 to 240 HU | 21 Nov 2026, 23:05",
      "Liver",
      "Outlines: 1 other reading",
    ]);
  });

  test("what in it is a model's and was taken over by nobody", () => {
    const hatched = "Hatched or dotted: what a model proposes, not taken over";
    const alone = { ...shown, experts: [] };

    expect(wordsOf({ ...alone, proposal: { look: { visible: true } } }, "axial").at(-1)).toBe(hatched);
    expect(wordsOf({ ...alone, propagation: { isShown: true } }, "axial").at(-1)).toBe(hatched);
    expect(wordsOf({ ...alone, opinions: { chosen: 0 } }, "axial").at(-1)).toBe(hatched);
    expect(wordsOf({ ...alone, asking: { hasProposal: true } }, "axial").at(-1)).toBe(hatched);
    expect(wordsOf({ ...alone, proposal: { look: { visible: false } } }, "axial").at(-1)).toBe("Liver");
  });

  test("neither the image's own name, which may be a person's, nor another reader's", () => {
    expect(JSON.stringify(captionOf(shown, "axial", now))).not.toMatch(/MEIER|Weiss/);
  });

  test("what is unusual about the grid, as the badges over the view say it", () => {
    const odd = {
      ...shown,
      image: { ...shown.image, sides: "unknown" as const },
      view: { ...shown.view, tiltDegrees: 20.3 },
    };

    expect(wordsOf(odd, "axial")[1]).toBe("Native grid, tilted 20° | Sides unknown: left may be right");
  });

  test("the numbers of a heat map, and nothing of layers while all are hidden", () => {
    const heat = { ...shown, heat: "uncertainty" as const };

    expect(wordsOf(heat, "axial").at(-1)).toBe("Uncertainty | 0.1 | 0.4 | 0.7 | 1");
    expect(wordsOf({ ...heat, hidden: true }, "axial")).toHaveLength(1);
  });
});
