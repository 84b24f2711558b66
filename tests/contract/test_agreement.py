"""Dice and surface distances: the fixtures say what brute force says, and so does the worker's own measure."""

import json

import pytest

from tests.contract.agreement_reference import FIXTURES, Pair, list_pairs, measure
from worker.learning import metrics


@pytest.mark.parametrize("pair", list_pairs(), ids=lambda pair: pair.name)
def test_the_fixture_holds_what_brute_force_measures(pair: Pair) -> None:
    kept = next(row for row in json.loads(FIXTURES.read_text(encoding="utf-8"))["pairs"] if row["name"] == pair.name)

    for row in kept["agreement"]:
        measured = measure(pair, row["label"])
        assert measured == {name: value if value is None else pytest.approx(value) for name, value in row.items()}


@pytest.mark.parametrize("pair", [one for one in list_pairs() if one.name != "sheared"], ids=lambda pair: pair.name)
def test_the_worker_measures_the_same_on_straight_axes(pair: Pair) -> None:
    spacing_zyx = (1.0, 0.7, 0.5) if pair.name == "one slice" else (2.5, 1.1, 0.8)

    for label in (1, 2):
        ours = metrics.surface_distances(pair.a_zyx == label, pair.b_zyx == label, spacing_zyx)
        reference = measure(pair, label)
        assert (ours.hd95, ours.assd) == pytest.approx((reference["hd95_mm"], reference["assd_mm"]))
