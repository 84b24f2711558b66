/** The worker thread that makes a label's surface: a second for a large organ, so never where it draws. */
import { type RowRunSlab, RowRuns } from "../labels/RowRuns";
import { buildSurfaceMesh } from "../ops/surfaceMesh";
import type { Point3, SurfaceMesh } from "../types";

export interface MeshOrder {
  readonly size: Point3;
  readonly slabDepth: number;
  readonly slabs: readonly RowRunSlab[];
  readonly affine: readonly number[];
  readonly label: number;
}

/** The part of a dedicated worker's scope that is used here; the DOM library types `self` as a window. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<MeshOrder>) => void) | null;
  postMessage(message: SurfaceMesh | null): void;
}

const scope = self as unknown as WorkerScope;

scope.onmessage = ({ data: { size, slabDepth, slabs, affine, label } }) => {
  const map = new RowRuns(...size, slabDepth);
  for (const [n, slab] of slabs.entries()) map.putSlab(n, slab);
  scope.postMessage(buildSurfaceMesh(map, label, affine));
};
