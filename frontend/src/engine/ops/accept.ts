/**
 * Taking over a proposal: an ordinary edit, so undoable, journalled and measurable.
 *
 * For the chosen labels: voxels the proposal gives the label take it; voxels of mine with that label which the proposal
 * denies take the proposal's value. `add` does only the first, `remove` only the second.
 */

import type { VoxelBox } from "../geometry/box";
import type { EditDraft } from "../labels/EditDraft";
import type { RowRuns } from "../labels/RowRuns";

export interface AcceptChoice {
  /** label values 1–65535 */
  readonly isChosen: (label: number) => boolean;
  readonly adds: boolean;
  readonly removes: boolean;
  readonly range: VoxelBox;
  /** locks: whether a voxel may change from one label to another */
  readonly mayChange: (index: number, present: number, next: number) => boolean;
}

export function acceptProposal(draft: EditDraft, proposal: RowRuns, choice: AcceptChoice): void {
  const { labels } = draft;
  const { nx, ny } = labels;
  const [iMin, jMin, kMin] = choice.range.min;
  const [iMax, jMax, kMax] = choice.range.max;
  const row = makeRow(nx);
  for (let k = kMin; k <= kMax; k++) {
    const mineIsEmpty = labels.isSliceEmpty(k);
    for (let j = jMin; j <= jMax; j++) {
      const filled = row.read(proposal, j, k);
      if (!filled && mineIsEmpty) continue;
      const base = nx * (j + ny * k);
      for (let i = iMin; i <= iMax; i++) {
        const present = labels.read(base + i);
        const next = row.labels[i] as number;
        if (next === present) continue;
        const takes = choice.adds && next !== 0 && choice.isChosen(next);
        const yields = choice.removes && present !== 0 && choice.isChosen(present);
        if ((takes || yields) && choice.mayChange(base + i, present, next)) draft.write(base + i, i, j, k, next);
      }
    }
  }
}

/** One dense row of the proposal, reused. `read` says whether any label is on it. */
function makeRow(nx: number): { labels: Uint16Array; read(proposal: RowRuns, j: number, k: number): boolean } {
  const labels = new Uint16Array(nx);
  let filled = false;
  return {
    labels,
    read(proposal, j, k) {
      if (filled) labels.fill(0);
      filled = false;
      proposal.forEachRun(j, k, (start, end, value) => {
        labels.fill(value, start, end);
        filled = true;
      });
      return filled;
    },
  };
}
