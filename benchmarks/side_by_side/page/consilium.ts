/** Our engine, as the reading screen uses it. */
import { type Plane, Viewer } from "../../../frontend/src/engine";
import { makeCells, type Opened, SIZE, SPACING_MM, WINDOW } from "./phantom";

const SLAB_DEPTH = 8;

export async function open(voxels: Int16Array<ArrayBuffer>): Promise<Opened> {
  const [nx, ny, nz] = SIZE;
  const [dx, dy, dz] = SPACING_MM;
  const viewer = new Viewer({
    image: {
      nx,
      ny,
      nz,
      channels: 1,
      affine: [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0],
      geometry: "regular",
      slope: 1,
      intercept: 0,
      windowLow: WINDOW[0],
      windowHigh: WINDOW[1],
      slabDepth: SLAB_DEPTH,
    },
    fetchSlab: async (slab) => {
      const stored = voxels.subarray(slab * SLAB_DEPTH * nx * ny, (slab + 1) * SLAB_DEPTH * nx * ny);
      const planes = new Uint8Array(2 * stored.length);
      stored.forEach((value, at) => {
        planes[at] = value & 255;
        planes[stored.length + at] = (value >> 8) & 255;
      });
      return planes.buffer;
    },
  });
  for (const cell of makeCells("canvas")) viewer.attach(cell as HTMLCanvasElement, cell.id as Plane);
  while (viewer.state.slabsLoaded < viewer.state.slabCount) await new Promise((done) => setTimeout(done, 5));
  return {
    scroll: (plane, slices) => viewer.scroll(plane, slices),
    setWindow: (low, high) => viewer.setWindow(low, high),
  };
}
