/**
 * The words of the engine's door: what a page gives to a Viewer and what it gets back.
 *
 * Frames: `Ijk` are voxel indices, x (i) fastest, centres at integers. `Mm` are patient millimetres in RAS, as the
 * server's affine says. Colours are CSS strings "#rrggbb". Nothing here needs the DOM library, so pages, outbox and
 * Node tests may all import it.
 */

export type Plane = "axial" | "sagittal" | "coronal";

export type Point3 = readonly [number, number, number];

/** Facts of `GET /images/{id}` which the engine needs. `affine` is 3×4 row-major, voxel → RAS mm. */
export interface ImageInfo {
  readonly nx: number;
  readonly ny: number;
  readonly nz: number;
  readonly channels: 1 | 3;
  readonly affine: readonly number[];
  readonly geometry: "regular" | "sheared" | "irregular" | "uncalibrated";
  /** whether the file says which side of the patient is which; letters stand only where it does, and says it once */
  readonly sides: "known" | "doubtful" | "unknown";
  /** displayed value = stored · slope + intercept */
  readonly slope: number;
  readonly intercept: number;
  /** default window, in displayed units */
  readonly windowLow: number;
  readonly windowHigh: number;
  /** slices in a slab */
  readonly slabDepth: number;
}

/** Bytes of slab k, already decompressed by the browser; the engine takes the buffer over (it goes to a worker). Rejecting is fine: the loader retries twice, then tells `onProblem`. */
export type FetchSlab = (slab: number, signal: AbortSignal) => Promise<ArrayBuffer>;

/** Sorted stretches of voxels with the values they take. `values` holds sum(lengths) entries, run after run. */
export interface Runs {
  readonly starts: Float64Array;
  readonly lengths: Float64Array;
  readonly values: LabelArray;
}

export type LabelArray = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
export type LabelType = "uint8" | "uint16";

export interface SliceChecksum {
  readonly z: number;
  readonly crc32: number;
}

/** One gesture's changed voxels. `before` is known in memory only; `encodeRuns(edit.runs)` is what travels. */
export interface Edit {
  readonly editId: string;
  readonly tool: string;
  readonly sourceRevisionId: string | null;
  readonly undoes: string | null;
  readonly runs: Runs;
  readonly before: LabelArray;
  readonly voxels: number;
  /** CRC-32 of axial slices touched since the last check, *after* this edit; every 50th edit, otherwise null. Drop them
   *  when this edit is replayed on top of somebody else's. */
  readonly checksums: readonly SliceChecksum[] | null;
}

/** An edit as journal and server keep it. `runs` is base64 of the run code (`encodeRuns`). */
export interface JournalEdit {
  readonly editId: string;
  readonly tool: string;
  readonly sourceRevisionId: string | null;
  readonly undoes: string | null;
  readonly runs: string;
}

export interface LabelInfo {
  readonly value: number;
  readonly name: string;
  readonly colour: string;
  readonly visible: boolean;
  readonly locked: boolean;
}

export type Dash = "solid" | "long" | "dots" | "dash-dot";

/** How a read-only label map looks: `outline` for experts, `proposal` (hatched, dashed outline) for the model. */
export interface LayerLook {
  readonly kind: "outline" | "proposal";
  /** null = each label in its own colour */
  readonly colour: string | null;
  readonly dash: Dash;
  /** 0–1 */
  readonly opacity: number;
  readonly visible: boolean;
}

export interface LayerSource {
  readonly id: string;
  readonly revisionId: string;
  readonly dtype: LabelType;
  readonly fetchSlab: FetchSlab;
  readonly look: LayerLook;
  /** uint8 slabs, 0–255 = 0–1: how unsure of each voxel. Given, labels are filled, the fainter the less sure. */
  readonly fetchUnsure?: FetchSlab;
}

/**
 * Shares of 0–1 over the image as a heat map. `slabs`: uint8 on the image's grid, 0–255 = 0–1, loaded once per id.
 * `disagreement`: per voxel, the share of these layers that do not vote with their majority. `difference`: where only a,
 * only b or both have the label (null: any); while it is shown it stands alone, without outlines and fills.
 */
export type HeatSource =
  | { readonly kind: "slabs"; readonly id: string; readonly fetchSlab: FetchSlab }
  | { readonly kind: "disagreement"; readonly layers: readonly string[] }
  | { readonly kind: "difference"; readonly a: CompareSide; readonly b: CompareSide; readonly label: number | null };

