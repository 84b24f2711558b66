"""Decisions of a review: what they are called, which of them stand, and which of them other readings leave as they are.

A decision is an edit of all voxels of a disputed region. Which ones stand is told by the edits that led to the newest revision and
those on it. `frontend/src/features/read/decisions.ts` tells the same; `tests/contract/decisions.json` holds both to it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from backend.blobs import Blobs
from backend.database import AnySession
from backend.errors import Invalid
from backend.imaging import labels as codec
from backend.imaging.labels import LabelArray, Runs
from backend.segmentations import store
from backend.segmentations.rules.keeping import read_labels
from backend.segmentations.rules.provenance import standing_ids

DECISION: Final = re.compile(
    r"decide-(take-(?P<letter>[a-z])|(?P<union>union)|intersection|undecidable|redrawn)"
    r"(-(boundary|extent|missed|absent|label|protocol))?"
)
MARGIN_ZYX: Final = (1, 3, 3)
"""How far from a region a reading may change it: a rim is told by what lies two voxels around it in the slice, a neighbour by one (disputes.ts)."""


@dataclass(frozen=True)
class Decision:
    """A decision that stands: its edit's name, and the region with what it became."""

    tool: str
    runs: Runs

    @property
    def letter(self) -> str | None:
        """Whose opinion was taken."""
        named = DECISION.fullmatch(self.tool)
        return named["letter"].upper() if named and named["letter"] else None

    @property
    def is_union(self) -> bool:
        """Whether whatever any reader drew was taken."""
        named = DECISION.fullmatch(self.tool)
        return named is not None and named["union"] is not None


class Opinion(NamedTuple):
    """What a reading says on some voxels: a digest of it, and the labels that it draws there."""

    digest: bytes
    drawn: frozenset[int]


def check_decision(db: AnySession, segmentation: store.Segmentation, tool: str) -> None:
    """Raises Invalid for a decision that is none we know, for a letter that is nobody's, or on what is no review."""
    if not tool.startswith("decide-"):
        return
    decision = DECISION.fullmatch(tool)
    if decision is None or segmentation.author != "consensus":
        raise Invalid(f"{tool} is no decision of a review; see the interface's description of `tool`.")
    taken = decision["letter"]
    letters = [one.letter for one in store.review_readings(db, [segmentation.id])[segmentation.id]] if taken else []
    if taken and taken.upper() not in letters:
        raise Invalid(f"{tool} takes reader {taken.upper()}; this review's readers are {', '.join(letters)}.")


def standing_decisions(revisions: Sequence[store.Revision], edits: Sequence[store.Edit], voxels: int) -> list[Decision]:
    """The decisions in a review's newest revision and the edits on it, one for each region, oldest first.

    revisions, edits: all of one review, in order. voxels: of its grid.
    """
    by_id = {revision.id: revision for revision in revisions}
    begun = max(revision.number for revision in revisions if revision.origin == "majority")

    def decisions_in(bases: set[UUID]) -> dict[tuple[int, int], Decision]:
        own = [edit for edit in edits if edit.base_revision_id in bases]
        standing = standing_ids(own)
        decided: dict[tuple[int, int], Decision] = {}
        for edit in own:
            if edit.id in standing and edit.tool == "restore" and edit.source_revision_id is not None:
                decided = decisions_in(_bases(by_id[edit.source_revision_id], by_id, begun))
            elif edit.id in standing and DECISION.fullmatch(edit.tool):
                itemsize = 1 if by_id[edit.base_revision_id].dtype == "uint8" else 2
                runs = codec.decode(edit.runs, voxels, itemsize)
                if runs.values.size:
                    decided[int(runs.starts[0]), runs.values.size] = Decision(edit.tool, runs)
        return decided

    head = revisions[-1]
    return list(decisions_in({head.id, *_bases(head, by_id, begun)}).values())


def _bases(revision: store.Revision, by_id: Mapping[UUID, store.Revision], begun: int) -> set[UUID]:
    """The revisions whose edits are in this one's map, since the review began or began anew: what was restored holds its own past alone."""
    bases: set[UUID] = set()
    while revision.number > begun and revision.parent_id is not None:
        if revision.origin == "fold":
            bases.add(revision.parent_id)
        revision = by_id[revision.parent_id]
    return bases


def still_apply(
    blobs: Blobs,
    decisions: Sequence[Decision],
    before: Mapping[str, store.Revision],
    after: Mapping[str, store.Revision],
    shape_zyx: tuple[int, int, int],
) -> list[Decision]:
    """Those on regions where the opinions are what they were, and which take nobody whose own opinion is another now.

    A union of several labels takes the one that most readers give, so there as many as before must say each. before, after: the
    readings by letter. One label map at a time is in memory. Raises CorruptBlob.
    """
    grounds = [_ground(decision.runs, shape_zyx) for decision in decisions]
    said: dict[str, list[Opinion]] = {}  # for each label map, what it says on each ground
    for one in {revision.labels_sha256: revision for revision in (*before.values(), *after.values())}.values():
        labels_zyx = read_labels(blobs, one.labels_sha256, one.dtype, shape_zyx)
        said[one.labels_sha256] = [_opinion(labels_zyx[box][mask]) for box, mask in grounds]

    def is_unchanged(number: int, decision: Decision) -> bool:
        then, now = (
            {letter: said[one.labels_sha256][number] for letter, one in readings.items()}
            for readings in (before, after)
        )
        taken, drawn = decision.letter, frozenset[int]().union(*(opinion.drawn for opinion in then.values()))
        if decision.is_union and len(drawn) > 1:
            return Counter(then.values()) == Counter(now.values())
        return set(then.values()) == set(now.values()) and (taken is None or then[taken] == now.get(taken))

    return [decision for number, decision in enumerate(decisions) if is_unchanged(number, decision)]


def _opinion(labels_N: LabelArray) -> Opinion:
    digest = hashlib.sha256(labels_N.astype("<u2").tobytes()).digest()
    return Opinion(digest, frozenset(np.unique(labels_N[labels_N > 0]).tolist()))


def _ground(region: Runs, shape_zyx: tuple[int, int, int]) -> tuple[tuple[slice, ...], npt.NDArray[np.bool_]]:
    """A region with its margin: a box of the image, and which of its voxels [z, y, x]."""
    places = np.unravel_index(region.indices(), shape_zyx)
    lows = [max(0, int(at.min()) - reach) for at, reach in zip(places, MARGIN_ZYX, strict=True)]
    highs = [
        min(size, int(at.max()) + reach + 1) for at, reach, size in zip(places, MARGIN_ZYX, shape_zyx, strict=True)
    ]
    mask = np.zeros([high - low for low, high in zip(lows, highs, strict=True)], bool)
    mask[tuple(at - low for at, low in zip(places, lows, strict=True))] = True
    for axis, reach in enumerate(MARGIN_ZYX):
        narrow = np.moveaxis(mask.copy(), axis, 0)
        wide = np.moveaxis(mask, axis, 0)
        for step in range(1, reach + 1):
            wide[step:] |= narrow[:-step]
            wide[:-step] |= narrow[step:]
    return tuple(slice(low, high) for low, high in zip(lows, highs, strict=True)), mask
