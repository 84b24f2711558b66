"""The method as its callers see it: experts who draw apart are learnt apart, a new one in their own hand, nobody else changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.learning.conftest import EXPERTS, disc, reading, tiny
from worker.learning import (
    Case,
    ExpertAdaptiveConfig,
    InvalidReading,
    Predictor,
    Trained,
    load_safetensors,
    methods,
    save_style,
)
from worker.learning.architectures import build
from worker.learning.frames import normalise
from worker.learning.metrics import mean_dice
from worker.learning.prediction import uncertainty

METHOD = methods.load("expert_adaptive")
NEW_OFFSET = 4.0  # draws further out than anybody the network has seen
UNSEEN = range(100, 106)


def score(trained: Trained, row: torch.Tensor, offset: float, adapter: torch.Tensor | None = None) -> float:
    """Mean Dice in points on unseen discs against somebody who draws at `offset`."""
    predictor = METHOD.predictor(trained.weights, trained.config)
    images = [disc(case, offset) for case in UNSEEN]
    predicted = predictor.predict([Case(image, (1.0, 1.0, 1.0), row, adapter) for image, _ in images])
    return float(np.mean([100 * mean_dice(p, labels, [1]) for p, (_, labels) in zip(predicted, images, strict=True)]))


def test_each_expert_is_predicted_best_in_their_own_row(trained: Trained) -> None:
    for name, offset in EXPERTS.items():
        scores = {other: score(trained, row, offset) for other, row in trained.rows.items()}
        assert max(scores, key=lambda other: scores[other]) == name, scores
        assert scores[name] > 85


def test_predictions_lie_on_the_images_own_grid_whatever_their_shape(trained: Trained) -> None:
    predictor = METHOD.predictor(trained.weights, trained.config)
    shapes = [(1, 32, 32), (1, 50, 21), (7, 20, 44)]
    row = trained.consensus_row()

    predicted = predictor.predict([Case(np.zeros((1, *shape), np.float32), (1.0, 1.0, 1.0), row) for shape in shapes])
    chances = predictor.probabilities([Case(np.zeros((1, *shapes[2]), np.float32), (1.0, 1.0, 1.0), row)])

    assert [p.shape for p in predicted] == shapes
    assert all(p.dtype == np.uint8 for p in predicted)
    assert chances[0].shape == (1, *shapes[2])


def test_a_network_is_unsure_at_the_edge_of_what_it_drew_and_sure_of_the_rest(trained: Trained) -> None:
    predictor = METHOD.predictor(trained.weights, trained.config)
    case = Case(disc(UNSEEN[0], 0)[0], (1.0, 1.0, 1.0), trained.consensus_row())

    drawing = predictor.draw([case])[0]
    chance = predictor.probabilities([case])[0][0]

    unsure = drawing.uncertainty_DHW
    assert unsure.dtype == np.uint8
    assert np.array_equal(drawing.labels_DHW, predictor.predict([case])[0])
    assert np.abs(unsure.astype(float) - 2 * 255 * np.minimum(chance, 1 - chance)).max() <= 1
    assert unsure[np.abs(chance - 0.5) < 0.05].min(initial=255) >= 200
    assert np.median(unsure) < 25


def test_uncertainty_of_several_labels_is_0_for_one_certain_class_and_255_for_none(trained: Trained) -> None:
    logits_KDHW = torch.tensor([[30.0, 0.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, -40.0]]).reshape(3, 1, 1, 3)

    assert uncertainty(logits_KDHW).ravel().tolist() == [0, 255, 191]  # (1 - 1/2) * 3/2 = 0.75


def test_a_case_is_predicted_the_same_alone_and_among_other_experts(trained: Trained) -> None:
    predictor = METHOD.predictor(trained.weights, trained.config)
    cases = [Case(disc(case, 0)[0], (1.0, 1.0, 1.0), row) for case, row in enumerate(trained.rows.values())]

    together = predictor.probabilities(cases)
    alone = [predictor.probabilities([case])[0] for case in cases]

    assert max(float(np.abs(a - b).max()) for a, b in zip(together, alone, strict=True)) <= 1e-5


def test_without_an_orientation_a_mirrored_image_is_predicted_as_the_mirror_image(trained: Trained) -> None:
    image, _ = disc(UNSEEN[0], 0)
    image = image + np.linspace(0, 1, 32, dtype=np.float32)  # nothing about it is symmetric
    mirrored = [image, image[..., ::-1], image[..., ::-1, ::-1]]
    row = trained.rows["tight"]

    def off(config: ExpertAdaptiveConfig) -> float:
        predictor = METHOD.predictor(trained.weights, config)
        cases = [Case(np.ascontiguousarray(one), (1.0, 1.0, 1.0), row) for one in mirrored]
        plain, once, twice = predictor.probabilities(cases)
        return float(max(np.abs(plain - once[..., ::-1]).max(), np.abs(plain - twice[..., ::-1, ::-1]).max()))

    assert off(replace(trained.config, any_orientation=True)) < 1e-5
    assert off(trained.config) > 1e-3


def test_no_corrections_give_the_average_style(trained: Trained) -> None:
    style = METHOD.personalise(trained.weights, trained.config, trained.rows, [])

    assert style.origin == "consensus"
    assert torch.allclose(style.row, trained.consensus_row())
    assert style.gate.passed


def test_few_corrections_give_the_closest_experts_style_without_training(trained: Trained) -> None:
    corrections = [reading(case, "new", EXPERTS["generous"]) for case in range(20, 23)]

    style = METHOD.personalise(
        trained.weights, trained.config, trained.rows, corrections, live_row=trained.consensus_row()
    )

    assert style.origin == "nearest"
    assert max(style.blend, key=lambda name: style.blend[name]) == "generous"
    assert style.gate.passed
    assert style.gate.held_out == "folds"


def test_five_corrections_teach_a_new_hand_and_change_nobody_elses(trained: Trained) -> None:
    before = {name: tensor.clone() for name, tensor in trained.weights.items()}
    rows = {name: row.clone() for name, row in trained.rows.items()}
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 25)]
    seen: list[tuple[int, int, str]] = []

    style = METHOD.personalise(
        trained.weights, trained.config, trained.rows, corrections, live_row=trained.consensus_row(),
        progress=lambda step, steps, metrics, phase: seen.append((step, steps, phase)),
    )  # fmt: skip

    assert style.origin == "adapter"
    assert style.gate.passed, style.gate.reason
    assert style.gate.candidates["candidate"] > style.gate.candidates["nearest"]
    assert (
        score(trained, style.row, NEW_OFFSET, style.adapter) > score(trained, trained.rows["generous"], NEW_OFFSET) + 2
    )
    assert all(torch.equal(trained.weights[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(trained.rows[name], row) for name, row in rows.items())
    assert seen[-1] == (40, 40, "checking")
    file = save_style(style.row, style.adapter, {})
    kept, _ = load_safetensors(file)
    assert torch.equal(kept["row"], style.row) and torch.equal(
        kept["adapter"], style.adapter
    )  # what was judged is what draws
    assert len(file) < 2.2 * (style.row.numel() + style.adapter.numel()) + 200  # two bytes a number


def test_a_row_that_was_not_trained_is_kept_to_the_last_bit(trained: Trained) -> None:
    row = trained.rows["plain"]

    assert torch.equal(load_safetensors(save_style(row, None, {}))[0]["row"], row)


def test_scrambled_corrections_are_kept_back_with_a_reason(trained: Trained) -> None:
    corrections = []
    for case in range(20, 26):
        good = reading(case, "new", 0.0)
        corrections.append(replace(good, labels_DHW=np.roll(good.labels_DHW, (case % 3 - 1) * 9, axis=case % 2 + 1)))

    style = METHOD.personalise(
        trained.weights, trained.config, trained.rows, corrections, live_row=trained.rows["plain"]
    )

    assert not style.gate.passed
    assert style.gate.reason.startswith("Kept back")


def test_an_outline_around_the_wrong_object_is_set_aside_and_named(trained: Trained) -> None:
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 26)]
    wrong = np.zeros_like(corrections[2].labels_DHW)
    wrong[0, :4, :4] = 1
    corrections[2] = replace(corrections[2], labels_DHW=wrong)

    style = METHOD.personalise(trained.weights, replace(trained.config, row_steps=5), trained.rows, corrections)

    assert style.suspect_revisions == ("new-22",)


def test_many_corrections_hold_patients_out(trained: Trained) -> None:
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 42)]

    style = METHOD.personalise(
        trained.weights, trained.config, trained.rows, corrections, live_row=trained.consensus_row()
    )

    assert style.gate.held_out == "patients"
    assert style.gate.passed, style.gate.reason
    assert style.origin == "adapter"
    assert style.adapter is not None


INGREDIENTS = [{"start": "reinit"}, {"start": "nearest"}, {"row_steps": 0}, {"adapter": False}, {"replay": True}, {"row_ema": 0.0}, {"early_stop": False}]  # fmt: skip


@pytest.mark.parametrize("off", INGREDIENTS, ids=lambda off: next(iter(off)))
def test_each_ingredient_can_be_switched_and_none_touches_another_expert(
    trained: Trained, off: dict[str, object]
) -> None:
    before = hashes(trained)
    config = replace(trained.config, **{"row_steps": 8, **off})
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 25)]
    replay = [reading(case, name, offset) for case in range(2) for name, offset in EXPERTS.items()]

    style = METHOD.personalise(trained.weights, config, trained.rows, corrections, replay)

    assert hashes(trained) == before
    assert style.weights is None
    assert style.gate.cases
    assert not (off.get("adapter") is False and style.adapter is not None)


def hashes(trained: Trained) -> list[str]:
    return [
        hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for tensor in (*trained.weights.values(), *trained.rows.values())
    ]


def test_a_new_experts_adapter_leaves_every_other_prediction_as_it_was(trained: Trained) -> None:
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 25)]
    predictor = METHOD.predictor(trained.weights, trained.config)
    others = [Case(disc(case, 0)[0], (1.0, 1.0, 1.0), row) for case in UNSEEN for row in trained.rows.values()]
    before = predictor.probabilities(others)

    style = METHOD.personalise(trained.weights, replace(trained.config, row_steps=8), trained.rows, corrections)
    mine = Case(corrections[0].image_CDHW, (1.0, 1.0, 1.0), style.row, style.adapter)
    after = predictor.probabilities(others)
    beside = predictor.probabilities([mine, *others])[1:]

    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert max(float(np.abs(a - b).max()) for a, b in zip(before, beside, strict=True)) <= 1e-5


@pytest.mark.parametrize("recipe", ["paper", "scratch"])
def test_the_recipes_that_retrain_everything_return_weights_of_their_own(trained: Trained, recipe: str) -> None:
    before = {name: tensor.clone() for name, tensor in trained.weights.items()}
    config = replace(trained.config, recipe=recipe, row_steps=5, steps=5)

    style = METHOD.personalise(
        trained.weights, config, trained.rows, [reading(case, "new", 1.0) for case in range(20, 25)]
    )

    assert style.weights is not None
    assert all(torch.equal(trained.weights[name], tensor) for name, tensor in before.items())
    assert any(not torch.equal(style.weights[name], tensor) for name, tensor in before.items())
    assert not style.gate.passed


def test_several_labels_are_exclusive_and_keep_their_values() -> None:
    readings = []
    for case in range(4):
        image, inner = disc(case, -2.0)
        labels = disc(case, 2.0)[1] * 5
        labels[inner == 1] = 9
        readings.append(reading(case, "a", 0.0, image_CDHW=image, labels_DHW=labels))

    trained = METHOD.pretrain(readings, tiny(labels=(5, 9), steps=200))
    predicted = METHOD.predictor(trained.weights, trained.config).predict(
        [Case(readings[0].image_CDHW, (1.0, 1.0, 1.0), trained.rows["a"])]
    )[0]

    assert set(np.unique(predicted)) == {0, 5, 9}
    assert mean_dice(predicted, readings[0].labels_DHW, (5, 9)) > 0.7


def test_volumes_are_learnt_whole_and_predicted_in_overlapping_patches() -> None:
    config = tiny(spatial_dims=3, size=16, channels=(4, 8), stem=1, steps=60, batch=4)
    readings = []
    for case in range(3):
        image, labels = disc(case, 0.0, edge=24, depth=20)
        readings.append(reading(case, "a", 0.0, image_CDHW=image, labels_DHW=labels))
    large, truth = disc(9, 0.0, edge=44, depth=30)

    trained = METHOD.pretrain(readings, config)
    predicted = METHOD.predictor(trained.weights, trained.config).predict(
        [Case(large, (1.0, 1.0, 1.0), trained.rows["a"])]
    )[0]

    assert trained.config.frame == (16, 16, 16)
    assert predicted.shape == truth.shape
    assert mean_dice(predicted, truth, [1]) > 0.6


class Echo(torch.nn.Module):
    """A network that answers with the image it is shown, and remembers the shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor, rows: torch.Tensor, adapters: torch.Tensor | None = None) -> torch.Tensor:
        assert len(rows) == len(image)
        self.shapes.append(tuple(image.shape[1:]))
        return image


