"""`consilium fsck`: checks every promise the stored data must keep; changes nothing unless asked to sweep orphans.

It reads the tables with SQL of its own instead of asking the stores: a checker that shared their code would share
their mistakes. Rows are read first, bytes after, so no transaction stays open while gigabytes are hashed; a blob
swept or a row deleted in between cannot happen, because both only concern what no row names.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from sqlalchemy import text

from backend import audit
from backend.blobs import Blobs
from backend.database import Database, ReadSession
from backend.errors import Conflict
from backend.imaging import labels
from backend.settings import Settings

ORPHAN_SECONDS: Final = 24 * 3600.0
BLOBS_LOCK: Final = 0x626C6F62  # "blob": a sweep and a backup exclude each other

NAMED_BLOBS: Final = """
    SELECT 'image ' || id AS owner, jsonb_array_elements_text(slab_sha256s) AS sha256 FROM images
    UNION ALL SELECT 'original of image ' || id, jsonb_array_elements_text(original_sha256s) FROM images
    UNION ALL SELECT 'revision ' || id, labels_sha256 FROM revisions
    UNION ALL SELECT 'uncertainty of revision ' || id, uncertainty_sha256 FROM revisions WHERE uncertainty_sha256 IS NOT NULL
    UNION ALL SELECT 'model version ' || id, weights_sha256 FROM model_versions
    UNION ALL SELECT 'average style of model version ' || id, card ->> 'consensus_sha256' FROM model_versions
    UNION ALL SELECT 'style ' || id, weights_sha256 FROM styles
    UNION ALL SELECT 'online branch ' || id, weights_sha256 FROM online_branches
"""

FAULTY_ROWS: Final = {
    "revision {} has a parent in another segmentation or a later number": """
        SELECT child.id FROM revisions child JOIN revisions parent ON parent.id = child.parent_id
        WHERE parent.segmentation_id <> child.segmentation_id OR parent.number >= child.number
    """,
    "segmentation {} has a head that is not its own revision": """
        SELECT s.id FROM segmentations s LEFT JOIN revisions r ON r.id = s.head_revision_id
        WHERE s.head_revision_id IS NOT NULL AND r.segmentation_id IS DISTINCT FROM s.id
    """,
    "segmentation {} counts other edits than it has": """
        SELECT s.id FROM segmentations s
        WHERE s.edit_seq < (SELECT coalesce(max(e.seq), 0) FROM edits e WHERE e.segmentation_id = s.id)
    """,
    "the live style of expert {} is not theirs or not live": """
        SELECT l.expert_id FROM live_styles l JOIN styles s ON s.id = l.style_id
        WHERE s.expert_id <> l.expert_id OR s.project_id <> l.project_id OR s.state <> 'live'
    """,
    "style {} learnt from a revision that was never submitted": """
        SELECT DISTINCT y.style_id FROM style_lineage y JOIN revisions r ON r.id = y.revision_id
        WHERE r.submitted_at IS NULL
    """,
}

LABEL_MAPS: Final = """
    SELECT r.id, r.labels_sha256, r.uncertainty_sha256, r.dtype, r.label_volumes, i.nx, i.ny, i.nz,
           (SELECT coalesce(jsonb_agg(l.value), '[]') FROM labels l WHERE l.project_id = s.project_id) AS allowed
    FROM revisions r JOIN segmentations s ON s.id = r.segmentation_id JOIN images i ON i.id = s.image_id
