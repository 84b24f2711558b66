import { describe, expect, it } from "vitest";
import { buildRowRuns, RowRuns } from "../labels/RowRuns";
import { buildSurfaceMesh } from "./surfaceMesh";

const [NX, NY, NZ] = [40, 36, 24];
const RADIUS_MM = 11;

function ball(affine: readonly number[], centre: readonly number[]): RowRuns {
  const dense = new Uint8Array(NX * NY * NZ);
  let at = 0;
  for (let k = 0; k < NZ; k++)
    for (let j = 0; j < NY; j++)
      for (let i = 0; i < NX; i++, at++) {
        const mm = [0, 4, 8].map((r) =>
          [i, j, k].reduce((sum, n, c) => sum + (affine[r + c] ?? 0) * n, affine[r + 3] ?? 0),
        );
        if (Math.hypot(...mm.map((x, axis) => x - (centre[axis] ?? 0))) < RADIUS_MM) dense[at] = 3;
      }
  const runs = new RowRuns(NX, NY, NZ, NZ);
  runs.putSlab(0, buildRowRuns(dense.buffer, NX, "uint8"));
  return runs;
}

const GRIDS = {
  "patient axes": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1.5, 0],
  mirrored: [-1, 0, 0, 40, 0, 1, 0, 0, 0, 0, 1.5, 0],
  sheared: [1, 0.2, 0, 0, 0, 1, 0.4, 0, 0, 0, 1.5, 0],
};

describe("a surface", () => {
  it.each(Object.entries(GRIDS))("lies in patient millimetres, is closed, and faces outwards: %s", (_, affine) => {
    const centre = [0, 4, 8].map((r) =>
      [20, 18, 12].reduce((sum, n, c) => sum + (affine[r + c] ?? 0) * n, affine[r + 3] ?? 0),
    );
    const mesh = buildSurfaceMesh(ball(affine, centre), 3, affine);
    if (!mesh) throw new Error("no surface");
    const { points, triangles } = mesh;
    const point = (n: number): [number, number, number] => [
      (points[3 * n] ?? 0) - (centre[0] ?? 0),
      (points[3 * n + 1] ?? 0) - (centre[1] ?? 0),
      (points[3 * n + 2] ?? 0) - (centre[2] ?? 0),
    ];
    for (let n = 0; n < points.length / 3; n++) expect(Math.abs(Math.hypot(...point(n)) - RADIUS_MM)).toBeLessThan(1.3);
    const edges = new Map<string, number>();
    let volume = 0;
    for (let n = 0; n < triangles.length; n += 3) {
      const [a, b, c] = [triangles[n] ?? 0, triangles[n + 1] ?? 0, triangles[n + 2] ?? 0];
      const [p, q, r] = [point(a), point(b), point(c)];
      volume +=
        (p[0] * (q[1] * r[2] - q[2] * r[1]) - p[1] * (q[0] * r[2] - q[2] * r[0]) + p[2] * (q[0] * r[1] - q[1] * r[0])) /
        6;
      for (const [from, to] of [
        [a, b],
        [b, c],
        [c, a],
      ]) {
        const key = `${Math.min(from ?? 0, to ?? 0)} ${Math.max(from ?? 0, to ?? 0)}`;
        edges.set(key, (edges.get(key) ?? 0) + ((from ?? 0) < (to ?? 0) ? 1 : -1));
      }
    }
    expect([...edges.values()].every((sum) => sum === 0)).toBe(true);
    const wanted = (4 / 3) * Math.PI * RADIUS_MM ** 3;
    expect(volume / wanted).toBeGreaterThan(0.9);
    expect(volume / wanted).toBeLessThan(1.05);
  });

  it("of a label that is nowhere is none", () => {
    expect(buildSurfaceMesh(ball(GRIDS.sheared, [0, 0, 0]), 2, GRIDS.sheared)).toBeNull();
  });
});
