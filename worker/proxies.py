"""From a reading's journal to its proxy: once for the job that shows it and again for the one that learns from it.

The last proxies stay in memory, because learning follows propagation within a second and registration costs most of both; so do the gaps they
were made of, because a stroke changes one or two of them.
"""

import os
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from worker.gateway.online import ImageFacts, Provenance
from worker.inference import Inference
from worker.learning.propagate import Drawn, Gap, Proxy, propagate

MOST_THREADS: Final = 4
MOST_VOXELS: Final = 2**25  # labels times voxels, beyond which no network has a part: probabilities are kept as float32


class Session(NamedTuple):
    """A reading as it stands. axis: of the array [z, y, x]."""

    segmentation_id: UUID
    image: ImageFacts
    axis: int
    label_values: list[int]
    provenance: Provenance

    @property
    def voxels(self) -> int:
        """Labels times voxels: what probabilities take."""
        return len(self.label_values) * self.image.nx * self.image.ny * self.image.nz


def masks_of(session: Session) -> Drawn:
    """Label → slice along the axis → what was drawn there [H, W]."""
    labels_NHW = np.moveaxis(session.provenance.labels_zyx, session.axis, 0)
    return {
        label: {index: labels_NHW[index] == label for index in slices}
        for label, slices in session.provenance.slices.items()
        if label in session.label_values
    }


def carry(
    inference: Inference, session: Session, drawn: Drawn, on_gap: Callable[[int, int], None] = lambda done, of: None
) -> Proxy:
    """The refined proxy of what is drawn; only gaps beside what was drawn since are carried again. Raises InvalidDrawing where nothing is."""
    said = session.provenance
    key = (session.segmentation_id, said.revisions, said.edit_seq, session.axis, *session.label_values)

    def remember(span: Hashable, carry_span: Callable[[], Gap]) -> Gap:
        return inference.gaps.get((session.image.image_id, session.axis, span), carry_span)

    def make() -> Proxy:
        volume = inference.volume(session.image)
        threads = max(1, min(MOST_THREADS, os.cpu_count() or 1))
        return propagate(
            volume.image_CDHW.mean(0), drawn, volume.spacing_mm, axis=session.axis, threads=threads, on_gap=on_gap,
            remember=remember,
        )  # fmt: skip

    return inference.proxies.get(key, make)


def drawn_voxels(session: Session) -> npt.NDArray[np.bool_]:
    """What a person said, [D, H, W]: every voxel drawn by hand, and the whole of each slice that is drawn for every label in use."""
    said = session.provenance.by_hand_zyx.copy()
    of_labels = [set(slices) for label, slices in session.provenance.slices.items() if label in session.label_values]
    if of_labels:
        np.moveaxis(said, session.axis, 0)[sorted(set.intersection(*of_labels))] = True
    return said
