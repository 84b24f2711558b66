/**
 * Voxel edges of each label in a slice as closed rings, collinear edges merged: ready for Path2D.
 *
 * Rings (not loose edges) so that dashes run on around corners and a ring can be filled. Corners are cell corners of the
 * displayed slice. A ring keeps its label on the right-hand side of travel (clockwise outside, anticlockwise in holes);
 * where two cells touch by a corner it turns right, so they stay two rings: 4-connected, like the fill.
 */
import type { CellBox } from "../geometry/box";
import type { LabelArray } from "../types";

export interface Outline {
  readonly label: number;
  /** x0, y0, x1, y1, … of all rings */
  readonly corners: Int32Array;
  /** ring r covers corners ringEnds[r − 1] … ringEnds[r] − 1 (counted in corners, not in numbers) */
  readonly ringEnds: Int32Array;
}

const RIGHT = 1;
const DOWN = 2;
const LEFT = 4;
const UP = 8;

/** Outlines of all labels but 0, ascending by label. */
export function traceOutlines(cells: LabelArray, columns: number, rows: number): readonly Outline[] {
  const boxes = findLabelBoxes(cells, columns, rows);
  return [...boxes.keys()]
    .sort((a, b) => a - b)
    .map((label) => traceLabel(cells, columns, label, boxes.get(label) as CellBox));
}

function findLabelBoxes(cells: LabelArray, columns: number, rows: number): Map<number, MutableBox> {
  const boxes = new Map<number, MutableBox>();
  for (let y = 0; y < rows; y++) {
    let box: MutableBox | undefined;
    let previous = 0;
    for (let x = 0; x < columns; x++) {
      const label = cells[y * columns + x] as number;
      if (label === 0) continue;
      if (label !== previous || box === undefined) {
        previous = label;
        box = boxes.get(label);
        if (box === undefined) {
          box = { left: x, right: x, top: y, bottom: y };
          boxes.set(label, box);
        }
      }
      if (x < box.left) box.left = x;
      if (x > box.right) box.right = x;
      box.bottom = y;
    }
  }
  return boxes;
}

interface MutableBox {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function traceLabel(cells: LabelArray, columns: number, label: number, box: CellBox): Outline {
  const width = box.right - box.left + 1;
  const height = box.bottom - box.top + 1;
  const stride = width + 1;
  const leaving = markEdges(cells, columns, label, box, width, height);
  const corners: number[] = [];
  const ringEnds: number[] = [];
  for (let vertex = 0; vertex < leaving.length; vertex++) {
    // A ring's topmost-leftmost corner leaves to the right (outside) or down (hole), always through a fresh edge.
    while (leaving[vertex] !== 0) {
      followRing(leaving, vertex, stride, box, corners);
      ringEnds.push(corners.length / 2);
    }
  }
  return { label, corners: Int32Array.from(corners), ringEnds: Int32Array.from(ringEnds) };
}

/** For each corner, the directions in which edges leave it. */
function markEdges(
  cells: LabelArray,
  columns: number,
  label: number,
  box: CellBox,
  width: number,
  height: number,
): Uint8Array {
  const stride = width + 1;
  const leaving = new Uint8Array(stride * (height + 1));
  const add = (vertex: number, direction: number): void => {
    leaving[vertex] = (leaving[vertex] as number) | direction;
  };
  for (let y = 0; y < height; y++) {
    const first = (box.top + y) * columns + box.left;
    for (let x = 0; x < width; x++) {
      const cell = first + x;
      if (cells[cell] !== label) continue;
      const vertex = y * stride + x;
      if (y === 0 || cells[cell - columns] !== label) add(vertex, RIGHT);
      if (x === width - 1 || cells[cell + 1] !== label) add(vertex + 1, DOWN);
      if (y === height - 1 || cells[cell + columns] !== label) add(vertex + stride + 1, LEFT);
      if (x === 0 || cells[cell - 1] !== label) add(vertex + stride, UP);
    }
  }
  return leaving;
}

/** Walks one ring from `start`, taking its edges away and writing a corner at each turn. */
function followRing(leaving: Uint8Array, start: number, stride: number, box: CellBox, corners: number[]): void {
  let vertex = start;
  let direction = firstDirection(leaving[start] as number);
  let previous = 0;
  do {
    if (direction !== previous) {
      corners.push(box.left + (vertex % stride), box.top + Math.floor(vertex / stride));
      previous = direction;
    }
    leaving[vertex] = (leaving[vertex] as number) & ~direction;
    vertex += direction === RIGHT ? 1 : direction === LEFT ? -1 : direction === DOWN ? stride : -stride;
    if (vertex === start && !continuesThrough(leaving[vertex] as number, direction)) break;
    direction = turn(leaving[vertex] as number, direction);
  } while (direction !== 0);
}

function firstDirection(directions: number): number {
  return directions & RIGHT || directions & DOWN || directions & LEFT || directions & UP;
}

/** Right turn first, then straight on, then left: keeps cells that touch by a corner apart. */
function turn(directions: number, direction: number): number {
  const right = direction === UP ? RIGHT : direction * 2;
  const left = direction === RIGHT ? UP : direction / 2;
  return directions & right || directions & direction || directions & left;
}

/** Back at the start: another edge to the right of travel belongs to this ring only at a saddle not yet closed. */
function continuesThrough(directions: number, direction: number): boolean {
  const right = direction === UP ? RIGHT : direction * 2;
  return (directions & right) !== 0;
}