/** A side of a comparison: a layer by its id, or the map being drawn as it is now. */
export type CompareSide = { readonly layer: string } | "drawing";

/** One label in two maps. `distances`: surfaces in mm; null where one side is empty or the image has no lengths. */
export interface LabelAgreement {
  readonly label: number;
  readonly voxelsA: number;
  readonly voxelsB: number;
  readonly dice: number;
  readonly distances: { readonly hd95Mm: number; readonly assdMm: number } | null;
}

/** Voxels start … end − 1 of row j + ny · k, and the label that each reading gives them. */
export interface DisputedStretch {
  readonly row: number;
  readonly start: number;
  readonly end: number;
  readonly ballot: readonly number[];
}

/** A connected region where readings differ. */
export interface DisputedRegion {
  /** its first voxel's number: the same whenever the same readings are compared */
  readonly key: number;
  readonly voxels: number;
  /** bits, summed over its voxels */
  readonly entropy: number;
  /** a voxel of it to look at */
  readonly middle: Point3;
  /** in ascending order of voxels */
  readonly stretches: readonly DisputedStretch[];
  /** voxels in a row of the grid */
  readonly rowLength: number;
}

/** The label that a decision gives a voxel, from the readings' labels in their order; null: it stays as it is drawn. */
export type Pick = ((ballot: readonly number[]) => number) | null;

/** The regions to be settled, most voxels × entropy first, and the disputed voxels in rims too thin to be one. */
export interface Disputes {
  readonly regions: readonly DisputedRegion[];
  readonly rimVoxels: number;
}

/** Triangles in patient RAS mm, facing outwards: x, y, z, … and three point numbers each. */
export interface SurfaceMesh {
  readonly points: Float32Array<ArrayBuffer>;
  readonly triangles: Uint32Array<ArrayBuffer>;
}

/** The map being drawn. `fetchSlab` null = begin empty. `edits` are replayed in order and fill undo and redo. */
export interface ActiveSource {
  readonly dtype: LabelType;
  readonly fetchSlab: FetchSlab | null;
  readonly edits: readonly JournalEdit[];
}

/** Tools that change labels; each gesture is one edit. `grow` and `shrink` are one pair, as are the 2D and 3D forms. */
export type DrawingTool =
  | "brush"
  | "eraser"
  | "threshold"
  | "polygon"
  | "lasso"
  | "scissors"
  | "fill"
  | "fill3d"
  | "holes"
  | "holes3d"
  | "islands"
  | "smooth"
  | "grow"
  | "shrink"
  | "interpolate";

export type ToolName = DrawingTool | "ask" | "crosshair" | "window" | "pan" | "zoom" | "ruler";

/** Which slices along the view's normal an outline cuts through. Slice numbers as in `ViewerState.slices`, both included. */
export type SliceReach =
  | { readonly kind: "all" }
  | { readonly kind: "around"; readonly slices: number }
  | { readonly kind: "range"; readonly from: number; readonly to: number };

export type PromptShape = "point" | "scribble" | "box" | "lasso";

/** `boxSlices`: a box reaches this many slices to each side; 0 keeps it in its slice. */
export interface AskOptions {
  readonly shape: PromptShape;
  readonly boxSlices: number;
}

/** One gesture of Ask AI. `sliceAxis`: the voxel axis across its slice, null for a box in 3D. */
export interface PromptDrawn {
  readonly type: PromptShape;
  readonly points: readonly Point3[];
  readonly isInclude: boolean;
  readonly sliceAxis: "i" | "j" | "k" | null;
  readonly radiusMm: number;
}

/** What single tools are set to. Values and ranges in displayed units, lengths in mm. */
export interface ToolOptions {
  /** what threshold paint takes, inclusive; also the range of `PaintLimits` while that is on */
  readonly range: ValueRange;
  /** a fill also stops where the value differs more than this from the clicked one; null: labels alone count */
  readonly fillTolerance: number | null;
  readonly ask: AskOptions;
  readonly scissors: {
    readonly act: "erase-inside" | "erase-outside" | "fill-inside";
    readonly outline: "freehand" | "corners";
    readonly reach: SliceReach;
  };
  readonly islands: {
    readonly act: "keep-largest" | "keep-clicked" | "drop-small" | "relabel-clicked";
    readonly is3D: boolean;
    readonly belowMm3: number;
    /** what the clicked island becomes */
    readonly toLabel: number;
  };
  readonly smooth: { readonly is3D: boolean; readonly radiusMm: number };
  readonly margin: { readonly is3D: boolean; readonly mm: number };
  /** all gaps of the view's normal, or the one around the slice shown */
  readonly interpolate: "all-gaps" | "this-gap";
}

