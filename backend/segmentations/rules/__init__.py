"""Segmentations: who sees them, what an edit may do, and what becomes of a reading. The door of segmentations' rules."""

from backend.segmentations.rules.assignments import (
    AssignmentView,
    PredictionView,
    list_assignments,
    load_assignment,
    next_assignment,
    open_assignment,
)
from backend.segmentations.rules.editing import EditAccepted, NewEdit, add_edit, reopen, restore, submit
from backend.segmentations.rules.keeping import (
    KeptLabels,
    keep_labels,
    put_imported_reading,
    put_prediction,
    read_labels,
)
from backend.segmentations.rules.revisions import (
    Comparison,
    LabelAgreement,
    LabelSlab,
    RevisionView,
    compare,
    export_revision,
    list_revisions,
    load_label_slab,
    load_revision,
)
from backend.segmentations.rules.sight import (
    EditPage,
    EditView,
    SegmentationView,
    list_edits,
    list_segmentations,
    load_segmentation,
    visible,
)

__all__ = [
    "AssignmentView",
    "Comparison",
    "EditAccepted",
    "EditPage",
    "EditView",
    "KeptLabels",
    "LabelAgreement",
    "LabelSlab",
    "NewEdit",
    "PredictionView",
    "RevisionView",
    "SegmentationView",
    "add_edit",
    "compare",
    "export_revision",
    "keep_labels",
    "list_assignments",
    "list_edits",
    "list_revisions",
    "list_segmentations",
    "load_assignment",
    "load_label_slab",
    "load_revision",
    "load_segmentation",
    "next_assignment",
    "open_assignment",
    "put_imported_reading",
    "put_prediction",
    "read_labels",
    "reopen",
    "restore",
    "submit",
    "visible",
]