"""


@dataclass
class Report:
    """What was found: one sentence per fault, and how much was looked at."""

    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def examine(database: Database, settings: Settings) -> Report:
    """Look at everything. Reads each stored byte once or twice; memory stays at one label map."""
    report, blobs = Report(), Blobs(settings.blobs_folder)
    with database.read() as db:
        named = [tuple(row) for row in db.execute(text(NAMED_BLOBS))]
        label_maps = list(db.execute(text(LABEL_MAPS)).mappings())
        report.faults.extend(_faulty_rows(db))
        report.counts["audit rows"] = audit.head(db)[0]
        if (bad := audit.verify(db)) is not None:
            report.faults.append(f"the audit chain is broken at row {bad}")
    healthy = _check_blobs(blobs, named, report)
    for row in label_maps:
        if row["labels_sha256"] in healthy:
            report.counts["label maps"] += 1
            report.faults.extend(_faulty_labels(blobs, dict(row)))
        if row["uncertainty_sha256"] in healthy:
            report.counts["uncertainty maps"] += 1
            report.faults.extend(_faulty_uncertainty(blobs, dict(row)))
    return report


def sweep(database: Database, settings: Settings) -> int:
    """Delete blobs no row names and abandoned temp files, all older than a day; returns how many.

    The blobs are listed before the rows are read: a row always comes after its blob, so nothing in use is taken.
    Raises Conflict while a backup copies them.
    """
    blobs = Blobs(settings.blobs_folder)
    with database.holding(BLOBS_LOCK) as alone:
        if not alone:
            raise Conflict("A backup is copying the blobs, so none is swept; try again when it has ended.")
        stored = set(blobs.names())
        with database.read() as db:
            named = {sha256 for _, sha256 in db.execute(text(NAMED_BLOBS))}
        return blobs.sweep(named | (set(blobs.names()) - stored), ORPHAN_SECONDS)


def _faulty_rows(db: ReadSession) -> Iterator[str]:
    for sentence, query in FAULTY_ROWS.items():
        for row in db.execute(text(query)):
            yield sentence.format(row[0])


def _check_blobs(blobs: Blobs, named: list[tuple[Any, ...]], report: Report) -> set[str]:
    """Hash every blob and compare with the rows that name it; returns the undamaged ones."""
    healthy: set[str] = set()
    horizon, known = time.time() - ORPHAN_SECONDS, {sha256 for _, sha256 in named}
    for sha256 in blobs.names():
        report.counts["blobs"] += 1
        with blobs.path(sha256).open("rb") as file:
            is_whole = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if is_whole:
            healthy.add(sha256)
        elif sha256 not in known:
            report.faults.append(f"blob {sha256} is damaged (no row names it)")
        if sha256 not in known:
            report.counts["orphans"] += 1
            report.counts["old orphans"] += blobs.path(sha256).stat().st_mtime < horizon
    for owner, sha256 in named:
        report.counts["named blobs"] += 1
        if sha256 not in healthy:
            report.faults.append(f"{owner}: blob {sha256} is {'damaged' if blobs.exists(sha256) else 'missing'}")
    return healthy


def _faulty_labels(blobs: Blobs, row: dict[str, Any]) -> Iterator[str]:
    """The label map fits its image's grid, holds only the project's labels, and as many voxels of each as the row says."""
    try:
        found = labels.decompress(blobs.read(row["labels_sha256"]), (row["nz"], row["ny"], row["nx"]), row["dtype"])
    except labels.BadLabels as problem:
        yield f"revision {row['id']}: {problem}"
        return
    values, voxels = np.unique(found, return_counts=True)
    volumes = {int(value): int(count) for value, count in zip(values, voxels, strict=True) if value}
    if strange := sorted(set(volumes) - set(row["allowed"])):
        yield f"revision {row['id']} holds values outside the project's labels: {strange[:10]}"
    if volumes != {int(value): count for value, count in row["label_volumes"].items()}:
        yield f"revision {row['id']} states other label volumes than it has"


def _faulty_uncertainty(blobs: Blobs, row: dict[str, Any]) -> Iterator[str]:
    """One byte for each voxel of the image's grid."""
    try:
        labels.decompress(blobs.read(row["uncertainty_sha256"]), (row["nz"], row["ny"], row["nx"]), "uint8")
    except labels.BadLabels as problem:
        yield f"uncertainty of revision {row['id']}: {problem}"