export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** What may be painted over. A locked label never changes, whatever this says. Range in displayed units, inclusive. */
export interface PaintLimits {
  readonly over: "everything" | "background" | { readonly label: number };
  readonly range: ValueRange | null;
  /** eraser and scissors also takes other labels than the active one */
  readonly eraseAnyLabel: boolean;
}

export interface AcceptScope {
  readonly labels: readonly number[] | "all";
  readonly mode: "replace" | "add" | "remove";
  /** axis-aligned part of the volume; absent = all of it. Slice numbers as in `ViewerState.slices`, both ends included. */
  readonly slices?: { readonly plane: Plane; readonly from: number; readonly to: number };
}

export interface SlicePosition {
  readonly index: number;
  readonly count: number;
}

/** What became of somebody else's edit: voxels that stayed mine, and a voxel to look at (one of those if there are any). */
export interface RemoteMerge {
  readonly kept: number;
  readonly at: Point3 | null;
}

/** A snapshot for React: made anew at each change, at most once a frame. */
export interface ViewerState {
  /** planes that may be shown: one for 2D, irregular and uncalibrated images, else three; the acquisition plane first */
  readonly planes: readonly Plane[];
  readonly slices: Readonly<Record<Plane, SlicePosition>>;
  readonly crosshairIjk: Point3;
  readonly crosshairMm: Point3;
  readonly window: { readonly low: number; readonly high: number };
  readonly tool: ToolName;
  readonly activeLabel: number;
  readonly brushRadiusMm: number;
  readonly brushIsBall: boolean;
  readonly paintLimits: PaintLimits;
  readonly toolOptions: ToolOptions;
  /** an outline not yet closed, or a preview not yet accepted: `confirm` ends it, `cancel` gives it up */
  readonly staged: StagedState | null;
  readonly undoDepth: number;
  readonly redoDepth: number;
  readonly slabsLoaded: number;
  readonly slabCount: number;
  /** false: the tab has no room for the whole image, so only its acquisition plane is shown and nothing works in 3D */
  readonly isWhole: boolean;
  /** false until `loadActive` has finished: tools change nothing before */
  readonly canDraw: boolean;
  /** degrees between grid and patient axes, 0 where there is no orientation; above 5 the views wear a badge */
  readonly tiltDegrees: number;
}

export interface StagedState {
  readonly tool: DrawingTool;
  readonly kind: "outline" | "preview";
}

/** Something to be asked before it is done. `large-fill`: the region has more voxels than a fill takes unasked. */
export interface Question {
  readonly kind: "large-fill";
  proceed(): void;
}

/** What lies under the pointer, or under the crosshair after a key. */
export interface CursorInfo {
  readonly plane: Plane;
  readonly ijk: Point3;
  readonly mm: Point3;
  /** displayed value(s): one for grey, three for RGB; null while its slab is not here */
  readonly values: readonly number[] | null;
  readonly label: number;
  /** 0–1 of the heat map shown; null while none is */
  readonly share: number | null;
}

/** A label in one slice. `areaMm2` is null where the image has no lengths, `values` for colour and while loading. */
export interface SliceMeasure {
  readonly cells: number;
  readonly areaMm2: number | null;
  /** displayed units */
  readonly values: { readonly mean: number; readonly sd: number; readonly low: number; readonly high: number } | null;
}

