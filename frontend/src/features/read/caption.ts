/**
 * What a picture of a view says of itself: intended use, whose image and which slice, what is unusual about the grid, what
 * the colours mean, and what in it is a model's. The patient goes by the pseudonym; the image's own name came with a file and may be a person's, and
 * the readers' names are not the picture's to spread: neither is in it.
 */
import type { ImageOut, ProjectOut } from "../../api";
import {
  type Caption,
  type CaptionMark,
  DIFFERENCE_COLOURS,
  heatColour,
  type Plane,
  type ViewerState,
} from "../../engine";
import { t } from "../../ui";
import { gridRemark } from "./looks";
import type { ReadState } from "./store";
import { shownBound } from "./windows";

type Layers = {
  proposal: { look: { visible: boolean } } | null;
  experts: readonly { look: { visible: boolean } }[];
  asking: { hasProposal: boolean } | null;
  propagation: { isShown: boolean } | null;
  opinions: { chosen: number | null } | null;
};

type Shown = Layers &
  Pick<ReadState, "labels" | "heat" | "hidden"> & {
    image: Pick<ImageOut, "patient_pseudonym" | "geometry" | "sides" | "channels" | "unit" | "simulated">;
    project: Pick<ProjectOut, "simulated">;
    view: Pick<ViewerState, "slices" | "window" | "tiltDegrees">;
  };

export function captionOf(shown: Shown, plane: Plane, now: Date): Caption {
  const { image, project, view, labels, heat, hidden } = shown;
  const { index, count } = view.slices[plane];
  const [low, high] = [shownBound(view.window.low), shownBound(view.window.high)];
  const rows = [
    inWords([
      image.patient_pseudonym,
      count > 1 ? t.read.sliceOf(t.read.planes[plane], index + 1, count) : null,
      image.channels === 3 ? null : t.read.picture.window(low, high, image.unit),
      t.units.dateTime(now.toISOString()),
    ]),
    inWords([
      gridRemark(image, view.tiltDegrees),
      image.sides === "known" ? null : t.read.sides[image.sides],
      project.simulated || image.simulated ? t.simulated.badge : null,
    ]),
    // A comparison's colours stand instead of the labels'.
    hidden || heat === "difference" ? [] : labels.filter((label) => label.visible).map(asMark),
    hidden ? [] : inWords(layersOf(shown)),
    hidden || heat === null ? [] : [{ words: t.read.picture.heat[heat] }, ...heatMarks(heat)],
  ];
  return { above: t.banner, below: rows.filter((row) => row.length > 0) };
}

function inWords(sentences: readonly (string | null)[]): readonly CaptionMark[] {
  return sentences.flatMap((words) => (words === null ? [] : [{ words }]));
}

/** What lies over the image that its reader did not draw. */
function layersOf({ proposal, experts, asking, propagation, opinions }: Layers): readonly (string | null)[] {
  const isProposed =
    proposal?.look.visible || asking?.hasProposal || propagation?.isShown || (opinions?.chosen ?? null) !== null;
  const outlines = experts.filter((layer) => layer.look.visible).length;
  return [isProposed ? t.read.picture.proposed : null, outlines > 0 ? t.read.picture.outlines(outlines) : null];
}

function asMark({ name, colour }: { name: string; colour: string }): CaptionMark {
  return { words: name, colour };
}

function heatMarks(heat: NonNullable<ReadState["heat"]>): readonly CaptionMark[] {
  if (heat !== "difference")
    return [0.1, 0.4, 0.7, 1].map((share) => ({ words: `${share}`, colour: heatColour(share) }));
  const kinds = ["onlyA", "onlyB", "both", "otherLabel"] as const;
  return kinds.map((kind) => ({ words: t.compare[kind], colour: DIFFERENCE_COLOURS[kind] }));
}
