"""Doing a `propagate` job: the drawn slices carried through the volume, merged with what the network thinks, and the next slice proposed.

Without a network that may help, the proxy is propagation alone. One that may has a part where it draws slices, before it has learnt from
them, about as well as propagation finds drawn slices again that are left out (LEARNING section 4, cold and warm start; there it must be
better, but pooled evidence helps also where the network alone is a little worse).
"""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from worker import proxies
from worker.desk import Held, Interrupted
from worker.gateway import Gateway, memory, propagations
from worker.gateway.images import LabelArray
from worker.gateway.propagations import Estimate, NetworkPart, NextSlice, PropagatePlan, ProxyNumbers
from worker.inference import Inference
from worker.learning.fusion import merge
from worker.learning.metrics import dice
from worker.learning.propagate import Drawn, Proxy, left_out
from worker.learning.propose import first_slice, propose, weigh
from worker.learning.stopping import band, expected_dice

RANDOM: Final = 4  # the seed of the strategy `random`: the same drawing, the same proposals
LEAST_TRUST: Final = 50.0  # Dice points on drawn slices that a network needs where nothing can be left out yet
LEAST_SHARE: Final = 0.75  # of the Dice of slices left out, where there are any

TELL_SECONDS: Final = 0.5  # between two words of how far it is

Field = npt.NDArray[np.float32]


class Networks(NamedTuple):
    """What either style thinks of each drawn label, 0..1. branch_LDHW: the live style's again where there is no branch yet."""

    live_LDHW: Field
    branch_LDHW: Field


class Front(NamedTuple):
    """What is shown: the proxy, merged with the network where that is trusted. network_LDHW: its say, None where it may have none."""

    labels_DHW: LabelArray
    chance_LDHW: Field
    confidence_DHW: Field
    reached: dict[int, list[int]]
    network_LDHW: Field | None


def run(gateway: Gateway, inference: Inference, held: Held) -> None:
    """Do one `propagate` job."""
    plan = propagations.load_plan(gateway, held.job)
    needed = memory.propagating(plan.image, len(plan.label_values))
    held.until_end.enter_context(memory.room(needed, plan.image, "Propagating"))
    session = proxies.Session(plan.segmentation_id, plan.image, plan.axis, plan.label_values, plan.provenance)
    drawn = proxies.masks_of(session)
    if not any(mask.any() for slices in drawn.values() for mask in slices.values()):
        start = first_slice(_predicted(inference, plan), plan.image.shape_zyx[plan.axis])
        first = [NextSlice(start.slice, start.reason, start.voxels)]
        propagations.publish(gateway, held.job, plan, None, first, ProxyNumbers())
        return

    told = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal told
        if held.cancelled.is_set() or held.lost.is_set():
            raise Interrupted
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            propagations.report(gateway, held.job, done, of)

    proxy = proxies.carry(inference, session, drawn, tell)
    volume = inference.volume(plan.image)
    found_again = left_out(drawn, volume.spacing_mm, axis=plan.axis)
    quality = round(sum(found_again) / len(found_again), 3) if found_again else None
    networks = _networks(inference, plan, session, proxy.labels)
    part = None if networks is None else judge(plan, drawn, proxy.labels, networks, quality)
    front = _front(plan, proxy, drawn, networks, part)
    labels_zyx = lay_around(plan, front)
    expected = _expected(session, proxy.labels, labels_zyx, front)
    numbers = ProxyNumbers(quality, expected, part, _estimate(plan, expected))
    proposed = next_slices(plan, front, propagations.load_former(gateway, plan))
    propagations.publish(gateway, held.job, plan, (labels_zyx, uncertainty_of(front)), proposed, numbers)


def _networks(
    inference: Inference, plan: PropagatePlan, session: proxies.Session, labels: Sequence[int]
) -> Networks | None:
    """What the live style and its branch think; None where no network may help."""
    if plan.drawing is None or session.voxels > proxies.MOST_VOXELS:
        return None
    version, style = plan.drawing

    def of(weights_sha256: str) -> Field:
        known, chance = inference.probabilities(version, weights_sha256, plan.image).result()
        none = np.zeros(chance.shape[1:], np.float32)
        return np.stack([chance[known.index(value)] if value in known else none for value in labels])

    live_LDHW = of(style.weights_sha256)
    return Networks(live_LDHW, live_LDHW if plan.branch is None else of(plan.branch.weights_sha256))


