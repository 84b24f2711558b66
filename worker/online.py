"""Doing an `update` job: an expert's branch learns from what they are drawing, or from what they have just submitted.

The steps run on the resident network, one at a time, on the device's thread; whatever a person waits for is answered between two of them
(decision 7). Killed at any moment, nothing but these seconds is lost: the job is done again by the next worker, with the same numbers.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from worker import proxies
from worker.desk import Held, Interrupted
from worker.gateway import Gateway, memory, online
from worker.gateway.images import LabelArray
from worker.gateway.online import ProxyFacts, UpdatePlan
from worker.inference import Inference
from worker.learning import Case, Predictor, Reading
from worker.learning.metrics import mean_dice
from worker.learning.online import Branch, OnlineConfig, Weak, update, weak_labels, whole_labels

SEED = 4  # the same drawing, the same branch


def run(gateway: Gateway, inference: Inference, held: Held) -> None:
    """Do one `update` job, again where something else was learnt into the branch meanwhile: nothing learnt is passed over."""
    begun = time.monotonic()
    while True:
        plan = online.load_plan(gateway, held.job)
        try:
            if plan.finished is not None:
                _finish(gateway, inference, held, plan, begun)
            else:
                needed = memory.propagating(plan.image, len(plan.label_values))
                with memory.room(needed, plan.image, "Learning from"):
                    _follow(gateway, inference, held, plan, begun)
            return
        except online.BranchMoved:
            _stop_if_asked(held)


def _follow(gateway: Gateway, inference: Inference, held: Held, plan: UpdatePlan, begun: float) -> None:
    """Learn from a session as it stands."""
    session = _session(plan)
    drawn = proxies.masks_of(session)
    shows = any(mask.any() for slices in drawn.values() for mask in slices.values())
    if plan.drawing is None or session.voxels > proxies.MOST_VOXELS or not shows:
        online.publish(gateway, held.job, plan, None, {"learnt": False})
        return
    proxy = proxies.carry(inference, session, drawn, lambda *_: _stop_if_asked(held))

    def weak(predictor: Predictor, case: Case) -> Weak:
        return _weak(session, proxy.chance_LDHW, proxy.confidence_DHW, proxy.labels, predictor, case)

    sha256 = _learn(gateway, inference, held, plan, weak)
    online.publish(gateway, held.job, plan, sha256, {"learnt": True, "seconds": round(time.monotonic() - begun, 2)})


def _session(plan: UpdatePlan) -> proxies.Session:
    assert plan.provenance is not None, "a session's plan has one"
    return proxies.Session(plan.segmentation_id, plan.image, plan.axis, plan.label_values, plan.provenance)


def _learn(
    gateway: Gateway, inference: Inference, held: Held, plan: UpdatePlan, weak: Callable[[Predictor, Case], Weak]
) -> str:
    """A few steps on from the branch as it is; returns the new one's file."""
    assert plan.drawing is not None
    version, live = plan.drawing
    begins = plan.branch.weights_sha256 if plan.branch is not None else live.weights_sha256
    channels = int(version.config.get("in_channels", 1))
    replay, rows = online.load_replay(gateway, plan, channels), online.load_rows(gateway, plan)
    options = OnlineConfig()

    def learn(predictor: Predictor, case: Case, give_way: Callable[[], None]) -> Branch:
        def should_stop() -> bool:
            give_way()
            _stop_if_asked(held)
            return False

        return update(
            predictor.network, predictor.config, Branch(case.row, case.adapter), weak(predictor, case), replay, rows, options,
            generator_seed=SEED, device=predictor.device, should_stop=should_stop,
        )  # fmt: skip

    branch = inference.learn(version, begins, plan.image, learn).result()
    style = {"row": branch.row} if branch.adapter is None else {"row": branch.row, "adapter": branch.adapter}
    return online.keep(gateway, held.job, style)


def _weak(
    session: proxies.Session, chance_LDHW: Any, confidence_DHW: Any, drawn: Sequence[int], predictor: Predictor, case: Case
) -> Weak:  # fmt: skip
    """The proxy as labels in the network's order. A label nobody has drawn yet stays what the network thinks of it."""
    labels = predictor.config.labels
    chance = np.zeros((len(labels), *confidence_DHW.shape), np.float32)
    for at, value in enumerate(labels):
        if value in drawn:
            chance[at] = chance_LDHW[list(drawn).index(value)]
    said = proxies.drawn_voxels(session)
    weak = weak_labels(
        case.image_CDHW, chance, confidence_DHW, session.provenance.labels_zyx.astype(np.uint8), said, labels, OnlineConfig()
    )  # fmt: skip
    silent = [at for at, value in enumerate(labels) if value not in drawn]
    if silent:
        free = 1 - weak.truth_LDHW.max(0)
        weak.truth_LDHW[silent] = predictor.probabilities([case])[0][silent] * free
    return weak


def _finish(gateway: Gateway, inference: Inference, held: Held, plan: UpdatePlan, begun: float) -> None:
    """A submitted case: first the predictions that knew nothing of it, then learn from it, then see what was forgotten."""
    case = plan.finished
    assert case is not None
    truth = online.load_labels_of(gateway, plan, case.reading)
    shown = [
        {"expected": one.expected, "dice": _points(_shown(gateway, plan, one), truth, one.labels)}
        for one in case.proxies
    ]
    figures: dict[str, Any] = {"proxies": shown, "prequential": None, "live": None, "after": None, "early": {}}
    sha256 = None
    if plan.drawing is not None:
        live = plan.drawing[1].weights_sha256
        if case.before is not None:
            figures["prequential"] = _drawn(inference, held, plan, case.before, truth)
            figures["live"] = _drawn(inference, held, plan, live, truth)
        sha256 = _learn(gateway, inference, held, plan, lambda predictor, one: _whole(one, truth, predictor))
        figures["after"] = _drawn(inference, held, plan, sha256, truth)
        for early in case.early:
            labels = online.load_labels_of(gateway, plan, early.reading)
            again = _predicted(inference, held, plan, sha256, early.reading.image_id)
            figures["early"][str(early.case_id)] = _points(again, labels, plan.label_values)
    metrics = {"learnt": sha256 is not None, "seconds": round(time.monotonic() - begun, 2)}
    online.publish(gateway, held.job, plan, sha256, metrics, figures)


def _whole(case: Case, truth: LabelArray, predictor: Predictor) -> Weak:
    reading = Reading(case.image_CDHW, case.spacing_mm, truth, "", "", "")
    return whole_labels(reading, predictor.config.labels)


def _drawn(inference: Inference, held: Held, plan: UpdatePlan, sha256: str, truth: LabelArray) -> float:
    """Dice points of one style on the case."""
    return _points(_predicted(inference, held, plan, sha256, plan.image.image_id), truth, plan.label_values)


def _predicted(inference: Inference, held: Held, plan: UpdatePlan, sha256: str, image_id: object) -> LabelArray:
    assert plan.drawing is not None
    _stop_if_asked(held)
    image = next((one for one in plan.images.values() if one.image_id == image_id), plan.image)
    return inference.predict(plan.drawing[0], sha256, image, is_urgent=False).result().labels_DHW


def _shown(gateway: Gateway, plan: UpdatePlan, proxy: ProxyFacts) -> LabelArray:
    return online.load_labels(gateway, plan, proxy.labels_sha256, proxy.dtype)


def _points(labels: LabelArray, truth: LabelArray, values: Sequence[int]) -> float:
    return round(100 * mean_dice(labels, truth, values), 2)


def _stop_if_asked(held: Held) -> None:
    if held.cancelled.is_set() or held.lost.is_set():
        raise Interrupted
