/**
 * Which voxel axes a plane shows, which way round, and which letters stand at its edges.
 *
 * Rule (VIEWER.md section 4): give each patient axis R, A, S the voxel axis of the permutation with the largest sum of
 * |cos|; flip so that patient right is at screen left (axial, coronal), anterior at screen left (sagittal), anterior or
 * superior up. Without orientation (`sides` unknown): row 0 on top, no letters; `uncalibrated`: one plane. Where the file
 * names two orientations (`sides` doubtful) the first places the image, and no letter claims it.
 */
import type { ImageInfo, Plane, Point3 } from "../types";
import { norm, readColumn } from "./affine";

/** How a plane lies on the voxel grid. Columns run right on the screen, rows down. */
export interface PlaneAxes {
  readonly plane: Plane;
  /** voxel axis (0 i, 1 j, 2 k) along the screen's columns, rows, and through the slice */
  readonly columnAxis: number;
  readonly rowAxis: number;
  readonly sliceAxis: number;
  /** true: the index falls towards screen right (columns) or down (rows) */
  readonly columnFlip: boolean;
  readonly rowFlip: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  /** mm of one voxel along the screen's axes; 1 where nothing is calibrated */
  readonly columnMm: number;
  readonly rowMm: number;
  readonly letters: EdgeLetters | null;
}

export interface EdgeLetters {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

export interface Orientation {
  readonly planes: Readonly<Record<Plane, PlaneAxes>>;
  /** planes worth showing, the acquisition plane (through k) first */
  readonly shown: readonly Plane[];
  readonly tiltDegrees: number;
  /** tilted above 5° or sheared: views wear a second letter, the page a badge */
  readonly isTilted: boolean;
}

const PERMUTATIONS: readonly Point3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];
const POSITIVE = ["R", "A", "S"] as const;
const NEGATIVE = ["L", "P", "I"] as const;
const TILT_LIMIT_DEGREES = 5;
/** Second letter only when the axis leans at least this much that way. */
const SECOND_LETTER_COSINE = Math.sin((TILT_LIMIT_DEGREES * Math.PI) / 180);

/** Cosines between voxel axis a and patient axes R, A, S. */
function computeCosines(affine: readonly number[]): readonly Point3[] {
  return [0, 1, 2].map((axis) => {
    const column = readColumn(affine, axis);
    const length = norm(column) || 1;
    return [column[0] / length, column[1] / length, column[2] / length] as const;
  });
}

/** For R, A, S: the voxel axis that runs along it. */
export function matchAxes(affine: readonly number[]): Point3 {
  const cosines = computeCosines(affine);
  let best = PERMUTATIONS[0] as Point3;
  let bestSum = -1;
  for (const permutation of PERMUTATIONS) {
    let sum = 0;
    for (const world of [0, 1, 2] as const) sum += Math.abs((cosines[permutation[world]] as Point3)[world]);
    if (sum > bestSum + 1e-9) {
      best = permutation;
      bestSum = sum;
    }
  }
  return best;
}

export function computeOrientation(image: ImageInfo): Orientation {
  if (image.sides === "unknown" || image.geometry === "uncalibrated") return orientWithoutPatient(image);
  const axisOf = matchAxes(image.affine);
  const cosines = computeCosines(image.affine);
  const tiltDegrees = Math.max(
    ...([0, 1, 2] as const).map((world) => {
      const cosine = Math.abs((cosines[axisOf[world]] as Point3)[world]);
      return (Math.acos(Math.min(1, cosine)) * 180) / Math.PI;
    }),
  );
  const isTilted = tiltDegrees > TILT_LIMIT_DEGREES || image.geometry === "sheared";
  const make = (plane: Plane, right: 0 | 1, down: 1 | 2, through: 0 | 1 | 2): PlaneAxes =>
    makePlane(image, plane, { axisOf, cosines, isTilted }, right, down, through);
  const planes = {
    axial: make("axial", 0, 1, 2),
    sagittal: make("sagittal", 1, 2, 0),
    coronal: make("coronal", 0, 2, 1),
  };
  return { planes, shown: listShown(image, planes), tiltDegrees, isTilted };
}

interface Matched {
  readonly axisOf: Point3;
  readonly cosines: readonly Point3[];
  readonly isTilted: boolean;
}

