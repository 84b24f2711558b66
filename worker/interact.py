"""Answering a prompt: where to look, what the network thinks there, and the proposal that comes of it.

The newest prompt decides where the answer is made anew: its slice, or the box drawn in 3D; the rest of the former answer
stands. Everything of the round that lies there counts, whatever slice it was made on.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from worker.desk import Held
from worker.gateway import Gateway, prompts
from worker.gateway.images import LabelArray
from worker.gateway.prompts import InteractPlan
from worker.inference import Inference
from worker.learning.prompts import Mask, Prompt, marks_of, propose

Place = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]  # first voxel and the one after the last, of D, H, W

RIM: Final = 3  # voxels around a box in 3D: what is outside the object
WINDOW: Final = 256  # voxels to each side of the prompts; a slice up to twice as wide is looked at whole
MOST_NETWORK_SLICES: Final = 96  # beyond it (a sagittal prompt on a long scan) only drawing and values are asked
AXES: Final = ("k", "j", "i")  # of an array [D, H, W]


def answer(gateway: Gateway, inference: Inference, held: Held) -> None:
    """Do one `interact` job."""
    plan = prompts.load_plan(gateway, held.job)
    drawn = prompts.load_drawing(gateway, plan)
    indices, values = prompts.load_former(plan)
    unanswered = range(plan.answered + 1, len(plan.prompts) + 1)
    for where in dict.fromkeys(place_of(plan, count) for count in unanswered):
        box = tuple(slice(low, high) for low, high in where)
        told, mask = _propose(inference, plan, drawn, (box[0], box[1], box[2]))
        indices, values = _merge(plan, indices, values, told, mask, where)
    prompts.publish(gateway, held.job, plan, indices, values)


def _merge(
    plan: InteractPlan, indices: npt.NDArray[np.int64], values: LabelArray, said: Mask, mask: Mask, where: Place
) -> tuple[npt.NDArray[np.int64], LabelArray]:
    """The former answer outside `where`, this one inside: flat indices [N], ascending, and what each voxel becomes.

    said: the voxels of `where` that this answer speaks of; mask: those among them that get the label.
    """
    shape = plan.image.shape_zyx
    inside = np.ones(indices.shape, bool)
    for at, (low, high) in zip(np.unravel_index(indices, shape), where, strict=True):
        inside &= (at >= low) & (at < high)
    told = np.nonzero(said)
    here = np.ravel_multi_index(tuple(at + low for at, (low, _) in zip(told, where, strict=True)), shape)
    becomes = np.where(mask[told], plan.prompts[-1].label, 0).astype(np.uint8)
    indices, values = np.concatenate([indices[~inside], here]), np.concatenate([values[~inside], becomes])
    order = np.argsort(indices)
    return indices[order], values[order]


def place_of(plan: InteractPlan, count: int) -> Place:
    """Where the round's prompt number `count` is answered: its slice, near the prompts on it, or the 3D box it lies in."""
    newest, asked = plan.prompts[count - 1], plan.prompts[:count]
    boxes = [prompt for prompt in asked if prompt.slice_axis is None]
    if boxes and (newest.slice_axis is None or _within(boxes[-1].points_ijk, newest.points_ijk)):
        points = np.asarray(boxes[-1].points_ijk)[:, ::-1]
        margin = [RIM, RIM, RIM]
    else:
        axis = AXES.index(newest.slice_axis)
        at = round(newest.points_ijk[0][2 - axis])
        same = [p for p in asked if p.slice_axis == newest.slice_axis and round(p.points_ijk[0][2 - axis]) == at]
        points = np.concatenate([np.asarray(p.points_ijk)[:, ::-1] for p in same])
        margin = [0 if n == axis else WINDOW for n in range(3)]
    place = []
    for n, edge in enumerate(plan.image.shape_zyx):
        low, high = int(np.rint(points[:, n].min())), int(np.rint(points[:, n].max()))
        whole = margin[n] == WINDOW and edge <= 2 * WINDOW
        place.append((0, edge) if whole else (max(0, low - margin[n]), min(edge, high + margin[n] + 1)))
    return place[0], place[1], place[2]


def _within(box_ijk: list[list[float]], points_ijk: list[list[float]]) -> bool:
    box, points = np.asarray(box_ijk), np.asarray(points_ijk)
    return bool(((points >= box.min(0) - 0.5) & (points <= box.max(0) + 0.5)).all())


def _propose(
    inference: Inference, plan: InteractPlan, drawn: LabelArray, where: tuple[slice, slice, slice]
) -> tuple[Mask, Mask]:
    """What the answer speaks of within `where`, and the mask it proposes there."""
    label = plan.prompts[-1].label
    volume = inference.volume(plan.image)
    chance = None
    if plan.drawing is not None and where[0].stop - where[0].start <= MOST_NETWORK_SLICES:
        version, style = plan.drawing
        asked = inference.chances(version, style.weights_sha256, plan.image, label, where[0])
        chance = asked.result()[:, where[1], where[2]]
    origin_ijk = [where[2].start, where[1].start, where[0].start]
    asked_here = [
        Prompt(
            prompt.kind,  # type: ignore[arg-type]  # one of the four, as the database checks
            [(p[0] - origin_ijk[0], p[1] - origin_ijk[1], p[2] - origin_ijk[2]) for p in prompt.points_ijk],
            prompt.include,
            prompt.radius_mm,
        )
        for prompt in plan.prompts
    ]
    present = drawn[where] == label
    mask = propose(volume.image_CDHW[(slice(None), *where)], volume.spacing_mm, asked_here, present, chance)
    marks = marks_of(asked_here, mask.shape, volume.spacing_mm)
    return (mask | present) & (marks.within | marks.exclude), mask
