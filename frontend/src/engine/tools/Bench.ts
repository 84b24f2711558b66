/** What every drawing tool is given when a gesture begins; it keeps these even if the page changes settings meanwhile. */
import type { Metric } from "../geometry/affine";
import type { EditHistory } from "../labels/EditHistory";
import type { LabelVolume } from "../labels/LabelVolume";
import { compilePaintRule, type Deed, type PaintRule } from "../labels/PaintRule";
import type { LabelInfo, PaintLimits, ToolOptions } from "../types";
import type { ImageVolume } from "../volume/ImageVolume";
import { ToolRefusal } from "./Gesture";

/** What the next gesture will do; the page changes it at any time. */
export interface DrawingSettings {
  labelInfos: readonly LabelInfo[];
  activeLabel: number;
  limits: PaintLimits;
  radiusMm: number;
  isBall: boolean;
  options: ToolOptions;
}

export function makeSettings(): DrawingSettings {
  return {
    labelInfos: [],
    activeLabel: 1,
    limits: { over: "everything", range: null, eraseAnyLabel: false },
    radiusMm: 4,
    isBall: false,
    options: {
      range: { low: 0, high: 100 },
      fillTolerance: null,
      ask: { shape: "point", boxSlices: 0 },
      scissors: { act: "erase-inside", outline: "freehand", reach: { kind: "all" } },
      islands: { act: "keep-largest", is3D: true, belowMm3: 100, toLabel: 1 },
      smooth: { is3D: false, radiusMm: 2 },
      margin: { is3D: false, mm: 1 },
      interpolate: "all-gaps",
    },
  };
}

export class Bench {
  readonly settings: Readonly<DrawingSettings>;

  constructor(
    readonly labels: LabelVolume,
    readonly history: EditHistory,
    readonly image: ImageVolume,
    readonly metric: Metric,
    settings: DrawingSettings,
    readonly editId: string,
  ) {
    this.settings = { ...settings };
  }

  get activeLabel(): number {
    return this.settings.activeLabel;
  }

  /** Uneven slices and images without millimetres have no third dimension to measure in. */
  get hasDepth(): boolean {
    const { geometry } = this.image.info;
    return geometry !== "irregular" && geometry !== "uncalibrated";
  }

  /** Shapes in 3D need room for the whole volume besides. */
  get canBe3D(): boolean {
    return this.hasDepth && this.image.isWhole;
  }

  /** Throws ToolRefusal where a gesture needs the third dimension and the image has none. */
  requireDepth(): void {
    if (this.hasDepth) return;
    throw new ToolRefusal("This image's slices are uneven or without millimetres: work slice by slice.");
  }

  /** Throws ToolRefusal where a gesture works on shapes in 3D and the image is not here as a whole. */
  require3D(): void {
    this.requireDepth();
    if (this.image.isWhole) return;
    throw new ToolRefusal("Only a part of this image fits in this browser's memory: work slice by slice.");
  }

  /** Throws ToolRefusal where a gesture across slices would ask for values of slices that may not be here. */
  requireValues(): void {
    if (this.image.isWhole || this.settings.limits.range === null) return;
    throw new ToolRefusal(
      "Only a part of this image fits in this browser's memory, and the intensity range needs all of it: switch the range off, or work slice by slice.",
    );
  }

  /** Throws ToolRefusal for the background, which has no shape of its own to work on. */
  requireLabel(): void {
    if (this.activeLabel !== 0) return;
    throw new ToolRefusal("Background has no shape of its own: choose a label first.");
  }

  /** Throws ToolRefusal when a locked label stands in the way of the whole gesture. */
  rule(deed: Deed, value: number): PaintRule {
    const { activeLabel, limits, labelInfos } = this.settings;
    const rule = compilePaintRule(deed, value, activeLabel, limits, labelInfos, this.image);
    if (rule.lockedLabel === null) return rule;
    throw new ToolRefusal(`Label ${this.nameLabel(rule.lockedLabel)} is locked: unlock it or choose another one.`);
  }

  nameLabel(value: number): string {
    return this.settings.labelInfos.find((label) => label.value === value)?.name ?? String(value);
  }
}
