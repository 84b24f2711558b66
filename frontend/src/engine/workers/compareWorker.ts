/** The worker thread that measures how alike two label maps are: seconds for large organs, so never where it draws. */
import { type RowRunSlab, RowRuns } from "../labels/RowRuns";
import { compareLabels } from "../ops/agreement";
import type { LabelAgreement, Point3 } from "../types";

export interface CompareOrder {
  readonly size: Point3;
  readonly slabDepth: number;
  readonly a: readonly RowRunSlab[];
  readonly b: readonly RowRunSlab[];
  readonly affine: readonly number[] | null;
  readonly labels: readonly number[];
}

/** The part of a dedicated worker's scope that is used here; the DOM library types `self` as a window. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<CompareOrder>) => void) | null;
  postMessage(message: readonly LabelAgreement[]): void;
}

const scope = self as unknown as WorkerScope;

scope.onmessage = ({ data: { size, slabDepth, a, b, affine, labels } }) => {
  const [mapA, mapB] = [a, b].map((slabs) => {
    const map = new RowRuns(...size, slabDepth);
    for (const [n, slab] of slabs.entries()) map.putSlab(n, slab);
    return map;
  }) as [RowRuns, RowRuns];
  scope.postMessage(compareLabels(mapA, mapB, affine, labels));
};