def test_overlapping_windows_give_back_every_voxel_where_it_was() -> None:
    config, echo = tiny(spatial_dims=3, size=16, channels=(4, 8), stem=1, frame=(16, 16, 16)), Echo()
    image = np.random.default_rng(0).normal(size=(1, 19, 45, 33)).astype(np.float32)

    [found] = Predictor(echo, config, torch.device("cpu")).probabilities([Case(image, (1.0, 1.0, 1.0), torch.zeros(4))])

    assert len(echo.shapes) > 1
    assert set(echo.shapes) == {(1, 16, 16, 16)}
    np.testing.assert_allclose(found, torch.sigmoid(normalise(image, config)).numpy(), atol=1e-5)


def test_nothing_to_learn_from_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidReading, match="submit at least one"):
        METHOD.pretrain([], tiny())


def test_a_config_survives_its_card_and_names_what_it_does_not_know() -> None:
    config = tiny(labels=(2, 4), frame=(32, 32))

    assert ExpertAdaptiveConfig.from_dict(config.as_dict()) == config
    assert ExpertAdaptiveConfig.from_dict(config.as_dict()).sha256() == config.sha256()
    assert replace(config, steps=7).sha256() != config.sha256()
    with pytest.raises(ValueError, match="stepps"):
        ExpertAdaptiveConfig.from_dict({"stepps": 3})


def test_where_only_the_last_stage_is_styled_everything_before_it_is_everybodys() -> None:
    config = tiny(styled_stages=1, steps=20, row_steps=4)
    given = [reading(case, expert, offset) for expert, offset in EXPERTS.items() for case in range(4)]
    trained = METHOD.pretrain(given, config)
    corrections = [reading(case, "new", NEW_OFFSET) for case in range(20, 25)]
    style = METHOD.personalise(trained.weights, trained.config, trained.rows, corrections)

    rows = torch.stack(list(trained.rows.values()))
    own = build(trained.config).own_numbers(1)
    assert 0 < own.sum() < len(own)
    assert (rows == rows[0])[:, ~own].all()
    assert not (rows == rows[0])[:, own].all()
    assert torch.allclose(style.row[~own], rows[0, ~own], atol=1e-3)  # rounded to half precision
