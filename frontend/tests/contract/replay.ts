/**
 * The engine's tools and its edit codec on stdin and stdout, for tests/contract: one JSON question a line, one answer.
 * Built by `vite build --config tests/contract/vite.config.ts`, run by Node; no browser.
 */
import { createInterface } from "node:readline";
import { computeOrientation, type PlaneAxes } from "../../src/engine/geometry/planes";
import { EditDraft } from "../../src/engine/labels/EditDraft";
import { decodeRunBytes, encodeRunBytes } from "../../src/engine/labels/editCodec";
import { LabelVolume } from "../../src/engine/labels/LabelVolume";
import { makeSettings } from "../../src/engine/tools/Bench";
import { DrawingBoard } from "../../src/engine/tools/DrawingBoard";
import { type Gesture, type Sample, ToolRefusal } from "../../src/engine/tools/Gesture";
import type {
  DrawingTool,
  Edit,
  ImageInfo,
  LabelInfo,
  LabelType,
  PaintLimits,
  ToolOptions,
} from "../../src/engine/types";
import { ImageVolume } from "../../src/engine/volume/ImageVolume";

/** One gesture on a small volume. Voxels are base64 of little-endian arrays, x fastest; samples in 1/64 voxel. */
interface GestureQuestion {
  readonly image: Pick<ImageInfo, "nx" | "ny" | "nz" | "affine" | "geometry" | "slope" | "intercept">;
  readonly stored: string;
  readonly labels: string;
  readonly locked: readonly number[];
  readonly activeLabel: number;
  readonly limits: PaintLimits;
  readonly radiusMm: number;
  readonly isBall: boolean;
  readonly options: Partial<ToolOptions>;
  readonly tool: DrawingTool | "copy";
  readonly sliceAxis: number;
  readonly samples64: readonly (readonly [number, number, number])[];
  /** copy only */
  readonly to: number;
}

/** Two label maps: the edit between them; and somebody's edit, to be decoded and encoded again. */
interface CodecQuestion {
  readonly dtype: LabelType;
  readonly before: string;
  readonly after: string;
  readonly edit: string;
}

const fromBase64 = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text, "base64")).buffer;
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** The question's grid as an image of one channel in one slab. */
const imageOf = ({ image }: GestureQuestion): ImageInfo => ({
  ...image,
  channels: 1,
  windowLow: 0,
  windowHigh: 1,
  slabDepth: image.nz,
  sides: "known",
});

function answerGesture(question: GestureQuestion): { edit: string | null; refusal: string | null } {
  const board = makeBoard(question);
  const { sliceAxis } = question;
  const { planes } = computeOrientation(imageOf(question));
  const axes = Object.values(planes).find((each) => each.sliceAxis === sliceAxis) as PlaneAxes;
  const samples = question.samples64.map(([i, j, k]): Sample => {
    const ijk = [i / 64, j / 64, k / 64] as const;
    return { at: { x: 0, y: 0 }, ijk, axes, slice: ijk[sliceAxis as 0 | 1 | 2], grabMm: 1e-9 };
  });
  const first = samples[0] as Sample;
  const made =
    question.tool === "copy"
      ? board.copySlice(axes, first.slice, question.to)
      : perform(board, question.tool, first, samples.slice(1));
  if (made instanceof ToolRefusal) return { edit: null, refusal: made.message };
  return { edit: made === null ? null : toBase64(encodeRunBytes(made.runs)), refusal: null };
}

function makeBoard(question: GestureQuestion): DrawingBoard {
  const volume = new ImageVolume(imageOf(question));
  volume.putSlab(0, fromBase64(question.stored));
  const settings = makeSettings();
  const board = new DrawingBoard(volume, "uint8", settings, () => "edit");
  board.labels.putSlices(0, fromBase64(question.labels));
  settings.activeLabel = question.activeLabel;
  settings.limits = question.limits;
  settings.radiusMm = question.radiusMm;
  settings.isBall = question.isBall;
  settings.options = { ...settings.options, ...question.options };
  settings.labelInfos = [0, 1, 2, 3].map((value): LabelInfo => {
    return { value, name: `${value}`, colour: "#ffffff", visible: true, locked: question.locked.includes(value) };
  });
  return board;
}

function perform(
  board: DrawingBoard,
  tool: DrawingTool,
  first: Sample,
  rest: readonly Sample[],
): Edit | null | ToolRefusal {
  const gesture = board.begin(tool, first);
  if (gesture instanceof ToolRefusal) return gesture;
  if (gesture.stage?.sketch?.hasHandles) setCorners(gesture, rest);
  else gesture.move(rest);
  return board.finish(gesture);
}

function setCorners({ stage }: Gesture, corners: readonly Sample[]): void {
  stage?.release();
  for (const corner of corners) {
    stage?.press(corner);
    stage?.release();
  }
}

function answerCodec({ dtype, before, after, edit }: CodecQuestion): { difference: string; again: string } {
  const read = (text: string) =>
    dtype === "uint8" ? new Uint8Array(fromBase64(text)) : new Uint16Array(fromBase64(text));
  const [from, to] = [read(before), read(after)];
  const labels = new LabelVolume(from.length, 1, 1, dtype);
  labels.putSlices(0, from.buffer);
  const draft = new EditDraft(labels);
  // From the end, so that the draft has to sort.
  for (let index = to.length - 1; index >= 0; index--) draft.write(index, index, 0, 0, to[index] as number);
  const made = draft.finish("edit", "brush", null);
  const nothing = { starts: new Float64Array(), lengths: new Float64Array(), values: new Uint8Array() };
  const decoded = decodeRunBytes(new Uint8Array(fromBase64(edit)), from.length, dtype);
  return { difference: toBase64(encodeRunBytes(made?.runs ?? nothing)), again: toBase64(encodeRunBytes(decoded)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as { gesture?: GestureQuestion; codec?: CodecQuestion };
  if (question.gesture !== undefined) process.stdout.write(`${JSON.stringify(answerGesture(question.gesture))}\n`);
  if (question.codec !== undefined) process.stdout.write(`${JSON.stringify(answerCodec(question.codec))}\n`);
}
