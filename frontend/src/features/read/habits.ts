/**
 * How this reader likes to work: the tool in hand, its sizes and margins, how strong overlays are. Kept with the
 * account as one flat list, so the next case, a reload and another computer begin as the last one was left.
 *
 * Left out on purpose: what belongs to one image (intensity ranges, numbers of slices) or one project (labels). A
 * setting that is unknown, of another kind or out of its range is passed over: an older or newer page wrote it.
 */
import type { ToolName, ToolOptions, ViewerState } from "../../engine";

export type Habits = Readonly<Record<string, string | number | boolean>>;

/** What a habit is read from and given back to. */
export type Hand = Pick<ViewerState, "tool" | "brushRadiusMm" | "brushIsBall" | "toolOptions"> & {
  readonly fillOpacity: number;
  readonly overlayOpacity: number;
  /** False for an image that is drawn on slice by slice: nothing works across its slices. */
  readonly allows3D: boolean;
};

/** Tools that may lie in the hand when a case opens: an interpolation would begin by itself, zoom is mostly held. */
const resting: readonly ToolName[] = [
  "brush",
  "eraser",
  "threshold",
  "polygon",
  "lasso",
  "scissors",
  "fill",
  "fill3d",
  "holes",
  "holes3d",
  "islands",
  "smooth",
  "grow",
  "shrink",
  "ask",
  "crosshair",
  "window",
  "pan",
];
/** What a tool that works across slices becomes where nothing may. */
const flat: Partial<Record<ToolName, ToolName>> = { fill3d: "fill", holes3d: "holes" };
const scissorsActs = ["erase-inside", "erase-outside", "fill-inside"] as const;
const outlines = ["freehand", "corners"] as const;
const islandActs = ["keep-largest", "keep-clicked", "drop-small", "relabel-clicked"] as const;
const shapes = ["point", "scribble", "box", "lasso"] as const;
const gaps = ["all-gaps", "this-gap"] as const;

/** `before`: what was kept; a tool that does not rest leaves the former one there. */
export function habitsOf({ tool, toolOptions, ...hand }: Hand, before: Habits): Habits {
  const { ask, scissors, islands, smooth, margin, interpolate } = toolOptions;
  const in3D = {
    "brush-is-ball": hand.brushIsBall,
    "islands-is-3d": islands.is3D,
    "smooth-is-3d": smooth.is3D,
    "margin-is-3d": margin.is3D,
  };
  return {
    ...before,
    ...(resting.includes(tool) && { tool }),
    ...(hand.allows3D && in3D),
    "brush-radius-mm": hand.brushRadiusMm,
    "fill-opacity": hand.fillOpacity,
    "overlay-opacity": hand.overlayOpacity,
    "ask-shape": ask.shape,
    "scissors-act": scissors.act,
    "scissors-outline": scissors.outline,
    "islands-act": islands.act,
    "islands-below-mm3": islands.belowMm3,
    "smooth-mm": smooth.radiusMm,
    "margin-mm": margin.mm,
    interpolate,
  };
}

/** The hand as it was left, on top of what this case begins with. */
export function handOf(habits: Habits, now: Hand): Hand {
  const among = <T extends string>(id: string, known: readonly T[], otherwise: T): T =>
    known.find((one) => one === habits[id]) ?? otherwise;
  const between = (id: string, low: number, high: number, otherwise: number): number => {
    const kept = habits[id];
    return typeof kept === "number" && kept >= low && kept <= high ? kept : otherwise;
  };
  const in3D = (id: string, otherwise: boolean): boolean => {
    const kept = habits[id];
    return now.allows3D && (typeof kept === "boolean" ? kept : otherwise);
  };
  const { ask, scissors, islands, smooth, margin, ...options } = now.toolOptions;
  const toolOptions: ToolOptions = {
    ...options,
    ask: { ...ask, shape: among("ask-shape", shapes, ask.shape) },
    scissors: {
      ...scissors,
      act: among("scissors-act", scissorsActs, scissors.act),
      outline: among("scissors-outline", outlines, scissors.outline),
    },
    islands: {
      ...islands,
      act: among("islands-act", islandActs, islands.act),
      is3D: in3D("islands-is-3d", islands.is3D),
      belowMm3: between("islands-below-mm3", 0, 1e9, islands.belowMm3),
    },
    smooth: { is3D: in3D("smooth-is-3d", smooth.is3D), radiusMm: between("smooth-mm", 0.1, 20, smooth.radiusMm) },
    margin: { is3D: in3D("margin-is-3d", margin.is3D), mm: between("margin-mm", 0.1, 50, margin.mm) },
    interpolate: among("interpolate", gaps, options.interpolate),
  };
  const tool = among("tool", resting, now.tool);
  return {
    tool: now.allows3D ? tool : (flat[tool] ?? tool),
    brushRadiusMm: between("brush-radius-mm", 0.1, 50, now.brushRadiusMm),
    brushIsBall: in3D("brush-is-ball", now.brushIsBall),
    fillOpacity: between("fill-opacity", 0, 1, now.fillOpacity),
    overlayOpacity: between("overlay-opacity", 0, 1, now.overlayOpacity),
    toolOptions,
    allows3D: now.allows3D,
  };
}
