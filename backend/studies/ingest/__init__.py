"""Files from outside become parsed images: the parent's side of the ingest boundary.

No byte of an original is interpreted in this process. Files go by path to a confined child
(`backend.imaging.parse`), one request at a time; a file whose request kills the child (time, memory, signal) is tried
once more in a fresh one, alone, and is then quarantined. What the child answers is checked with the same rules before it
is believed: shapes against types, numbers against limits, every slab unpacked to its length. Bad content never raises:
each file gets one verdict. Nothing here touches the database or the blobs; `workdir` and its content are the caller's.
"""

from collections.abc import Sequence
from pathlib import Path

from backend.imaging.refusal import Refusal
from backend.studies.ingest.answers import (
    Instance,
    Limits,
    ParsedImage,
    Progress,
    Verdict,
    check_label_grid,
    label_grid_difference,
)
from backend.studies.ingest.child import Child, Children, plain_text
from backend.studies.ingest.reading import Import, is_label_name

__all__ = [
    "Instance",
    "Limits",
    "ParsedImage",
    "Progress",
    "Verdict",
    "check_label_grid",
    "is_label_name",
    "isolation",
    "label_grid_difference",
    "parse_files",
    "parse_label",
    "read_tags",
]


def parse_files(
    files: Sequence[tuple[str, Path]], workdir: Path, limits: Limits, progress: Progress
) -> tuple[list[ParsedImage], list[Verdict]]:
    """Parse everything that was sent: DICOM by series, NIfTI and pictures one by one, zips expanded first.

    files: (name as sent, path). A volume or picture below `segmentations/EXPERT/` becomes a label map, everything else
    an image. One verdict per file, in the order sent; archives that were refused have one of their own. Never raises
    for bad content; OSError (a full disk) does come through. progress(done, total, sentence) counts files.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with Children(limits) as children:
        return Import(list(files), workdir, limits, progress, children).run()


def parse_label(file: tuple[str, Path], workdir: Path, limits: Limits) -> ParsedImage:
    """One label map, whatever its name. Raises Refusal with the verdict's code and sentence."""
    workdir.mkdir(parents=True, exist_ok=True)
    with Children(limits) as children:
        run = Import([file], workdir, limits, lambda *_: None, children, all_labels=True)
        images, verdicts = run.run()
    if not images:
        raise Refusal(verdicts[0].code, verdicts[0].message)
    return images[0]


def read_tags(path: Path, limits: Limits) -> list[tuple[str, str, str]]:
    """How a stored original says it was made: (tag, name, value) each; empty where it is no DICOM file.

    Raises Refusal where the file cannot be read any more.
    """
    with Children(limits) as children:
        answer = children.ask({"job": "tags", "path": str(path)}, 0)
    return [
        (plain_text(str(tag)), plain_text(str(name)), plain_text(str(value))) for tag, name, value in answer["tags"]
    ]


def isolation(limits: Limits) -> dict[str, bool]:
    """Which kinds of isolation the kernel grants the import child, for the health page."""
    child = Child(limits)
    child.close()
    return child.isolation