export interface ViewerOptions {
  readonly image: ImageInfo;
  readonly fetchSlab: FetchSlab;
  /** where the same bytes lie on our own origin: given, a worker fetches them, and `fetchSlab` only when that failed */
  readonly slabAddress?: (slab: number) => string;
  /** what image and drawing may take together; more is held in part (`ViewerState.isWhole`). Absent: all that can be allocated */
  readonly memoryBytes?: number;
  /** voxel to start at; the middle of the volume when absent */
  readonly startIjk?: Point3;
  /** every change of the active map, undo and redo included, after it was applied */
  readonly onEdit?: (edit: Edit) => void;
  /** what Ask AI is asked; labels have not changed */
  readonly onPrompt?: (prompt: PromptDrawn) => void;
  readonly onCrosshair?: (ijk: Point3, mm: Point3) => void;
  readonly onViewChange?: (state: ViewerState) => void;
  readonly onCursor?: (cursor: CursorInfo | null) => void;
  /** a sentence for the person at the screen: a slab that will not load, a fill that is too large */
  readonly onProblem?: (sentence: string) => void;
  /** without it what would be asked is refused */
  readonly onQuestion?: (question: Question) => void;
}

/** Words burnt into a picture; `colour`: of a square before them. */
export interface CaptionMark {
  readonly words: string;
  readonly colour?: string;
}

/** Above the picture one sentence, below it rows of words, all of them wrapped to its width. */
export interface Caption {
  readonly above: string;
  readonly below: readonly (readonly CaptionMark[])[];
}

export interface ViewHandle {
  readonly plane: Plane;
  /** fit the slice into the canvas again */
  reset(): void;
  zoomBy(factor: number): void;
  /** What is shown now in the screen's own pixels, without the brush cursor, as PNG. Rejects where the browser has no memory for it. */
  takePicture(caption: Caption): Promise<Blob>;
  detach(): void;
}

