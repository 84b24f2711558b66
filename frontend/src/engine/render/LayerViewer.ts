/**
 * The part of a viewer that looks and changes no label: how it is shown, read-only maps, heat maps, comparisons, measures, surfaces.
 * Viewer adds views, tools and the map being drawn.
 */
import { toVoxel } from "../geometry/affine";
import type { VoxelBox } from "../geometry/box";
import { hasLengths } from "../geometry/measure";
import { fillRegion } from "../ops/disputes";
import type { Toolbox } from "../tools/Toolbox";
import type {
  CompareSide,
  DisputedRegion,
  Disputes,
  HeatSource,
  LabelAgreement,
  LayerLook,
  LayerSource,
  Plane,
  Point3,
  PromptDrawn,
  SliceMeasure,
  SurfaceMesh,
} from "../types";
import { buildNifti } from "../volume/niftiBytes";
import type { Feed } from "./feeds";
import { measureSlice } from "./measureSlice";
import { MiniaturePainter } from "./miniature";
import type { ReferenceMaps } from "./ReferenceMaps";
import type { MutableScene } from "./Scene";
import type { ViewSet } from "./ViewSet";

/** A label for what is only outlined; projects count theirs from 1. */
const OUTLINED = 255;
const AXIS_NAMES = ["i", "j", "k"] as const;

export abstract class LayerViewer {
  protected abstract readonly scene: MutableScene;
  protected abstract readonly references: ReferenceMaps;
  protected abstract readonly imageFeed: Feed;
  protected abstract readonly views: ViewSet;
  protected abstract readonly toolbox: Toolbox;
  private miniatures: MiniaturePainter | null = null;

  abstract goTo(ijk: Point3): void;

  get imageArrived(): Promise<void> {
    return this.imageFeed.finished;
  }

  setSmoothing(isSmooth: boolean): void {
    this.scene.isSmooth = isSmooth;
    this.views.invalidate();
  }

  setOpacity(fill: number, overlays: number): void {
    this.scene.fillOpacity = fill;
    this.scene.overlayOpacity = overlays;
    this.views.invalidate();
  }

  setHidden(hidden: boolean): void {
    this.scene.isHidden = hidden;
    this.views.invalidate();
  }

  showPrompts(prompts: readonly PromptDrawn[]): void {
    this.scene.prompts = prompts;
    this.views.invalidate();
  }

  sliceAxis(plane: Plane): "i" | "j" | "k" {
    return AXIS_NAMES[this.scene.orientation.planes[plane].sliceAxis as 0 | 1 | 2];
  }

  async addLayer(source: LayerSource): Promise<void> {
    await this.references.add(source, this.scene.crosshairIjk[2]);
  }

  updateLayer(id: string, look: Partial<LayerLook>): void {
    this.references.update(id, look);
  }

  removeLayer(id: string): void {
    this.references.remove(id);
  }

  countLeft(id: string): number {
    const { nx, ny, nz } = this.scene.volume.info;
    const runs = this.references.find(id)?.runs;
    if (!runs?.isComplete) return 0;
    return this.toolbox.board?.countLeft(runs, { min: [0, 0, 0], max: [nx - 1, ny - 1, nz - 1] }) ?? 0;
  }

  drawMiniature(canvas: HTMLCanvasElement, id: string, plane: Plane, slice: number, box: VoxelBox): void {
    const layer = this.references.find(id);
    if (layer === null) return;
    this.miniatures ??= new MiniaturePainter(this.scene);
    this.miniatures.draw(canvas, this.scene.orientation.planes[plane], slice, layer.runs, box);
  }

  async showHeat(heat: HeatSource | null): Promise<void> {
    await this.references.showHeat(heat, this.scene.crosshairIjk[2]);
  }

  rankUnsureSlices(plane: Plane): readonly number[] {
    const sums = this.references.sumShares(this.scene.orientation.planes[plane].sliceAxis as 0 | 1 | 2);
    const most = sums === null ? 0 : Math.max(...sums);
    return sums === null || most === 0 ? [] : Array.from(sums, (sum) => sum / most);
  }

  async compare(a: CompareSide, b: CompareSide, labels: readonly number[]): Promise<readonly LabelAgreement[]> {
    const { info } = this.scene.volume;
    return this.references.compare(a, b, hasLengths(info) ? info.affine : null, labels);
  }

  async buildSurface(side: CompareSide, label: number): Promise<SurfaceMesh | null> {
    return this.references.buildSurface(side, this.scene.volume.info.affine, label);
  }

  buildNifti(longestSide: number): ArrayBuffer | null {
    return buildNifti(this.scene.volume, longestSide);
  }

  goToMm(mm: Point3): void {
    this.goTo(toVoxel(this.scene.volume.info.affine, mm));
  }

  showConsensus(layers: readonly string[], look: LayerLook | null): void {
    this.references.showConsensus(layers, look);
  }

  findDisputes(layers: readonly string[]): Disputes {
    return this.references.findDisputes(layers);
  }

  outlineRegion(id: string, region: DisputedRegion, look: LayerLook): void {
    this.references.addRuns(
      id,
      fillRegion(region, "uint8", () => OUTLINED),
      look,
    );
  }

  measureSlice(plane: Plane, label: number): SliceMeasure | null {
    return measureSlice(this.scene, this.scene.orientation.planes[plane], label);
  }
}
