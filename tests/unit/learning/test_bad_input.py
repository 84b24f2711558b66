"""What learning does with readings nobody should have sent: a clear message or a defined result, never a silent model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.learning.conftest import disc, reading, tiny
from worker.learning import Case, InvalidReading, Stopped, StyleMismatch, Trained, methods
from worker.learning.metrics import mean_dice

METHOD = methods.load("expert_adaptive")
MM = (1.0, 1.0, 1.0)
EMPTY = np.zeros((1, 32, 32), np.uint8)


def test_a_single_correction_is_compared_but_cannot_be_held_out(trained: Trained) -> None:
    style = METHOD.personalise(trained.weights, trained.config, trained.rows, [reading(20, "new", 4.0)])

    assert style.origin == "nearest"
    assert style.gate.held_out == "none"
    assert "cannot be held out" in style.gate.reason


def test_an_expert_who_drew_nothing_gets_the_average_style_kept_back_with_the_reason(trained: Trained) -> None:
    corrections = [reading(case, "new", 0.0, labels_DHW=EMPTY) for case in range(20, 26)]

    style = METHOD.personalise(trained.weights, trained.config, trained.rows, corrections)

    assert not style.gate.passed
    assert style.origin == "consensus"
    assert "none of the 6 corrections shows a label" in style.gate.reason


def test_empty_masks_beside_outlines_of_something_else_give_the_average_style_kept_back(trained: Trained) -> None:
    corner = np.zeros_like(EMPTY)
    corner[:, :3, :3] = 1
    empty = [reading(case, "new", 0.0, labels_DHW=EMPTY) for case in range(20, 24)]
    elsewhere = [reading(case, "new", 0.0, labels_DHW=corner) for case in (24, 25)]

    style = METHOD.personalise(trained.weights, trained.config, trained.rows, [*empty, *elsewhere])

    assert (style.origin, style.gate.passed) == ("consensus", False)
    assert set(style.suspect_revisions) == {one.revision for one in elsewhere}
    assert "look at them again" in style.gate.reason


def test_pretraining_leaves_out_an_expert_who_drew_nothing_and_says_so() -> None:
    readings = [reading(case, "plain", 0.0) for case in range(4)]
    readings += [reading(case, "blank", 0.0, labels_DHW=EMPTY) for case in range(4)]

    trained = METHOD.pretrain(readings, tiny(steps=5))

    assert set(trained.rows) == {"plain"}
    assert trained.metrics["nothing_drawn/blank"] == 1.0


def test_readings_without_any_label_are_refused_naming_the_labels() -> None:
    with pytest.raises(InvalidReading, match=r"None of the 3 readings shows a label \(1\)"):
        METHOD.pretrain([reading(case, "a", 0.0, labels_DHW=EMPTY) for case in range(3)], tiny())


def test_empty_masks_among_others_are_learnt_as_empty(trained: Trained) -> None:
    corrections = [reading(case, "new", 2.0) for case in range(20, 25)]
    corrections.append(reading(30, "new", 2.0, labels_DHW=EMPTY))

    style = METHOD.personalise(trained.weights, replace(trained.config, row_steps=10), trained.rows, corrections)

    assert np.isfinite(style.row.numpy()).all()
    assert {case.revision for case in style.gate.cases} == {one.revision for one in corrections}


def test_two_experts_with_identical_masks_get_styles_that_draw_alike() -> None:
    readings = [reading(case, name, 0.0) for case in range(6) for name in ("one", "other")]

    trained = METHOD.pretrain(readings, tiny(), generator_seed=3)
    image, _ = disc(50, 0.0)
    a, b = METHOD.predictor(trained.weights, trained.config).predict(
        [Case(image, MM, trained.rows[name]) for name in ("one", "other")]
    )

    assert mean_dice(a, b, [1]) > 0.95


def test_a_patient_sent_five_times_counts_once(trained: Trained) -> None:
    once = reading(20, "new", 4.0)
    corrections = [replace(once, revision=f"copy {i}") for i in range(5)]

    style = METHOD.personalise(trained.weights, trained.config, trained.rows, corrections)

    assert style.origin == "nearest"  # one patient is no reason to train
    assert style.adapter is None


def test_images_of_different_sizes_are_learnt_together_and_predicted_on_their_own_grids() -> None:
    readings = []
    for case, edge in enumerate([32, 48, 40, 64]):
        image, labels = disc(case, 0.0, edge=edge)
        readings.append(reading(case, "a", 0.0, image_CDHW=image[..., : edge - 5], labels_DHW=labels[..., : edge - 5]))

    trained = METHOD.pretrain(readings, tiny(steps=40))
    predicted = METHOD.predictor(trained.weights, trained.config).predict(
        [Case(one.image_CDHW, MM, trained.rows["a"]) for one in readings]
    )

    assert [p.shape for p in predicted] == [one.labels_DHW.shape for one in readings]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_voxel_that_is_not_finite_is_refused_naming_the_revision(value: float) -> None:
    image, _ = disc(0, 0.0)
    image[0, 0, 3, 3] = value

    with pytest.raises(InvalidReading, match=r"Revision a-0: .*not finite; import it again"):
        reading(0, "a", 0.0, image_CDHW=image)


def test_a_label_missing_from_some_images_is_learnt_from_the_others() -> None:
    readings = []
    for case in range(6):
        image, inner = disc(case, -2.0)
        labels = disc(case, 2.0)[1] * 5
        if case % 2:
            labels[inner == 1] = 9
        readings.append(reading(case, "a", 0.0, image_CDHW=image, labels_DHW=labels))

    trained = METHOD.pretrain(readings, tiny(labels=(5, 9), steps=60))

    assert np.isfinite(trained.metrics["training_dice"])
    assert trained.config.out_channels == 3


def test_an_interrupted_personalisation_stops_and_leaves_nothing_changed(trained: Trained) -> None:
    asked = iter(range(100))
    corrections = [reading(case, "new", 4.0) for case in range(20, 25)]

    with pytest.raises(Stopped, match="step 7 of 40"):
        METHOD.personalise(
            trained.weights, trained.config, trained.rows, corrections, should_stop=lambda: next(asked) == 7
        )


def test_experts_of_another_network_are_refused(trained: Trained) -> None:
    rows = {name: row[:-2] for name, row in trained.rows.items()}

    with pytest.raises(StyleMismatch, match="Rows must be"):
        METHOD.personalise(trained.weights, trained.config, rows, [reading(20, "new", 0.0)])