/** `right`, `down`, `through`: patient axes (0 R, 1 A, 2 S). All three point the other way on the screen: L, P, I. */
function makePlane(
  image: ImageInfo,
  plane: Plane,
  matched: Matched,
  right: 0 | 1,
  down: 1 | 2,
  through: 0 | 1 | 2,
): PlaneAxes {
  const counts = [image.nx, image.ny, image.nz];
  const [columnAxis, rowAxis, sliceAxis] = [matched.axisOf[right], matched.axisOf[down], matched.axisOf[through]];
  const columnFlip = (matched.cosines[columnAxis] as Point3)[right] > 0;
  const rowFlip = (matched.cosines[rowAxis] as Point3)[down] > 0;
  const name = (axis: number, primary: number, sign: number): string =>
    nameDirection(matched.cosines[axis] as Point3, primary, sign, matched.isTilted);
  return {
    plane,
    columnAxis,
    rowAxis,
    sliceAxis,
    columnFlip,
    rowFlip,
    columns: counts[columnAxis] as number,
    rows: counts[rowAxis] as number,
    slices: counts[sliceAxis] as number,
    columnMm: norm(readColumn(image.affine, columnAxis)) || 1,
    rowMm: norm(readColumn(image.affine, rowAxis)) || 1,
    letters:
      image.sides !== "known"
        ? null
        : {
            right: name(columnAxis, right, columnFlip ? -1 : 1),
            left: name(columnAxis, right, columnFlip ? 1 : -1),
            bottom: name(rowAxis, down, rowFlip ? -1 : 1),
            top: name(rowAxis, down, rowFlip ? 1 : -1),
          },
  };
}

/** Letter of the matched patient axis, then (tilted grids only) of the next one it leans to. */
function nameDirection(cosine: Point3, primary: number, sign: number, isTilted: boolean): string {
  const letter = (world: number): string =>
    (cosine[world as 0 | 1 | 2] * sign > 0 ? POSITIVE : NEGATIVE)[world] as string;
  if (!isTilted) return letter(primary);
  const others = [0, 1, 2]
    .filter((world) => world !== primary && Math.abs(cosine[world as 0 | 1 | 2]) > SECOND_LETTER_COSINE)
    .sort((a, b) => Math.abs(cosine[b as 0 | 1 | 2]) - Math.abs(cosine[a as 0 | 1 | 2]));
  const second = others[0];
  return second === undefined ? letter(primary) : letter(primary) + letter(second);
}

function listShown(image: ImageInfo, planes: Readonly<Record<Plane, PlaneAxes>>): readonly Plane[] {
  const all: readonly Plane[] = ["axial", "coronal", "sagittal"];
  const acquisition = all.find((plane) => planes[plane].sliceAxis === 2) as Plane;
  if (image.nz === 1 || image.geometry === "irregular") return [acquisition];
  return [acquisition, ...all.filter((plane) => plane !== acquisition)];
}

function orientWithoutPatient(image: ImageInfo): Orientation {
  const make = (plane: Plane, columnAxis: number, rowAxis: number, sliceAxis: number): PlaneAxes => {
    const counts = [image.nx, image.ny, image.nz];
    const lengthOf = (axis: number) =>
      image.geometry === "uncalibrated" ? 1 : norm(readColumn(image.affine, axis)) || 1;
    return {
      plane,
      columnAxis,
      rowAxis,
      sliceAxis,
      columnFlip: false,
      rowFlip: false,
      columns: counts[columnAxis] as number,
      rows: counts[rowAxis] as number,
      slices: counts[sliceAxis] as number,
      columnMm: lengthOf(columnAxis),
      rowMm: lengthOf(rowAxis),
      letters: null,
    };
  };
  const planes = {
    axial: make("axial", 0, 1, 2),
    sagittal: make("sagittal", 1, 2, 0),
    coronal: make("coronal", 0, 2, 1),
  };
  const shown: readonly Plane[] = image.geometry === "uncalibrated" ? ["axial"] : listShown(image, planes);
  return { planes, shown, tiltDegrees: 0, isTilted: false };
}

/** Where the cells of one slice lie in an x-fastest volume: index = base + column · columnStep + row · rowStep. */
export interface SliceSteps {
  readonly base: number;
  readonly columnStep: number;
  readonly rowStep: number;
}

export function computeSteps(axes: PlaneAxes, slice: number, nx: number, ny: number): SliceSteps {
  const steps = [1, nx, nx * ny];
  const column = steps[axes.columnAxis] as number;
  const row = steps[axes.rowAxis] as number;
  return {
    base:
      slice * (steps[axes.sliceAxis] as number) +
      (axes.columnFlip ? (axes.columns - 1) * column : 0) +
      (axes.rowFlip ? (axes.rows - 1) * row : 0),
    columnStep: axes.columnFlip ? -column : column,
    rowStep: axes.rowFlip ? -row : row,
  };
}
