import { describe, expect, it } from "vitest";
import { traceOutlines } from "./outline";

/** Rows of digits, "." for background. */
function parse(...rows: readonly string[]): { cells: Uint8Array<ArrayBuffer>; columns: number; rows: number } {
  const cells = Uint8Array.from(rows.join(""), (letter) => (letter === "." ? 0 : Number(letter)));
  return { cells, columns: (rows[0] as string).length, rows: rows.length };
}

function trace(picture: ReturnType<typeof parse>) {
  return traceOutlines(picture.cells, picture.columns, picture.rows).map(({ label, corners, ringEnds }) => {
    const rings: string[] = [];
    let corner = 0;
    for (const end of ringEnds) {
      const ring: string[] = [];
      for (; corner < end; corner++) ring.push(`${corners[2 * corner]},${corners[2 * corner + 1]}`);
      rings.push(ring.join(" "));
    }
    return { label, rings };
  });
}

/** Even-odd test of cell centres against the rings: what filling the path paints. */
function fill(outline: ReturnType<typeof traceOutlines>[number], columns: number, rows: number): Uint8Array {
  const inside = new Uint8Array(columns * rows);
  let first = 0;
  for (const end of outline.ringEnds) {
    for (let n = first; n < end; n++) {
      const next = n + 1 === end ? first : n + 1;
      const [x, y0, y1] = [outline.corners[2 * n], outline.corners[2 * n + 1], outline.corners[2 * next + 1]] as [
        number,
        number,
        number,
      ];
      if (outline.corners[2 * next] !== x) continue;
      for (let y = Math.min(y0, y1); y < Math.max(y0, y1); y++)
        for (let right = x; right < columns; right++)
          inside[y * columns + right] = 1 - (inside[y * columns + right] as number);
    }
    first = end;
  }
  return inside;
}

describe("outlines", () => {
  it("merge collinear edges: a rectangle has four corners", () => {
    expect(trace(parse(".....", ".111.", ".111.", "....."))).toEqual([{ label: 1, rings: ["1,1 4,1 4,3 1,3"] }]);
  });

  it("go around holes the other way", () => {
    expect(trace(parse("111", "1.1", "111"))).toEqual([{ label: 1, rings: ["0,0 3,0 3,3 0,3", "1,1 1,2 2,2 2,1"] }]);
  });

  it("keep cells that touch by a corner apart", () => {
    expect(trace(parse("1.", ".1"))).toEqual([{ label: 1, rings: ["0,0 1,0 1,1 0,1", "1,1 2,1 2,2 1,2"] }]);
    expect(trace(parse(".1", "1."))).toEqual([{ label: 1, rings: ["1,0 2,0 2,1 1,1", "0,1 1,1 1,2 0,2"] }]);
  });

  it("give each label its own, in ascending order", () => {
    expect(trace(parse("21", "21"))).toEqual([
      { label: 1, rings: ["1,0 2,0 2,2 1,2"] },
      { label: 2, rings: ["0,0 1,0 1,2 0,2"] },
    ]);
  });

  it("are empty for an empty slice", () => {
    expect(trace(parse("...", "..."))).toEqual([]);
  });

  it("enclose exactly their label on random slices", () => {
    let state = 3;
    for (let round = 0; round < 200; round++) {
      const [columns, rows] = [1 + (round % 9), 1 + (round % 7)];
      const cells = Uint8Array.from({ length: columns * rows }, () => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return (state >> 12) % 3;
      });
      for (const outline of traceOutlines(cells, columns, rows)) {
        const expected = Uint8Array.from(cells, (value) => (value === outline.label ? 1 : 0));
        expect(fill(outline, columns, rows), `round ${round}`).toEqual(expected);
      }
    }
  });
});
