"""Who changed what last: which slices a person drew, and which voxels, read from the history of edits.

A slice counts as drawn for a label when the last change of that label on it was made by hand; interpolating, propagating and
accepting a prediction or an opinion are not. Removing by hand counts as well as painting: who rubs a label out of a slice says that it ends
before it. What a reading began with (an import) counts as drawn. The browser asks the same of its own history
(`frontend/src/engine/tools/interpolation.ts`).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from backend.imaging.labels import Int64Array, LabelArray, Runs

AXES: Final = ("k", "j", "i")  # of an array [z, y, x]


class History:
    """A label map as it grows, edit by edit. begin: the map before the first one; labels_zyx: as it is now, uint16."""

    def __init__(self, begin: LabelArray) -> None:
        self.labels_zyx: LabelArray = np.zeros(begin.shape, np.uint16)
        self.by_hand_zyx: npt.NDArray[np.bool_] = np.zeros(begin.shape, bool)
        self._drawn: list[dict[int, set[int]]] = [{}, {}, {}]  # by axis: label → slices
        self.jump(begin)

    def apply(self, runs: Runs, *, by_hand: bool) -> None:
        """One standing edit."""
        self._change(runs.indices(), runs.values.astype(np.uint16), by_hand=by_hand)

    def jump(self, labels_zyx: LabelArray) -> None:
        """A revision that no edits lead to, restored or saved by a browser: what differs is a person's act."""
        after = labels_zyx.reshape(-1).astype(np.uint16, copy=False)
        indices = np.flatnonzero(self.labels_zyx.reshape(-1) != after)
        self._change(indices, after[indices], by_hand=True)

    def slices(self, axis: int) -> Mapping[int, list[int]]:
        """Label → the slices across array axis `axis` (0 = z) that were drawn, ascending; labels without any left out."""
        return {label: sorted(found) for label, found in sorted(self._drawn[axis].items()) if found}

    def _change(self, indices: Int64Array, values: LabelArray, *, by_hand: bool) -> None:
        flat, hands = self.labels_zyx.reshape(-1), self.by_hand_zyx.reshape(-1)
        differs = flat[indices] != values
        indices, values = indices[differs], values[differs]
        self._note(indices, flat[indices], by_hand=by_hand)
        self._note(indices, values, by_hand=by_hand)
        flat[indices] = values
        hands[indices] = by_hand

    def _note(self, indices: Int64Array, values: LabelArray, *, by_hand: bool) -> None:
        for label in (int(value) for value in np.unique(values) if value):
            places = np.unravel_index(indices[values == label], self.labels_zyx.shape)
            for axis, place in enumerate(places):
                slices = self._drawn[axis].setdefault(label, set())
                touched = {int(one) for one in np.unique(place)}
                if by_hand:
                    slices |= touched
                else:
                    slices -= touched