/** The engine's one door. `Viewer` (class) implements it. All methods are synchronous unless they return a Promise. */
export interface ViewerDoor {
  readonly state: ViewerState;
  /** Resolves when every slab of the image has arrived or failed, or the viewer is destroyed. */
  readonly imageArrived: Promise<void>;
  /** The canvas must fill its box by CSS; the engine sizes its pixels, sets touch-action and takes its pointer and wheel events. */
  attach(canvas: HTMLCanvasElement, plane: Plane): ViewHandle;
  setLabels(labels: readonly LabelInfo[]): void;
  setActiveLabel(value: number): void;
  /** `plane`: the view meant by a tool that begins at once (the interpolation's preview). */
  setTool(tool: ToolName, plane?: Plane): void;
  /** Takes up the interpolation with its preview; false, and nothing said, where there is no gap to fill. */
  previewInterpolation(plane: Plane): boolean;
  /** the voxel axis across a plane's slices */
  sliceAxis(plane: Plane): "i" | "j" | "k";
  setBrush(radiusMm: number, options?: { readonly ball: boolean }): void;
  setPaintLimits(limits: PaintLimits): void;
  setToolOptions(change: Partial<ToolOptions>): void;
  /** the range of values under the brush at the pointer, else at the crosshair: mean ± 2 standard deviations */
  takeRangeFromHere(plane: Plane): void;
  setWindow(low: number, high: number): void;
  /** grey smoothed on screen (default) or one rectangle per voxel; labels are never smoothed */
  setSmoothing(isSmooth: boolean): void;
  /** opacity 0–1 of the active map's fill and of everything laid over the image */
  setOpacity(fill: number, overlays: number): void;
  /** hold-to-hide: true hides every overlay until false */
  setHidden(hidden: boolean): void;
  goTo(ijk: Point3): void;
  /** slices forward (positive) in a plane */
  scroll(plane: Plane, slices: number): void;
  /** keyboard drawing: one voxel on the screen of that plane; a tool that is down draws along */
  moveCrosshair(plane: Plane, right: number, down: number): void;
  /** keyboard drawing: tool down at the crosshair, or up again (its Edit arrives by `onEdit`) */
  toggleToolAtCrosshair(plane: Plane): void;
  /**
   * Closes the outline, accepts the preview, or lets a tool without strokes act at the crosshair. False: nothing here
   * waits for it.
   */
  confirm(plane: Plane): boolean;
  /** takes the outline's last corner away; false when no outline is open */
  dropCorner(): boolean;
  /** the active label of the slice shown, copied exactly onto the next (1) or previous (−1) slice, which is then shown */
  copySlice(plane: Plane, direction: 1 | -1): Edit | null;
  /** abandon the gesture under way, the open outline or the preview */
  cancel(): void;
  loadActive(source: ActiveSource): Promise<void>;
  /**
   * Somebody else's edit (not undoable here). Voxels of `pending` (mine, not yet acknowledged, oldest first) stay mine;
   * says how many did and where to look. Ends a gesture under way first, whose edit arrives by `onEdit`: ask for what is pending anew each time.
   */
  applyRemote(edit: JournalEdit, pending: readonly JournalEdit[]): RemoteMerge;
  addLayer(source: LayerSource): Promise<void>;
  updateLayer(id: string, look: Partial<LayerLook>): void;
  removeLayer(id: string): void;
  /** A small picture of a slice with a layer's outline; `box` (voxels, both ends included) fills it. */
  drawMiniature(
    canvas: HTMLCanvasElement,
    id: string,
    plane: Plane,
    slice: number,
    box: { readonly min: Point3; readonly max: Point3 },
  ): void;
  /** Shows one heat map, or none. Resolves when its slabs have arrived or failed. */
  showHeat(heat: HeatSource | null): Promise<void>;
  /** How much of each slice the share map loaded last marks, 1 for the most marked one; empty while it is not whole. */
  rankUnsureSlices(plane: Plane): readonly number[];
  /** Measures two maps against each other in another thread. A newer question overtakes this one: then no answer comes. */
  compare(a: CompareSide, b: CompareSide, labels: readonly number[]): Promise<readonly LabelAgreement[]>;
  /** A label's surface for the 3D panel, made in another thread; null where there is none of it. */
  buildSurface(side: CompareSide, label: number): Promise<SurfaceMesh | null>;
  /** The grey image as NIfTI in memory, thinned to so many voxels a side; null while it loads and for colour. */
  buildNifti(longestSide: number): ArrayBuffer | null;
  /** Moves the crosshair to a patient point. */
  goToMm(mm: Point3): void;
  /** The majority of these layers' labels as a layer of its own, or none. */
  showConsensus(layers: readonly string[], look: LayerLook | null): void;
  /** Where these layers' labels differ; throws while one of them is not complete. */
  findDisputes(layers: readonly string[]): Disputes;
  /** A region's labels as one edit, kept even where it changes nothing. Null, and said why, where a locked label stands in the way. */
  decide(region: DisputedRegion, tool: string, pick: Pick): Edit | null;
  /** A region's outline as a layer of its own; replaces the one before. */
  outlineRegion(id: string, region: DisputedRegion, look: LayerLook): void;
  /** What is asked of the AI, as marks over the slices it speaks of; replaces those before. Hidden with the overlays. */
  showPrompts(prompts: readonly PromptDrawn[]): void;
  /** A proposal in run form as a layer of its own, complete at once; replaces the one before. */
  showProposal(id: string, runs: Runs, look: LayerLook): void;
  /** Takes a proposal over as one edit of this id: values where it has some, 0 where `label` is denied. Null: no change. */
  acceptProposal(runs: Runs, label: number, editId: string): Edit | null;
  /** value → how many voxels given it by hand (0: erased) `acceptLayer` would change; empty while the layer is not complete */
  countOverdrawn(id: string, scope: AcceptScope): ReadonlyMap<number, number>;
  /** the same of `acceptProposal` */
  countOverdrawnByProposal(runs: Runs, label: number): ReadonlyMap<number, number>;
  /** how many voxels of a layer are neither taken over nor decided by hand; 0 while it is not complete */
  countLeft(id: string): number;
  /** Null when nothing would change. Of a layer in run form the edit's tool is `opinion`, for it is no revision. */
  acceptLayer(id: string, scope: AcceptScope): Edit | null;
  /** makes the active map equal to a layer's, whatever is locked; null when nothing differs or it is not complete yet */
  restoreLayer(id: string): Edit | null;
  undo(): Edit | null;
  redo(): Edit | null;
  /** false when the next step has left the memory: `loadActive` with the whole journal brings it back */
  holdsStep(step: "undo" | "redo"): boolean;
  /** the whole active map in run code, as an edit on an empty map, base64 */
  encodeMap(): string;
  /** voxels of each label present in the active map, background left out */
  countVoxels(): ReadonlyMap<number, number>;
  /** what a label covers in the slice shown, null where it is not in it */
  measureSlice(plane: Plane, label: number): SliceMeasure | null;
  /** slices of a plane where the active map is not empty: marks for the slice bar */
  listDrawnSlices(plane: Plane): readonly number[];
  /** CRC-32 of the slices touched since the last check, for submit */
  takeChecksums(): readonly SliceChecksum[];
  destroy(): void;
}
