"""What a predict job needs, as arrays, and its label maps as revisions."""

from collections.abc import Mapping
from uuid import UUID

from backend.jobs import rules
from backend.jobs.rules import Claimed, ImageFacts, JobFailure, PredictPlan, VersionFacts
from backend.segmentations import rules as segmentations
from worker.gateway.connection import Gateway
from worker.gateway.images import Volume, read_volume
from worker.learning import Drawing

__all__ = ["ImageFacts", "PredictPlan", "VersionFacts"]


def load_plan(gateway: Gateway, job: Claimed) -> PredictPlan:
    """Which images to draw in which style. Raises Conflict where no style is live."""
    with gateway.database.read() as db:
        return rules.load_predict(db, job)


def load_volume(gateway: Gateway, image: ImageFacts) -> Volume:
    """An image's voxels."""
    return read_volume(gateway.blobs, image)


def load_file(gateway: Gateway, sha256: str) -> bytes:
    """A weights or style file, proven against its name."""
    return gateway.blobs.read(sha256)


def load_live_versions(gateway: Gateway, limit: int) -> list[VersionFacts]:
    """The newest live model versions, to have them warm."""
    with gateway.database.read() as db:
        return rules.live_versions(db, limit)


def publish(
    gateway: Gateway, job: Claimed, plan: PredictPlan, drawn: Mapping[UUID, Drawing], failed: Mapping[UUID, JobFailure]
) -> None:
    """Keep the label maps with their uncertainty, then publish them and end the job, once; failed: why the others were not drawn.

    Raises LeaseLost, Invalid.
    """
    kept = {
        image_id: segmentations.keep_prediction(
            gateway.blobs, drawing.labels_DHW, drawing.uncertainty_DHW, plan.label_values
        )
        for image_id, drawing in drawn.items()
    }
    with gateway.database.write() as db:
        rules.publish_predictions(db, job, plan, kept, failed)
