import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LabelType, Runs } from "../types";
import { decodeBase64, encodeBase64 } from "./base64";
import { crc32 } from "./checksum";
import { BadEdit, decodeRunBytes, decodeRuns, encodeRunBytes, encodeRuns, makeLabelArray } from "./editCodec";

interface Fixture {
  readonly name: string;
  readonly bytes: string;
  readonly size: number;
  readonly itemsize: 1 | 2;
}
interface GoodFixture extends Fixture {
  readonly shortest: boolean;
  readonly runs: readonly {
    readonly start: number;
    readonly length: number;
    readonly pairs: readonly [number, number][];
  }[];
}
interface BadFixture extends Fixture {
  readonly reason: string;
}

const file = new URL("../../../../tests/contract/edits.json", import.meta.url);
const fixtures = JSON.parse(readFileSync(file, "utf-8")) as { good: GoodFixture[]; bad: BadFixture[] };
const fromHex = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const dtypeOf = (fixture: Fixture): LabelType => (fixture.itemsize === 1 ? "uint8" : "uint16");

function expandFixture(fixture: GoodFixture): Runs {
  const flat = fixture.runs.flatMap((run) => run.pairs.flatMap(([repeat, value]) => Array<number>(repeat).fill(value)));
  const values = makeLabelArray(dtypeOf(fixture), flat.length);
  values.set(flat);
  return {
    starts: Float64Array.from(fixture.runs.map((run) => run.start)),
    lengths: Float64Array.from(fixture.runs.map((run) => run.length)),
    values,
  };
}

describe("the edit code shared with Python", () => {
  it.each(fixtures.good)("reads $name", (fixture) => {
    expect(decodeRunBytes(fromHex(fixture.bytes), fixture.size, dtypeOf(fixture))).toEqual(expandFixture(fixture));
  });

  it.each(fixtures.good.filter((fixture) => fixture.shortest))("writes $name in the same bytes", (fixture) => {
    expect(toHex(encodeRunBytes(expandFixture(fixture)))).toBe(fixture.bytes);
  });

  it.each(fixtures.good.filter((fixture) => !fixture.shortest))("writes $name shorter", (fixture) => {
    const written = encodeRunBytes(expandFixture(fixture));
    expect(written.length).toBeLessThan(fixture.bytes.length / 2);
    expect(decodeRunBytes(written, fixture.size, dtypeOf(fixture)).values).toEqual(expandFixture(fixture).values);
  });

  it.each(fixtures.bad)("refuses $name as $reason", (fixture) => {
    let code = "accepted";
    try {
      decodeRunBytes(fromHex(fixture.bytes), fixture.size, dtypeOf(fixture));
    } catch (error) {
      if (!(error instanceof BadEdit)) throw error;
      code = error.code;
    }
    expect(code).toBe(fixture.reason);
  });

  it("has fixtures of both kinds", () => {
    expect(fixtures.good.length).toBeGreaterThan(5);
    expect(fixtures.bad.length).toBeGreaterThan(5);
  });

  it("keeps a brush stroke of some 2,700 voxels below 400 bytes on the wire", () => {
    const rows = 54;
    const runs: Runs = {
      starts: Float64Array.from({ length: rows }, (_, row) => 20_000_000 + 512 * row + ((row * 7) % 5)),
      lengths: new Float64Array(rows).fill(50),
      values: new Uint8Array(rows * 50).fill(3),
    };
    expect(encodeRuns(runs).length).toBeLessThan(400);
    expect(decodeRuns(encodeRuns(runs), 512 * 512 * 300, "uint8")).toEqual(runs);
  });
});

describe("base64", () => {
  it.each([0, 1, 2, 3, 4, 61, 62])("agrees with Node for %i bytes", (length) => {
    const bytes = Uint8Array.from({ length }, (_, n) => (n * 89 + 200) % 256);
    const text = Buffer.from(bytes).toString("base64");
    expect(encodeBase64(bytes)).toBe(text);
    expect(decodeBase64(text)).toEqual(bytes);
  });

  it.each(["A", "AAA", "A===", "AA=A", "AA A", "AB==", "ÄÄÄÄ", "AA-_"])("refuses %s", (text) => {
    expect(() => decodeBase64(text)).toThrow(RangeError);
  });
});

describe("crc32", () => {
  it("gives zlib's check value", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});
