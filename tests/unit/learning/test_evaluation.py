"""Evaluating live styles on unseen readings: what is compared with what, in which unit, and what a control is worth."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.learning.conftest import EXPERTS, reading
from worker.learning import Case, Predictor, Stopped, Trained, methods
from worker.learning.evaluation import LIVE, OTHERS, Judged, evaluate, majority
from worker.learning.metrics import dice
from worker.learning.readings import never_stop, no_progress
from worker.run_job import _mean_dice

UNSEEN = range(20, 24)


@pytest.fixture(scope="module")
def predictor(trained: Trained) -> Predictor:
    return methods.load("expert_adaptive").predictor(trained.weights, trained.config, "cpu")


def judged(trained: Trained, expert: str) -> list[Judged]:
    """Unseen discs of one expert, drawn again in their own row and, as a control, in the most different one."""
    other = "generous" if expert == "tight" else "tight"
    made = []
    for case in UNSEEN:
        own = reading(case, expert, EXPERTS[expert], spacing_mm=(1.0, 0.5, 0.5))
        candidates = {
            LIVE: Case(own.image_CDHW, own.spacing_mm, trained.rows[expert]),
            "nearest": Case(own.image_CDHW, own.spacing_mm, trained.rows[other]),
        }
        colleagues = [reading(case, name, offset).labels_DHW for name, offset in EXPERTS.items()]
        made.append(Judged(own, candidates, majority(colleagues, [1])))
    return made


def test_an_experts_own_row_leads_over_a_strangers_on_what_nobody_trained_on(
    predictor: Predictor, trained: Trained
) -> None:
    cases = [*judged(trained, "generous"), *judged(trained, "tight")]
    told: list[int] = []

    rows = evaluate(
        predictor,
        cases,
        len(cases),
        in_px={"tight"},
        generator_seed=0,
        progress=lambda step, steps, metrics, phase: told.append(step),
        should_stop=never_stop,
    )

    generous, tight = rows
    assert (generous["expert"], generous["cases"], generous["patients"], generous["unit"]) == ("generous", 4, 4, "mm")
    assert tight["unit"] == "px"
    assert told[-1] == 8
    for row in rows:
        assert row["leads"]["nearest"]["mean"] > 0
        assert row["leads"]["nearest"]["low"] <= row["leads"]["nearest"]["mean"] <= row["leads"]["nearest"]["high"]
    drawn = predictor.predict([one.candidates[LIVE] for one in cases[:4]])
    by_hand = [100 * dice(mask > 0, one.reading.labels_DHW > 0) for mask, one in zip(drawn, cases, strict=False)]
    assert generous["candidates"][LIVE]["dice"]["mean"] == pytest.approx(np.mean(by_hand))
    ceiling = [100 * dice(one.others_DHW > 0, one.reading.labels_DHW > 0) for one in cases[:4]]
    assert generous["candidates"][OTHERS]["dice"]["mean"] == pytest.approx(np.mean(ceiling))


def test_distances_follow_the_spacing_or_count_pixels_where_nobody_knows_it(
    predictor: Predictor, trained: Trained
) -> None:
    known, unknown = (
        evaluate(
            predictor,
            [replace_reading(one) for one in judged(trained, "generous")],
            4,
            in_px=in_px,
            generator_seed=0,
            progress=no_progress,
            should_stop=never_stop,
        )[0]["candidates"][LIVE]
        for in_px in (set(), {"generous"})
    )

    assert known["hd95"]["mean"] == pytest.approx(unknown["hd95"]["mean"] / 2)
    assert known["dice"] == unknown["dice"]


def replace_reading(one: Judged) -> Judged:
    """The same case whose candidates are drawn as if at 1 mm, so that both runs draw alike and only the ruler differs."""
    mm = (1.0, 1.0, 1.0)
    return one._replace(candidates={name: case._replace(spacing_mm=mm) for name, case in one.candidates.items()})


def test_a_patient_counts_once_however_many_images_they_have(predictor: Predictor, trained: Trained) -> None:
    four = judged(trained, "generous")
    thrice = [one._replace(reading=replace(one.reading, patient="one")) for one in four[:3]]

    row = evaluate(
        predictor, [*thrice, four[3]], 4, in_px=(), generator_seed=0, progress=no_progress, should_stop=never_stop
    )[0]

    each = [
        100 * dice(mask > 0, one.reading.labels_DHW > 0)
        for one, mask in zip(four, predictor.predict([one.candidates[LIVE] for one in four]), strict=True)
    ]
    assert (row["cases"], row["patients"]) == (4, 2)
    assert row["candidates"][LIVE]["dice"]["mean"] == pytest.approx((np.mean(each[:3]) + each[3]) / 2)


def test_a_network_of_grey_images_is_compared_with_one_that_takes_colours(
    predictor: Predictor, trained: Trained
) -> None:
    grey = reading(30, "plain", 0.0)
    as_colours = replace(grey, image_CDHW=grey.image_CDHW.repeat(3, axis=0))
    styles = {"plain": {"row": trained.rows["plain"]}}

    assert _mean_dice(predictor, [as_colours], styles) == _mean_dice(predictor, [grey], styles) > 50


def test_more_than_half_must_agree() -> None:
    a, b, c, d = (np.array([[row]], np.uint8) for row in ([1, 1, 2, 0], [1, 2, 2, 0], [1, 2, 1, 1], [1, 0, 0, 1]))

    assert majority([a, b, c], [1, 2]).tolist() == [[[1, 2, 2, 0]]]
    assert majority([a, b, c, d], [1, 2]).tolist() == [[[1, 0, 0, 0]]], "a tie is no majority"


def test_a_stop_keeps_nothing(predictor: Predictor, trained: Trained) -> None:
    with pytest.raises(Stopped):
        evaluate(
            predictor,
            judged(trained, "tight"),
            4,
            in_px=(),
            generator_seed=0,
            progress=no_progress,
            should_stop=lambda: True,
        )
