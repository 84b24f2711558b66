/** The volume every viewer is given, already in memory: no network, no decoding. x fastest, int16, mm per voxel as a CT has them. */
export const SIZE = [512, 512, 300] as const;
export const SPACING_MM = [0.7, 0.7, 1.0] as const;
export const WINDOW = [-160, 240] as const;

/** A body in air with texture everywhere, so that each slice and each window look different. */
export function makeVoxels(): Int16Array<ArrayBuffer> {
  const [nx, ny, nz] = SIZE;
  const voxels = new Int16Array(nx * ny * nz);
  let at = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, at++) {
        const isBody = (x / nx - 0.5) ** 2 + (y / ny - 0.5) ** 2 < 0.2;
        voxels[at] = isBody ? ((x * 5 + y * 11 + z * 17) % 380) - 150 : -1000;
      }
  return voxels;
}

/** What the script of gestures may do with a viewer that shows axial, sagittal and coronal slices. */
export interface Opened {
  scroll(plane: "axial" | "sagittal", slices: number): void;
  setWindow(low: number, high: number): void;
}

export type Open = (voxels: Int16Array<ArrayBuffer>) => Promise<Opened>;

export function makeCells(tag: "canvas" | "div"): HTMLElement[] {
  const grid = document.createElement("div");
  grid.className = "three";
  document.body.append(grid);
  return ["axial", "sagittal", "coronal"].map((id) => {
    const cell = document.createElement(tag);
    cell.id = id;
    grid.append(cell);
    return cell;
  });
}
