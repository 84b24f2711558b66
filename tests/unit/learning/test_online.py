"""Learning while somebody draws: what a branch learns from, what it leaves alone, and what a proxy and a network say together."""

from __future__ import annotations

import numpy as np
import torch

from tests.unit.learning.conftest import disc, reading
from worker.learning import Predictor, Stopped, Trained, methods
from worker.learning.fusion import merge
from worker.learning.losses import one_hot, segmentation_loss, weak_loss
from worker.learning.metrics import dice
from worker.learning.online import Branch, OnlineConfig, update, weak_labels, whole_labels
from worker.learning.propagate import propagate
from worker.learning.readings import Case
from worker.learning.stopping import band, expected_dice

CPU = torch.device("cpu")


def predictor(trained: Trained) -> Predictor:
    return methods.load("expert_adaptive").predictor(trained.weights, trained.config)


def drawn(of: Predictor, branch: Branch, case: int) -> np.ndarray:
    image, _ = disc(case, 0)
    return of.predict([Case(image, (1, 1, 1), branch.row, branch.adapter)])[0] == 1


def taught(of: Predictor, branch: Branch, case: int, offset: float, **options: object) -> Branch:
    """A branch that has learnt from one whole disc, drawn `offset` voxels outside."""
    one = reading(case, "doctor", offset)
    config = OnlineConfig(**options)
    return update(of.network, of.config, branch, whole_labels(one, (1,)), [], {}, config, generator_seed=1, device=CPU)


def test_with_hard_labels_and_even_weights_the_weak_loss_is_the_usual_one() -> None:
    logits, target = torch.randn(3, 3, 8, 8), torch.randint(0, 3, (3, 8, 8)).to(torch.uint8)
    weight = torch.ones(3, 8, 8)
    assert torch.isclose(
        weak_loss(logits, one_hot(target, 2), weight), segmentation_loss(logits, target, weight, "dice_ce").mean()
    )


def test_a_branch_learns_a_hand_and_leaves_the_network_as_it_was(trained: Trained) -> None:
    of = predictor(trained)
    before = {name: tensor.clone() for name, tensor in of.network.state_dict().items()}
    others = drawn(of, Branch(trained.rows["tight"]), 30)
    live = Branch(trained.rows["tight"])
    _, truth = disc(30, 2.0)

    branch = taught(of, live, 30, 2.0)

    assert dice(drawn(of, branch, 30), truth == 1) > dice(drawn(of, live, 30), truth == 1) + 0.05
    assert all(torch.equal(tensor, before[name]) for name, tensor in of.network.state_dict().items())
    assert (drawn(of, Branch(trained.rows["tight"]), 30) == others).all(), "nobody else's prediction has moved"
    assert torch.equal(live.row, trained.rows["tight"]), "nor the style it began from"


def test_the_same_drawing_gives_the_same_branch_and_a_stop_gives_none(trained: Trained) -> None:
    of, live = predictor(trained), Branch(trained.rows["plain"])
    one, again = taught(of, live, 31, 1.0, steps=3), taught(of, live, 31, 1.0, steps=3)
    assert one.adapter is not None and again.adapter is not None
    assert torch.equal(one.row, again.row) and torch.equal(one.adapter, again.adapter)

    weak = whole_labels(reading(31, "doctor", 1.0), (1,))
    stopped = False
    try:
        update(
            of.network,
            of.config,
            live,
            weak,
            [],
            {},
            OnlineConfig(),
            generator_seed=1,
            device=CPU,
            should_stop=lambda: True,
        )
    except Stopped:
        stopped = True
    assert stopped


def test_what_was_drawn_is_hard_and_heavy_and_what_is_unsure_is_smoothed_and_light() -> None:
    chance, confidence = np.full((1, 2, 1, 2), 0.8, np.float32), np.array([[[1.0, 0.5]], [[0.0, 0.5]]], np.float32)
    labels, said = np.zeros((2, 1, 2), np.uint8), np.zeros((2, 1, 2), bool)
    said[1, 0, 1] = True

    weak = weak_labels(np.zeros((1, 2, 1, 2), np.float32), chance, confidence, labels, said, (1,), OnlineConfig())

    assert weak.weight_DHW.tolist() == [[[1.0, 0.5]], [[0.0, 5.0]]]
    assert np.allclose(weak.truth_LDHW[0], [[[0.8, 0.85 * 0.8 + 0.15 / 2]], [[0.7 * 0.8 + 0.15, 0.0]]])


def test_replay_keeps_what_a_branch_knew(trained: Trained) -> None:
    of = predictor(trained)
    knew = taught(of, Branch(trained.rows["plain"]), 32, 2.5)
    other = whole_labels(reading(33, "doctor", -1.5), (1,))
    early = reading(32, "doctor", 2.5)
    _, truth = disc(32, 2.5)

    kept, lost = (
        update(of.network, of.config, knew, other, [early], {}, OnlineConfig(steps=40, replay=replay), generator_seed=2, device=CPU)
        for replay in (True, False)
    )  # fmt: skip

    assert dice(drawn(of, kept, 32), truth == 1) > dice(drawn(of, lost, 32), truth == 1)


def test_merged_the_drawn_slices_stay_and_the_network_speaks_where_nothing_was_propagated() -> None:
    image, labels = disc(5, 0, depth=12)
    masks = {1: {5: labels[5] == 1}}
    proxy = propagate(image[0], masks, (8, 1, 1))  # thick slices: nothing is carried far
    network = np.full((1, *labels.shape), 0.9, np.float32)

    merged = merge(proxy, masks, network)

    assert ((merged.labels_DHW[5] == 1) == masks[1][5]).all()
    silent = [k for k in range(12) if k not in proxy.reached[1]]
    assert silent and (merged.labels_DHW[silent] == 1).all()
    assert (merged.confidence_DHW[5] == 1).all()


def test_an_expected_dice_is_what_chances_say_and_its_band_needs_nineteen_cases() -> None:
    labels = np.array([[[1, 1, 0]]], np.uint8)
    assert expected_dice(labels, np.array([[[[1, 0.5, 0]]]], np.float32), (1,)) == 200 * 1.5 / 3.5
    draw = np.random.default_rng(0)

    def cases(count: int) -> list[list[tuple[float, float]]]:
        said = draw.uniform(70, 95, (count, 3))
        return [[(float(e), float(e - 3 + draw.normal(0, (100 - e) / 5))) for e in row] for row in said]

    assert band(90, cases(18)) is None
    fresh = cases(200)
    found = [band(one[0][0], cases(60)) for one in fresh]
    inside = [one.low <= case[0][1] <= one.high for one, case in zip(found, fresh, strict=True) if one is not None]
    assert 0.85 <= np.mean(inside) <= 1.0
    known = cases(60)
    near, far = band(95, known), band(75, known)
    assert near is not None and far is not None and near.high - near.low < far.high - far.low
