/** Sparse runs (a proposal from the server) as a read-only map, complete at once; value 0 is left out. */
import type { LabelType, Runs } from "../types";
import { makeLabelArray } from "./editCodec";
import { RowRuns } from "./RowRuns";

interface Row {
  readonly starts: number[];
  readonly ends: number[];
  readonly values: number[];
}

export function runsToRows(
  runs: Runs,
  nx: number,
  ny: number,
  nz: number,
  slabDepth: number,
  dtype: LabelType,
): RowRuns {
  const rows = new Map<number, Row>();
  let read = 0;
  runs.starts.forEach((start, n) => {
    const length = runs.lengths[n] as number;
    for (let at = start; at < start + length; at++) {
      const value = runs.values[read++] as number;
      if (value !== 0) extend(rows, Math.floor(at / nx), at % nx, value);
    }
  });
  const map = new RowRuns(nx, ny, nz, slabDepth);
  for (let slab = 0; slab < map.slabCount; slab++) {
    const first = slab * slabDepth * ny;
    const count = ny * Math.min(slabDepth, nz - slab * slabDepth);
    const found = Array.from({ length: count }, (_, row) => rows.get(first + row));
    const rowEnds = new Uint32Array(count + 1);
    found.forEach((row, n) => {
      rowEnds[n + 1] = (rowEnds[n] as number) + (row?.starts.length ?? 0);
    });
    const values = makeLabelArray(dtype, rowEnds[count] as number);
    values.set(found.flatMap((row) => row?.values ?? []));
    const starts = Uint16Array.from(found.flatMap((row) => row?.starts ?? []));
    map.putSlab(slab, { rowEnds, starts, ends: Uint16Array.from(found.flatMap((row) => row?.ends ?? [])), values });
  }
  return map;
}

function extend(rows: Map<number, Row>, number: number, x: number, value: number): void {
  let row = rows.get(number);
  if (row === undefined) {
    row = { starts: [], ends: [], values: [] };
    rows.set(number, row);
  }
  const last = row.starts.length - 1;
  if (last >= 0 && row.ends[last] === x && row.values[last] === value) row.ends[last] = x + 1;
  else {
    row.starts.push(x);
    row.ends.push(x + 1);
    row.values.push(value);
  }
}
