/**
 * Several readings of one image as votes: the label most of them give each voxel, and the share of those who do not.
 *
 * Nothing is kept for the volume: a slice is counted when it is shown, because readers come and go with their layers.
 * A tie goes to background where it is among the first, else to the smallest label: nobody is outvoted by nobody.
 */
import type { PlaneAxes } from "../geometry/planes";
import type { LabelArray } from "../types";
import { makeLabelArray } from "./editCodec";
import type { LabelSlices, ShareSlices } from "./LabelSlices";
import type { RowRuns } from "./RowRuns";

export class Votes implements LabelSlices, ShareSlices {
  private readonly ballots: LabelArray[] = [];

  constructor(private readonly voters: readonly RowRuns[]) {}

  get slabsLoaded(): number {
    return this.voters.reduce((sum, voter) => sum + voter.slabsLoaded, 0);
  }

  readSlice(axes: PlaneAxes, slice: number, cells: LabelArray): void {
    const ballots = this.collect(axes, slice);
    for (let cell = 0; cell < cells.length; cell++) cells[cell] = findMajority(ballots, cell);
  }

  readShares(axes: PlaneAxes, slice: number, cells: Uint8Array): void {
    const ballots = this.collect(axes, slice);
    for (let cell = 0; cell < cells.length; cell++) cells[cell] = computeShare(ballots, cell);
  }

  readShare(i: number, j: number, k: number): number {
    return computeShare(
      this.voters.map((voter) => Uint16Array.of(voter.readVoxel(i, j, k))),
      0,
    );
  }

  /** Every voter's labels of one slice, in buffers that the next slice takes over. */
  private collect(axes: PlaneAxes, slice: number): readonly LabelArray[] {
    const size = axes.columns * axes.rows;
    this.voters.forEach((voter, n) => {
      let ballot = this.ballots[n];
      if (ballot?.length !== size) {
        ballot = makeLabelArray("uint16", size);
        this.ballots[n] = ballot;
      }
      voter.readSlice(axes, slice, ballot);
    });
    return this.ballots;
  }
}

function isUnanimous(ballots: readonly LabelArray[], cell: number): boolean {
  const first = (ballots[0] as LabelArray)[cell];
  for (let n = 1; n < ballots.length; n++) if ((ballots[n] as LabelArray)[cell] !== first) return false;
  return true;
}

function countVotes(ballots: readonly LabelArray[], cell: number, label: number): number {
  let votes = 0;
  for (const ballot of ballots) if (ballot[cell] === label) votes += 1;
  return votes;
}

function findMajority(ballots: readonly LabelArray[], cell: number): number {
  if (ballots.length === 0) return 0;
  if (isUnanimous(ballots, cell)) return (ballots[0] as LabelArray)[cell] as number;
  let best = 0;
  let bestVotes = countVotes(ballots, cell, 0);
  for (const ballot of ballots) {
    const label = ballot[cell] as number;
    const votes = countVotes(ballots, cell, label);
    if (votes > bestVotes || (votes === bestVotes && label < best)) [best, bestVotes] = [label, votes];
  }
  return best;
}

/** 0–255 of the ballots that are not for the winner. */
function computeShare(ballots: readonly LabelArray[], cell: number): number {
  if (ballots.length === 0 || isUnanimous(ballots, cell)) return 0;
  const winner = countVotes(ballots, cell, findMajority(ballots, cell));
  return Math.round((255 * (ballots.length - winner)) / ballots.length);
}
