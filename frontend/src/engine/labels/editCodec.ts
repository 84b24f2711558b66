/**
 * Edits as bytes and as base64 text: the same form in undo, in the crash journal and on the wire.
 *
 *   edit  := varint(number of runs) run*
 *   run   := varint(gap since the previous run's end) varint(length ≥ 1) pair*     (repeats sum to the length)
 *   pair  := varint(repeat ≥ 1) value                                              (1 byte, or 2 little-endian)
 *   varint: LEB128 in its shortest form, at most 7 bytes, so that a JavaScript number holds it exactly
 *
 * Fails closed: whatever is not exactly one whole edit inside the grid is refused, and nothing is allocated before the
 * runs were checked. `backend/imaging/labels.py` is the other implementation; `tests/contract/edits.json` binds both.
 * Numbers pass 32 bits, so everything is arithmetic: no bit operators but inside a byte.
 */
import type { LabelArray, LabelType, Runs } from "../types";
import { decodeBase64, encodeBase64 } from "./base64";

export type EditFault =
  | "truncated"
  | "empty-run"
  | "empty-pair"
  | "outside-grid"
  | "length-mismatch"
  | "trailing-bytes"
  | "not-minimal"
  | "number-too-long";

/** These bytes are not an edit on this grid. */
export class BadEdit extends Error {
  constructor(
    readonly code: EditFault,
    message: string,
  ) {
    super(message);
    this.name = "BadEdit";
  }
}

const MAX_VARINT_BYTES = 7;

export function makeLabelArray(dtype: LabelType, length: number): LabelArray {
  return dtype === "uint8" ? new Uint8Array(length) : new Uint16Array(length);
}

// ------------------------------------------------------------------------------------------------ encoding

class ByteWriter {
  private bytes = new Uint8Array(256);
  private length = 0;

  writeByte(value: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(2 * this.bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = value;
  }

  writeVarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.writeByte((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.writeByte(rest);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

/** The shortest form: runs that touch are joined, equal neighbours share a pair. */
export function encodeRunBytes(runs: Runs): Uint8Array<ArrayBuffer> {
  const { starts, lengths, values } = joinTouching(runs);
  const writer = new ByteWriter();
  const itemsize = values.BYTES_PER_ELEMENT;
  writer.writeVarint(starts.length);
  let end = 0;
  let at = 0;
  for (let run = 0; run < starts.length; run++) {
    const start = starts[run] as number;
    const length = lengths[run] as number;
    writer.writeVarint(start - end);
    writer.writeVarint(length);
    end = start + length;
    const last = at + length;
    while (at < last) {
      const value = values[at] as number;
      let next = at + 1;
      while (next < last && values[next] === value) next++;
      writer.writeVarint(next - at);
      writer.writeByte(value % 256);
      if (itemsize === 2) writer.writeByte(Math.floor(value / 256));
      at = next;
    }
  }
  return writer.take();
}

function joinTouching(runs: Runs): Runs {
  const starts: number[] = [];
  const lengths: number[] = [];
  let end = -1;
  for (let run = 0; run < runs.starts.length; run++) {
    const start = runs.starts[run] as number;
    const length = runs.lengths[run] as number;
    if (start === end) {
      lengths[lengths.length - 1] = (lengths[lengths.length - 1] as number) + length;
    } else {
      starts.push(start);
      lengths.push(length);
    }
    end = start + length;
  }
  return { starts: Float64Array.from(starts), lengths: Float64Array.from(lengths), values: runs.values };
}

/** Base64 of the run code: `runs` of a POST and of a journal entry. */
export function encodeRuns(runs: Runs): string {
  return encodeBase64(encodeRunBytes(runs));
}

// ------------------------------------------------------------------------------------------------ decoding

class ByteReader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  readVarint(): number {
    let value = 0;
    let scale = 1;
    for (let place = 0; place < MAX_VARINT_BYTES; place++) {
      const byte = this.bytes[this.at + place];
      if (byte === undefined) throw new BadEdit("truncated", "The edit ends inside a number.");
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && place > 0) {
          throw new BadEdit("not-minimal", `The number at byte ${this.at} has a needless last byte.`);
        }
        this.at += place + 1;
        return value;
      }
      scale *= 128;
    }
    throw new BadEdit("number-too-long", `The number at byte ${this.at} takes more than ${MAX_VARINT_BYTES} bytes.`);
  }

  readValue(itemsize: 1 | 2, run: number): number {
    if (this.at + itemsize > this.bytes.length) throw new BadEdit("truncated", `Run ${run} ends before its value.`);
    const low = this.bytes[this.at] as number;
    const value = itemsize === 1 ? low : low + 256 * (this.bytes[this.at + 1] as number);
    this.at += itemsize;
    return value;
  }
}

/** Decodes an edit for a grid of `size` voxels. Throws BadEdit for anything but one complete edit inside it. */
export function decodeRunBytes(bytes: Uint8Array, size: number, dtype: LabelType): Runs {
  const itemsize = dtype === "uint8" ? 1 : 2;
  const reader = new ByteReader(bytes);
  const count = reader.readVarint();
  if (count * (3 + itemsize) > bytes.length - reader.at) {
    throw new BadEdit("truncated", `${count} runs cannot fit in the ${bytes.length - reader.at} bytes that follow.`);
  }
  const starts = new Float64Array(count);
  const lengths = new Float64Array(count);
  const repeats: number[] = [];
  const pairValues: number[] = [];
  let end = 0;
  let total = 0;
  for (let run = 0; run < count; run++) {
    const gap = reader.readVarint();
    const length = reader.readVarint();
    if (length === 0) throw new BadEdit("empty-run", `Run ${run} changes no voxel.`);
    starts[run] = end + gap;
    lengths[run] = length;
    end += gap + length;
    total += length;
    if (end > size) throw new BadEdit("outside-grid", `Run ${run} ends at voxel ${end} of a grid of ${size}.`);
    readPairs(reader, run, length, itemsize, repeats, pairValues);
  }
  if (reader.at !== bytes.length) {
    throw new BadEdit("trailing-bytes", `${bytes.length - reader.at} bytes follow the last run.`);
  }
  return { starts, lengths, values: expandPairs(repeats, pairValues, total, dtype) };
}

function readPairs(
  reader: ByteReader,
  run: number,
  length: number,
  itemsize: 1 | 2,
  repeats: number[],
  pairValues: number[],
): void {
  let left = length;
  while (left > 0) {
    const repeat = reader.readVarint();
    if (repeat === 0) throw new BadEdit("empty-pair", `Run ${run} repeats a value 0 times.`);
    if (repeat > left)
      throw new BadEdit("length-mismatch", `Run ${run} gives more values than its length of ${length}.`);
    left -= repeat;
    repeats.push(repeat);
    pairValues.push(reader.readValue(itemsize, run));
  }
}

function expandPairs(repeats: number[], pairValues: number[], total: number, dtype: LabelType): LabelArray {
  const values = makeLabelArray(dtype, total);
  let at = 0;
  for (let pair = 0; pair < repeats.length; pair++) {
    const next = at + (repeats[pair] as number);
    values.fill(pairValues[pair] as number, at, next);
    at = next;
  }
  return values;
}

/** The opposite of `encodeRuns`. Throws BadEdit or, for text that is not base64, RangeError. */
export function decodeRuns(text: string, size: number, dtype: LabelType): Runs {
  return decodeRunBytes(decodeBase64(text), size, dtype);
}
