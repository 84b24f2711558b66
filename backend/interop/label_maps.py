"""A data set's label maps: whose they are, which image they belong to, which values they hold, whether they fit its grid.

Pure but for reading the raw maps that the import child wrote into its working folder.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from backend.imaging.labels import LabelArray, count_values
from backend.imaging.refusal import Refusal
from backend.projects.rules import LabelView
from backend.studies.ingest import ParsedImage, label_grid_difference
from backend.studies.rules import Image

MOST_VALUES: Final = 64
COLOURS: Final = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45", "#469990")


@dataclass(frozen=True)
class Target:
    """The grid a label map has to lie on: an image's, just parsed or stored before."""

    shape_xyz: tuple[int, int, int]
    affine: Sequence[float]
    source_axes: dict[str, Any] | None

    @classmethod
    def of_parsed(cls, image: ParsedImage) -> "Target":
        return cls((image.nx, image.ny, image.nz), image.affine, image.source_axes)

    @classmethod
    def of_stored(cls, image: Image) -> "Target":
        return cls((image.nx, image.ny, image.nz), image.affine, image.source_axes)


@dataclass(frozen=True)
class LabelMap:
    """One expert's label map of one case. root: the folder that holds `images` and `segmentations`. values: without 0."""

    file: str
    root: str
    expert: str
    case: str
    parsed: ParsedImage
    path: Path
    values: frozenset[int]

    def labels_zyx(self) -> LabelArray:
        """The voxels, uint8 wherever the values allow it."""
        return _load(self.parsed, self.path)


def read_map(parsed: ParsedImage) -> LabelMap:
    """Name and look at a parsed label map. Raises Refusal for a name or values that cannot be a reading's."""
    file = parsed.files[0]
    parts = PurePosixPath(file.replace("!/", "/")).parts
    expert = parts[-2].strip()
    if not expert or len(expert) > 120 or not expert.isprintable():
        raise Refusal("expert_name", "the folder of an expert needs a name of 1 to 120 plain characters")
    if parsed.label_path is None:
        raise Refusal("corrupt", "the label map has no voxels")
    counts = count_values(_load(parsed, parsed.label_path))
    values = frozenset(int(value) for value in np.flatnonzero(counts) if value)
    if values and max(values) > 255:
        raise Refusal("unknown-label", f"the label map uses {max(values)}; label values go from 1 to 255")
    return LabelMap(file, "/".join(parts[:-3]), expert, parsed.name, parsed, parsed.label_path, values)


def choose_labels(maps: Sequence[LabelMap]) -> list[LabelView]:
    """A label set for a project without one: each value that occurs, named by its number until somebody renames it.

    A map with very many values is no label map of a few classes and gets no say.
    """
    values = sorted(set().union(*(one.values for one in maps if len(one.values) <= MOST_VALUES)))
    return [LabelView(value, f"Label {value}", COLOURS[n % len(COLOURS)]) for n, value in enumerate(values)]


def pair(images: Sequence[ParsedImage], maps: Sequence[LabelMap]) -> tuple[dict[int, list[LabelMap]], list[LabelMap]]:
    """Which label maps belong to which image of the upload, by `id` of the image; and those that belong to none.

    The image beside them (same root) comes first; without one, the only image of that name in the upload.
    """
    beside: dict[tuple[str, str], ParsedImage] = {}
    named: dict[str, list[ParsedImage]] = defaultdict(list)
    for image in images:
        named[image.name].append(image)
        for file in image.files:
            parts = PurePosixPath(file.replace("!/", "/")).parts
            if len(parts) >= 2 and parts[-2] == "images":
                beside[("/".join(parts[:-2]), image.name)] = image
    paired: dict[int, list[LabelMap]] = defaultdict(list)
    elsewhere = []
    for one in maps:
        found = beside.get((one.root, one.case))
        if found is None and len(named[one.case]) == 1:
            found = named[one.case][0]
        if found is None:
            elsewhere.append(one)
        else:
            paired[id(found)].append(one)
    return dict(paired), elsewhere


def check_grid(one: LabelMap, target: Target) -> None:
    """Refuse a label map that is not on exactly the image's grid: `grid_mismatch`, the difference spelled out."""
    difference = label_grid_difference(one.parsed, target.shape_xyz, target.affine, target.source_axes)
    if difference:
        raise Refusal("grid_mismatch", difference)


def _load(parsed: ParsedImage, path: Path) -> LabelArray:
    """Raw voxels as `labels_zyx`; uint16 comes down to uint8 where nothing is lost, as a project's labels end at 255."""
    dtype = np.dtype("<u2" if parsed.label_dtype == "uint16" else "u1")
    labels_zyx = np.fromfile(path, dtype=dtype).reshape(parsed.nz, parsed.ny, parsed.nx)
    if labels_zyx.dtype.itemsize == 2 and int(labels_zyx.max(initial=0)) < 256:
        return labels_zyx.astype(np.uint8)
    return labels_zyx
