/**
 * The engine on a bare page, for tests/acceptance/test_engine.py and benchmarks/viewer.py: a phantom with a known value
 * in every voxel, no server, no React. What the test asks for stands in the page's address.
 */
import { type CursorInfo, type Edit, encodeRuns, type ImageInfo, type Plane, Viewer } from "../../src/engine";

interface Wanted {
  readonly size: readonly [number, number, number];
  readonly affine: readonly number[];
  readonly geometry: ImageInfo["geometry"];
  readonly experts?: number;
  readonly drawn?: boolean;
  readonly proposal?: boolean;
  readonly heat?: boolean;
  /** black but for these boxes, first and last voxel included, each of one stored value */
  readonly markers?: readonly { readonly min: readonly number[]; readonly max: readonly number[]; stored: number }[];
}

let wanted = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Wanted;
const slabDepth = 8;

/** Stored value of a voxel: a ramp that never repeats along a line, so that a shifted or flipped picture shows. */
const phantom = (x: number, y: number, z: number): number => 1024 - 150 + ((x * 5 + y * 11 + z * 17) % 380);

function readMarker(ijk: readonly number[]): number {
  const hit = wanted.markers?.find(({ min, max }) =>
    ijk.every((at, axis) => at >= Number(min[axis]) && at <= Number(max[axis])),
  );
  return hit?.stored ?? 0;
}

function fetchSlab(slab: number): Promise<ArrayBuffer> {
  const [nx, ny, nz] = wanted.size;
  const depth = Math.min(slabDepth, nz - slab * slabDepth);
  const planes = new Uint8Array(2 * nx * ny * depth);
  let at = 0;
  for (let z = slab * slabDepth; z < slab * slabDepth + depth; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, at++) {
        const stored = wanted.markers === undefined ? phantom(x, y, z) : readMarker([x, y, z]);
        planes[at] = stored & 255;
        planes[nx * ny * depth + at] = stored >> 8;
      }
  return Promise.resolve(planes.buffer);
}

/** Two balls of labels 1 and 2; `shift` moves them, so that readers differ. */
function fetchLabels(slab: number, shift: number): Promise<ArrayBuffer> {
  const [nx, ny, nz] = wanted.size;
  const depth = Math.min(slabDepth, nz - slab * slabDepth);
  const labels = new Uint8Array(nx * ny * depth);
  const isInside = (x: number, y: number, z: number, cx: number, cy: number, cz: number, radius: number): boolean =>
    (x / nx - cx) ** 2 + (y / ny - cy) ** 2 + (z / nz - cz) ** 2 < radius * radius;
  let at = 0;
  for (let z = slab * slabDepth; z < slab * slabDepth + depth; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, at++) {
        if (isInside(x, y, z, 0.35 + shift, 0.5, 0.5, 0.15)) labels[at] = 1;
        else if (isInside(x, y, z, 0.7, 0.4 + shift, 0.6, 0.08)) labels[at] = 2;
      }
  return Promise.resolve(labels.buffer);
}

/** A rim of shares around ball 1, 255 on its surface and 0 a tenth of the image away. */
function fetchShares(slab: number): Promise<ArrayBuffer> {
  const [nx, ny, nz] = wanted.size;
  const depth = Math.min(slabDepth, nz - slab * slabDepth);
  const shares = new Uint8Array(nx * ny * depth);
  let at = 0;
  for (let z = slab * slabDepth; z < slab * slabDepth + depth; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, at++) {
        const distance = Math.hypot(x / nx - 0.35, y / ny - 0.5, z / nz - 0.5) - 0.15;
        shares[at] = Math.max(0, 255 * (1 - Math.abs(distance) / 0.1));
      }
  return Promise.resolve(shares.buffer);
}

const edits: (Edit & { wire: string })[] = [];
const problems: string[] = [];
let cursor: CursorInfo | null = null;

function makeViewer(): Viewer {
  const [nx, ny, nz] = wanted.size;
  const made = new Viewer({
    image: {
      nx,
      ny,
      nz,
      channels: 1,
      affine: wanted.affine,
      geometry: wanted.geometry,
      sides: "known",
      slope: 1,
      intercept: -1024,
      windowLow: -160,
      windowHigh: 240,
      slabDepth,
    },
    fetchSlab,
    onEdit: (edit) => edits.push({ ...edit, wire: encodeRuns(edit.runs) }),
    onCursor: (now) => {
      cursor = now;
    },
    onProblem: (sentence) => problems.push(sentence),
  });
  for (const plane of ["axial", "coronal", "sagittal"] satisfies Plane[]) {
    made.attach(document.getElementById(plane) as HTMLCanvasElement, plane);
  }
  made.setLabels([
    { value: 1, name: "one", colour: "#E69F00", visible: true, locked: false },
    { value: 2, name: "two", colour: "#56B4E9", visible: true, locked: false },
  ]);
  return made;
}

let viewer = makeViewer();

const colours = ["#D55E00", "#009E73", "#CC79A7", "#F0E442"] as const;
const dashes = ["solid", "long", "dots", "dash-dot"] as const;

async function load(): Promise<void> {
  const own = wanted.drawn ? (slab: number) => fetchLabels(slab, 0) : null;
  await viewer.loadActive({ dtype: "uint8", fetchSlab: own, edits: [] });
  for (let n = 0; n < (wanted.experts ?? 0); n++) {
    await viewer.addLayer({
      id: `expert ${n}`,
      revisionId: `revision ${n}`,
      dtype: "uint8",
      fetchSlab: (slab) => fetchLabels(slab, 0.02 * (n + 1)),
      look: {
        kind: "outline",
        colour: colours[n % 4] ?? null,
        dash: dashes[n % 4] ?? "solid",
        opacity: 1,
        visible: true,
      },
    });
  }
  if (wanted.proposal)
    await viewer.addLayer({
      id: "proposal",
      revisionId: "predicted",
      dtype: "uint8",
      fetchSlab: (slab) => fetchLabels(slab, -0.03),
      look: { kind: "proposal", colour: "#ffffff", dash: "long", opacity: 0.6, visible: true },
    });
  if (wanted.heat) await viewer.showHeat({ kind: "slabs", id: "heat", fetchSlab: fetchShares });
}

/** Closes everything and opens another image, as a reader who goes from case to case does. */
async function show(next: Wanted): Promise<void> {
  viewer.destroy();
  wanted = next;
  viewer = makeViewer();
  Object.assign(window, { viewer });
  await load();
  while (viewer.state.slabsLoaded < viewer.state.slabCount) await new Promise((done) => setTimeout(done, 5));
}

Object.assign(window, { viewer, show, edits, problems, phantom, readCursor: () => cursor, loaded: load() });
