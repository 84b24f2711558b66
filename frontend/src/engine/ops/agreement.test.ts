import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import { compareLabels } from "./agreement";
import { PointTree } from "./PointTree";

interface Fixture {
  readonly name: string;
  readonly size: [number, number, number];
  readonly affine: number[];
  readonly a: string;
  readonly b: string;
  readonly agreement: {
    readonly label: number;
    readonly voxels_a: number;
    readonly voxels_b: number;
    readonly dice: number;
    readonly hd95_mm: number | null;
    readonly assd_mm: number | null;
  }[];
}

const file = new URL("../../../../tests/contract/agreement.json", import.meta.url);
const { pairs } = JSON.parse(readFileSync(file, "utf8")) as { pairs: Fixture[] };
const DEPTH = 4;

function unpack([nx, ny, nz]: Fixture["size"], base64: string): RowRuns {
  const dense = Uint8Array.from(Buffer.from(base64, "base64"));
  const map = new RowRuns(nx, ny, nz, DEPTH);
  for (let slab = 0; slab * DEPTH < nz; slab++)
    map.putSlab(
      slab,
      buildRowRuns(dense.slice(slab * DEPTH * nx * ny, (slab + 1) * DEPTH * nx * ny).buffer, nx, "uint8"),
    );
  return map;
}

describe("agreement of two label maps", () => {
  it.each(pairs)("is what brute force measures: $name", ({ size, affine, a, b, agreement }) => {
    const measured = compareLabels(
      unpack(size, a),
      unpack(size, b),
      affine,
      agreement.map((row) => row.label),
    );
    agreement.forEach((row, n) => {
      const ours = measured[n];
      expect(ours).toMatchObject({ label: row.label, voxelsA: row.voxels_a, voxelsB: row.voxels_b });
      expect(ours?.dice).toBeCloseTo(row.dice, 12);
      if (row.hd95_mm === null || row.assd_mm === null) expect(ours?.distances).toBeNull();
      else {
        expect(ours?.distances?.hd95Mm).toBeCloseTo(row.hd95_mm, 9);
        expect(ours?.distances?.assdMm).toBeCloseTo(row.assd_mm, 9);
      }
    });
  });

  it("tells no millimetres where the image has none", () => {
    const [first] = pairs as [Fixture];
    const [told] = compareLabels(unpack(first.size, first.a), unpack(first.size, first.b), null, [1]);
    expect(told?.distances).toBeNull();
    expect(told?.dice).toBeLessThan(1);
  });
});

describe("the point tree", () => {
  it("finds the nearest of many, ties and twins included", () => {
    let state = 5;
    const next = (): number => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return state % 23;
    };
    const points = Float64Array.from({ length: 3 * 700 }, next);
    const tree = new PointTree(points);
    for (let n = 0; n < 300; n++) {
      const [x, y, z] = [next() + 0.3, next() - 0.7, next()];
      let best = Infinity;
      for (let p = 0; p < 700; p++)
        best = Math.min(
          best,
          Math.hypot((points[3 * p] ?? 0) - x, (points[3 * p + 1] ?? 0) - y, (points[3 * p + 2] ?? 0) - z),
        );
      expect(tree.distanceTo(x, y, z)).toBeCloseTo(best, 10);
    }
  });
});
