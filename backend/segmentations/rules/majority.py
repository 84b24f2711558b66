"""What a review begins with: the label that most readings give each voxel, without holding the readings in memory."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from backend.blobs import Blobs
from backend.imaging.labels import LabelArray
from backend.segmentations import store
from backend.segmentations.rules.keeping import read_label_slices

VOXELS_AT_ONCE: Final = 1 << 22  # of all readings together


def majority(readings: list[LabelArray]) -> LabelArray:
    """The label most readings give each voxel [z, y, x]; a tie goes to background where it is among the first, else to the smallest label.

    readings: two or more on one grid. Returns the widest of their types. `frontend/src/engine/labels/Votes.ts` shows the same.
    """
    voted = readings[0].astype(np.result_type(*readings), copy=True)
    differs = np.zeros(voted.shape, bool)
    for other in readings[1:]:
        differs |= readings[0] != other
    ballots_RN = np.stack([reading[differs] for reading in readings])  # readings × disputed voxels
    best = np.zeros(ballots_RN.shape[1], voted.dtype)
    most = np.count_nonzero(ballots_RN == 0, axis=0)
    for label in np.unique(ballots_RN):
        votes = np.count_nonzero(ballots_RN == label, axis=0)
        wins = votes > most
        best[wins], most[wins] = label, votes[wins]
    voted[differs] = best
    return voted


def read_majority(
    blobs: Blobs,
    revisions: Sequence[store.Revision],
    shape_zyx: tuple[int, int, int],
    voxels_at_once: int = VOXELS_AT_ONCE,
) -> LabelArray:
    """The majority of stored readings, read side by side: `voxels_at_once` of all together, at least a slice of each, and beside them no
    more of a reading than its compressed bytes. Raises CorruptBlob.
    """
    nz, ny, nx = shape_zyx
    depth = max(1, voxels_at_once // (ny * nx * len(revisions)))
    voted = np.empty(shape_zyx, np.result_type(*(np.dtype(one.dtype) for one in revisions)))
    readings = [read_label_slices(blobs, one.labels_sha256, one.dtype, shape_zyx, depth) for one in revisions]
    for first, pieces in zip(range(0, nz, depth), zip(*readings, strict=True), strict=True):
        voted[first : first + depth] = majority(list(pieces))
    return voted
