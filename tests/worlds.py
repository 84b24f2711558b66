"""Small projects for tests of jobs and learning: discs on noise, drawn by experts of plainly different hands.

Made through the domains' own rules. Every image is its own patient; an expert's `hand` is how many voxels
larger (or smaller) than the truth they draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from backend.accounts import rules as accounts
from backend.accounts.rules import SYSTEM
from backend.blobs import Blobs
from backend.database import Database
from backend.imaging import slabs
from backend.projects import rules as projects
from backend.segmentations import rules as segmentations
from backend.studies import store as studies

EDGE = 48


@dataclass
class World:
    """A project with images, experts and the discs behind the images."""

    project_id: UUID
    images: list[UUID] = field(default_factory=list)
    experts: dict[str, UUID] = field(default_factory=dict)
    discs: dict[UUID, tuple[float, float, float]] = field(default_factory=dict)


def disc(centre_y: float, centre_x: float, radius: float) -> NDArray[np.uint8]:
    """A filled disc as labels_zyx [1, EDGE, EDGE]."""
    y, x = np.mgrid[:EDGE, :EDGE]
    labels_zyx: NDArray[np.uint8] = ((y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2).astype(np.uint8)[None]
    return labels_zyx


def make_world(
    database: Database,
    blobs: Blobs,
    hands: Mapping[str, float],
    images: int = 6,
    *,
    blinding: str = "open",
    prefill: str = "before",
    personalise: bool = True,
    seed: int = 0,
) -> World:
    """A project with these experts and images; nobody has drawn yet."""
    policy = projects.ReadingPolicy(blinding=blinding, prefill=prefill, personalise=personalise)
    with database.write() as db:
        label = projects.LabelView(1, "disc", "#ff0000")
        world = World(projects.create_project(db, SYSTEM, f"world {uuid4()}", "", policy, [label], True).id)
        for name in hands:
            world.experts[name] = accounts.create_expert(db, SYSTEM, name, simulated=True).id
    generator = np.random.default_rng(seed)
    for number in range(images):
        add_image(database, blobs, world, generator, number)
    with database.write() as db:
        for expert_id in world.experts.values():
            projects.put_expert(db, SYSTEM, world.project_id, expert_id, False)
    return world


def add_image(database: Database, blobs: Blobs, world: World, generator: np.random.Generator, number: int) -> UUID:
    """One more image of one more patient."""
    centre = generator.uniform(18, 30, 2)
    radius = float(generator.uniform(7, 10))
    picture = generator.normal(100, 8, (1, EDGE, EDGE)) + 120 * disc(centre[0], centre[1], radius)
    stored = np.clip(np.rint(picture), -1000, 1000).astype(np.int16)
    sha256 = blobs.put(slabs.encode_slab(stored))
    patient = studies.Patient(pseudonym=f"P-{uuid4().hex[:12]}", simulated=True)
    with database.write() as db:
        studies.add(db, patient)
        study = studies.Study(patient_id=patient.id, uid=None, description="", study_date=None)
        studies.add(db, study)
        image = studies.Image(
            study_id=study.id, series_id=None, name=f"case {number}", nx=EDGE, ny=EDGE, nz=1, channels=1,
            affine=[1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0], geometry="regular", warnings=[], slope=1.0, intercept=0.0,
            unit="", low=int(stored.min()), high=int(stored.max()), window_low=0.0, window_high=300.0, window_presets=[],
            modality="MR", slab_depth=8, slab_sha256s=[sha256], sha256=slabs.image_sha256([sha256]), original_sha256s=[],
            source_axes=None, simulated=True,
        )  # fmt: skip
        studies.add(db, image)
        projects.attach_images(db, SYSTEM, world.project_id, [image.id])
    world.images.append(image.id)
    world.discs[image.id] = (float(centre[0]), float(centre[1]), radius)
    return image.id


def draw(
    database: Database,
    blobs: Blobs,
    world: World,
    expert: str,
    images: Sequence[UUID],
    hand: float,
    nonsense: bool = False,
) -> None:
    """Let an expert submit a reading of each of these images, `hand` voxels larger than the truth."""
    for image_id in images:
        y, x, radius = world.discs[image_id]
        labels = disc(3, 3, 2) if nonsense else disc(y, x, radius + hand)
        kept = segmentations.keep_labels(blobs, labels, [1])
        with database.write() as db:
            added = segmentations.put_imported_reading(
                db, SYSTEM, world.project_id, image_id, world.experts[expert], kept
            )
            assert added == "added"
