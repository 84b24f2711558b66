"""Several opinions on one image: samples where the method has a latent space, else every expert's own style; the few to show of them.

How many samples follows from the image alone: a large volume gets fewer, so that their label maps fit in memory.
"""

from typing import Any, Final
from uuid import UUID

import numpy as np

from worker.desk import Held
from worker.gateway import Gateway, memory, opinions
from worker.gateway.images import LabelArray
from worker.gateway.opinions import OpinionPlan
from worker.inference import Inference
from worker.learning.metrics import mean_dice
from worker.learning.representatives import contours, representatives, voxel_interval

MOST_SAMPLES: Final = 32
FEWEST_SAMPLES: Final = 8
VOXELS_IN_MEMORY: Final = 400_000_000
MOST_EXPERTS: Final = 8  # drawn each in a pass of its own; more would keep the reader waiting
SEED: Final = 0  # the same question, the same answer


def answer(gateway: Gateway, inference: Inference, held: Held) -> None:
    """Do one job of kind `opinions`."""
    plan = opinions.load_plan(gateway, held.job)
    experts = sorted(plan.styles, key=lambda expert: plan.names[expert])
    voxels = int(np.prod(plan.image.shape_zyx))
    count = max(FEWEST_SAMPLES, min(MOST_SAMPLES, VOXELS_IN_MEMORY // voxels))
    needed = memory.having_opinions(plan.image, len(plan.label_values), count, min(len(experts), MOST_EXPERTS))
    held.until_end.enter_context(memory.room(needed, plan.image, "Drawing several opinions of"))
    drawn = inference.plausible(
        plan.version, plan.own.weights_sha256, [plan.styles[expert] for expert in experts], plan.image,
        count, MOST_EXPERTS, SEED, is_urgent=held.job.is_waited_for,
    ).result()  # fmt: skip
    values = plan.label_values
    samples_are_experts = drawn.samples is None
    candidates = drawn.experts if drawn.samples is None else drawn.samples
    shown = representatives(candidates, values)
    own_name = dict(enumerate(experts[:MOST_EXPERTS]))
    items = [
        _item(plan, candidates[index], drawn.own, share, own_name[index] if samples_are_experts else None)
        for index, share in zip(shown.indices, shown.probability, strict=True)
    ]
    named = [] if samples_are_experts else [
        _item(plan, labels, drawn.own, None, own_name[n]) for n, labels in enumerate(drawn.experts)
    ]  # fmt: skip
    content = {
        "model_version_id": str(plan.version.version_id),
        "style_id": str(plan.own.style_id),
        "method": plan.version.method,
        "drawn": len(candidates),
        "source": "experts" if samples_are_experts else "samples",
        "chosen": "k-medoids",
        "items": items,
        "experts": named,
        "contours": [
            {"share": share, "runs": opinions.in_runs(labels)} for share, labels in contours(candidates, values).items()
        ],
        "voxel_interval": {str(value): list(three) for value, three in voxel_interval(candidates, values).items()},
    }
    opinions.publish(gateway, held.job, plan, content)


def _item(
    plan: OpinionPlan, labels: LabelArray, own: LabelArray, probability: float | None, expert: UUID | None
) -> dict[str, Any]:
    return {
        "runs": opinions.in_runs(labels),
        "voxels": opinions.voxels(labels, plan.label_values),
        "dice": round(mean_dice(labels, own, plan.label_values), 4),
        "probability": None if probability is None else round(probability, 4),
        "expert_id": None if expert is None else str(expert),
        "expert_name": None if expert is None else plan.names[expert],
    }