def judge(
    plan: PropagatePlan, drawn: Drawn, labels: Sequence[int], networks: Networks, left_out_dice: float | None
) -> NetworkPart | None:
    """How well either style draws the slices that it has not met, with those judged before; the better one may have a part.

    None before there is a slice to judge by.
    """
    fresh = [
        (at, index, mask)
        for at, label in enumerate(labels)
        for index, mask in drawn[label].items()
        if plan.known is not None and (label, index) not in plan.known
    ]
    former = plan.said.get("network") or {"dice": 0.0, "slices": 0}
    count: int = former["slices"] + len(fresh)
    if count == 0:
        return None

    def mean(network_LDHW: Field, which: str) -> float:
        network_LNHW = np.moveaxis(network_LDHW, 1 + plan.axis, 1)
        found = [100 * dice(network_LNHW[at, index] >= 0.5, mask) for at, index, mask in fresh]
        said = former["dice"] if former.get(which) is None else former[which]
        return float(said * former["slices"] + sum(found)) / count

    live, branch = mean(networks.live_LDHW, "live_dice"), mean(networks.branch_LDHW, "branch_dice")
    is_branch = plan.branch is not None and branch >= live
    best = branch if is_branch else live
    used = best >= (LEAST_TRUST if left_out_dice is None else LEAST_SHARE * 100 * left_out_dice)
    return NetworkPart(round(best, 1), count, used, is_branch, round(live, 1), round(branch, 1))


def _front(
    plan: PropagatePlan, proxy: Proxy, drawn: Drawn, networks: Networks | None, part: NetworkPart | None
) -> Front:
    network_LDHW = None
    if networks is not None:
        network_LDHW = networks.branch_LDHW if part is not None and part.is_branch else networks.live_LDHW
    if network_LDHW is None or part is None or not part.used:
        return Front(proxy.labels_DHW, proxy.chance_LDHW, proxy.confidence_DHW, dict(proxy.reached), network_LDHW)
    merged = merge(proxy, drawn, network_LDHW, plan.axis)
    everywhere = {label: list(range(plan.image.shape_zyx[plan.axis])) for label in proxy.labels}
    return Front(*merged, everywhere, network_LDHW)


def _expected(session: proxies.Session, labels: Sequence[int], labels_zyx: LabelArray, front: Front) -> float:
    """Dice points of the whole label map if its own chances are right; what was drawn counts as right."""
    said = proxies.drawn_voxels(session)
    chance = np.where(said, np.stack([labels_zyx == value for value in labels]), front.chance_LDHW)
    return round(expected_dice(labels_zyx, chance.astype(np.float32), labels), 2)


def _estimate(plan: PropagatePlan, expected: float) -> Estimate:
    """The same, calibrated by this expert's finished cases; the interval is None until there are enough."""
    found = band(expected, plan.cases)
    if found is None:
        return Estimate(round(expected, 1), None, None, len(plan.cases), plan.goal, None)
    low, high = round(found.low, 1), round(found.high, 1)
    return Estimate(round(found.expected, 1), low, high, len(plan.cases), plan.goal, low >= plan.goal)


def lay_around(plan: PropagatePlan, front: Front) -> LabelArray:
    """The reading with what is shown on its undrawn slices, uint8 [D, H, W]: what was drawn by hand stays, voxel for voxel."""
    labels_NHW = np.moveaxis(plan.provenance.labels_zyx, plan.axis, 0).astype(np.uint8)
    kept_NHW = np.moveaxis(plan.provenance.by_hand_zyx, plan.axis, 0).copy()
    for label, slices in plan.provenance.slices.items():
        kept_NHW[slices] |= labels_NHW[slices] == label  # a corrected slice is drawn as a whole
    proxy_NHW = np.moveaxis(front.labels_DHW, plan.axis, 0)
    for label, reached in front.reached.items():
        slices = plan.provenance.slices[label]
        for index in (one for one in reached if one not in slices):
            free = ~kept_NHW[index]
            labels_NHW[index][free & (labels_NHW[index] == label)] = 0
            labels_NHW[index][free & (proxy_NHW[index] == label)] = label
    return np.ascontiguousarray(np.moveaxis(labels_NHW, 0, plan.axis))


def uncertainty_of(front: Front) -> npt.NDArray[np.uint8]:
    """255 · (1 - confidence), 0 on slices that nothing was carried to, so that they stay clear on the screen."""
    unsure = np.rint(255 * (1 - front.confidence_DHW)).astype(np.uint8)
    unsure[front.confidence_DHW == 0] = 0
    return unsure


def next_slices(plan: PropagatePlan, front: Front, former_DHW: LabelArray | None) -> list[NextSlice]:
    """The slices to draw next, the best first."""
    chance_NHW = np.moveaxis(front.chance_LDHW.max(0), plan.axis, 0)
    confidence_NHW = np.moveaxis(front.confidence_DHW, plan.axis, 0)
    former_NHW = None if former_DHW is None else (np.moveaxis(former_DHW, plan.axis, 0) > 0).astype(np.float32)
    drawn = set().union(*plan.provenance.slices.values())
    present = np.flatnonzero((chance_NHW >= 0.5).any((1, 2)))
    extent = (int(min(present[0], *drawn)), int(max(present[-1], *drawn))) if present.size else (min(drawn), max(drawn))
    network_NHW = None if front.network_LDHW is None else np.moveaxis(front.network_LDHW.max(0), plan.axis, 0)
    evidence = weigh(chance_NHW, confidence_NHW, former_NHW, network_NHW)
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
