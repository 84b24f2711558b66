"""Doing a `propagate` job: the drawn slices carried through the volume, laid around what was drawn, and the next slice proposed."""

import os
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.desk import Held, Interrupted
from worker.gateway import Gateway, memory, propagations
from worker.gateway.images import LabelArray
from worker.gateway.propagations import NextSlice, PropagatePlan
from worker.inference import Inference
from worker.learning.propagate import Drawn, Proxy, left_out, propagate
from worker.learning.propose import first_slice, propose, weigh

MOST_THREADS: Final = 4
RANDOM: Final = 4  # the seed of the strategy `random`: the same drawing, the same proposals


def run(gateway: Gateway, inference: Inference, held: Held) -> None:
    """Do one `propagate` job."""
    plan = propagations.load_plan(gateway, held.job)
    needed = memory.propagating(plan.image, len(plan.label_values))
    held.until_end.enter_context(memory.room(needed, plan.image, "Propagating"))
    drawn = masks_of(plan)
    if not any(mask.any() for slices in drawn.values() for mask in slices.values()):
        start = first_slice(_predicted(inference, plan), plan.image.shape_zyx[plan.axis])
        propagations.publish(gateway, held.job, plan, None, [NextSlice(start.slice, start.reason, start.voxels)])
        return
    volume = inference.volume(plan.image)

    def stop_if_asked(_: range) -> None:
        if held.cancelled.is_set() or held.lost.is_set():
            raise Interrupted

    threads = max(1, min(MOST_THREADS, os.cpu_count() or 1))
    image_DHW = volume.image_CDHW.mean(0)
    proxy = propagate(image_DHW, drawn, volume.spacing_mm, axis=plan.axis, threads=threads, on_slices=stop_if_asked)
    found_again = left_out(image_DHW, drawn, volume.spacing_mm, axis=plan.axis, register=False)
    shown = lay_around(plan, proxy), uncertainty_of(proxy)
    proposed = next_slices(plan, proxy, propagations.load_former(gateway, plan))
    quality = round(sum(found_again) / len(found_again), 3) if found_again else None
    propagations.publish(gateway, held.job, plan, shown, proposed, quality)


def masks_of(plan: PropagatePlan) -> Drawn:
    """Label → slice along the axis → what was drawn there [H, W]."""
    labels_NHW = np.moveaxis(plan.provenance.labels_zyx, plan.axis, 0)
    return {
        label: {index: labels_NHW[index] == label for index in slices}
        for label, slices in plan.provenance.slices.items()
        if label in plan.label_values
    }


def lay_around(plan: PropagatePlan, proxy: Proxy) -> LabelArray:
    """The reading with the proxy on its undrawn slices, uint8 [D, H, W]: what was drawn by hand stays, voxel for voxel."""
    labels_NHW = np.moveaxis(plan.provenance.labels_zyx, plan.axis, 0).astype(np.uint8)
    kept_NHW = np.moveaxis(plan.provenance.by_hand_zyx, plan.axis, 0).copy()
    for label, slices in plan.provenance.slices.items():
        kept_NHW[slices] |= labels_NHW[slices] == label  # a corrected slice is drawn as a whole
    proxy_NHW = np.moveaxis(proxy.labels_DHW, plan.axis, 0)
    for label, reached in proxy.reached.items():
        slices = plan.provenance.slices[label]
        for index in (one for one in reached if one not in slices):
            free = ~kept_NHW[index]
            labels_NHW[index][free & (labels_NHW[index] == label)] = 0
            labels_NHW[index][free & (proxy_NHW[index] == label)] = label
    return np.ascontiguousarray(np.moveaxis(labels_NHW, 0, plan.axis))


def uncertainty_of(proxy: Proxy) -> npt.NDArray[np.uint8]:
    """255 · (1 - confidence), 0 on slices that nothing was carried to, so that they stay clear on the screen."""
    unsure = np.rint(255 * (1 - proxy.confidence_DHW)).astype(np.uint8)
    unsure[proxy.confidence_DHW == 0] = 0
    return unsure


def next_slices(plan: PropagatePlan, proxy: Proxy, former_DHW: LabelArray | None) -> list[NextSlice]:
    """The slices to draw next, the best first."""
    chance_NHW = np.moveaxis(proxy.chance_LDHW.max(0), plan.axis, 0)
    confidence_NHW = np.moveaxis(proxy.confidence_DHW, plan.axis, 0)
    former_NHW = None if former_DHW is None else (np.moveaxis(former_DHW, plan.axis, 0) > 0).astype(np.float32)
    drawn = set().union(*plan.provenance.slices.values())
    present = np.flatnonzero((chance_NHW >= 0.5).any((1, 2)))
    extent = (int(min(present[0], *drawn)), int(max(present[-1], *drawn))) if present.size else (min(drawn), max(drawn))
    evidence = weigh(chance_NHW, confidence_NHW, former_NHW)
    found = propose(evidence, extent, drawn, plan.strategy, np.random.default_rng(RANDOM))
    return [NextSlice(one.slice, one.reason, one.voxels) for one in found]


def _predicted(inference: Inference, plan: PropagatePlan) -> npt.NDArray[np.bool_] | None:
    """Where the network draws anything, slices first; None where no network may help."""
    if plan.drawing is None or plan.axis != 0:
        return None
    version, style = plan.drawing
    chances = inference.chances(
        version, style.weights_sha256, plan.image, plan.label_values[0], slice(0, plan.image.nz)
    )
    predicted: npt.NDArray[np.bool_] = chances.result() >= 0.5
    return predicted
