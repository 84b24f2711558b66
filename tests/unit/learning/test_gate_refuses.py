"""A9: a gate that never refuses is broken. Styles learnt from spoilt corrections, judged on the expert's own clean ones.

What was spoilt is known here, so a candidate is harmful by construction. Good candidates must pass in at least four cases of five.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.learning.conftest import EXPERTS, reading
from worker.learning import Case, GateReport, Reading, Trained, methods
from worker.learning.gate import judge, measure

METHOD = methods.load("expert_adaptive")
OWN = EXPERTS["generous"]
Spoil = Callable[[int, Reading], Reading]


def scrambled(case: int, one: Reading) -> Reading:
    """The outline lies somewhere else each time, and still touches the object: no suspect, only wrong."""
    return replace(one, labels_DHW=np.roll(one.labels_DHW, (4, -4, 5, -5)[case % 4], axis=1 + case % 2))


def of_another_expert(case: int, one: Reading) -> Reading:
    """Somebody much tighter drew it."""
    return replace(one, labels_DHW=reading(case, "x", -3.5).labels_DHW)


def mostly_empty(case: int, one: Reading) -> Reading:
    """The doctor pressed submit on an empty mask."""
    return replace(one, labels_DHW=np.zeros_like(one.labels_DHW)) if case % 5 else one


def of_another_image(case: int, one: Reading) -> Reading:
    """One label map sent for every image."""
    return replace(one, labels_DHW=reading(20, "x", OWN).labels_DHW)


def learnt(trained: Trained, corrections: Sequence[Reading], seed: int) -> tuple[Tensor, Tensor | None, str]:
    """Row, adapter and origin of what these corrections make; an origin "nearest" was chosen, not learnt: the trained one was refused."""
    config = replace(trained.config, early_stop=False, row_steps=25, folds=2)
    style = METHOD.personalise(trained.weights, config, trained.rows, corrections, generator_seed=seed)
    return style.row, style.adapter, style.origin


def judged(
    trained: Trained, candidate: tuple[Tensor, Tensor | None], live: Tensor, own: Sequence[Reading]
) -> GateReport:
    """The gate on clean held-out readings: the candidate against what is live and the consensus."""
    rows = {"candidate": candidate, "live": (live, None), "consensus": (trained.consensus_row(), None)}
    named = [
        {name: Case(one.image_CDHW, one.spacing_mm, *style) for name, style in rows.items()} for one in own
    ]  # fmt: skip
    predictor = METHOD.predictor(trained.weights, trained.config)
    return judge(measure(predictor, own, named, [1]), "candidate", ["live", "consensus"], "patients", torch.Generator())


@pytest.mark.parametrize("spoil", [scrambled, of_another_expert, mostly_empty, of_another_image])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_style_learnt_from_spoilt_corrections_goes_live(trained: Trained, spoil: Spoil, seed: int) -> None:
    cases = range(20 + 10 * seed, 26 + 10 * seed)
    corrections = [spoil(case, reading(case, "generous", OWN)) for case in cases]
    own = [reading(case, "generous", OWN) for case in range(80, 86)]

    row, adapter, origin = learnt(trained, corrections, seed)
    report = judged(trained, (row, adapter), trained.rows["generous"], own)

    assert origin == "nearest" or not report.passed, report.reason


def test_label_maps_handed_on_from_image_to_image_do_not_fit_their_own(trained: Trained) -> None:
    own = [reading(case, "plain", EXPERTS["plain"]) for case in range(30, 35)]
    moved = [replace(one, labels_DHW=own[i - 1].labels_DHW) for i, one in enumerate(own)]
    named = [{"consensus": Case(one.image_CDHW, one.spacing_mm, trained.consensus_row())} for one in own]
    predictor = METHOD.predictor(trained.weights, trained.config)

    honest, mixed_up = measure(predictor, own, named, [1]), measure(predictor, moved, named, [1])

    assert min(case.fits or 0.0 for case in honest) > 20
    assert sum(case.fits or 0.0 for case in mixed_up) < 0
    assert measure(predictor, own[:1], named[:1], [1])[0].fits is None


def test_four_of_five_good_styles_go_live(trained: Trained) -> None:
    passed = []
    for seed in range(5):
        offset = 3.0 + 0.5 * seed
        corrections = [reading(case, "new", offset) for case in range(30 + 10 * seed, 36 + 10 * seed)]
        own = [reading(case, "new", offset) for case in range(90, 96)]
        row, adapter, origin = learnt(trained, corrections, seed)
        passed.append(origin == "adapter" and judged(trained, (row, adapter), trained.rows["generous"], own).passed)

    assert sum(passed) >= 4


def test_outlines_of_the_wrong_object_are_set_aside_and_the_style_survives(trained: Trained) -> None:
    corrections = [reading(case, "new", 4.0) for case in range(20, 27)]
    for spoilt in (1, 4):  # as cases p10 and p20 of BU-BIL ds2a: the neighbouring cell
        elsewhere = np.zeros_like(corrections[spoilt].labels_DHW)
        elsewhere[0, :5, :5] = 1
        corrections[spoilt] = replace(corrections[spoilt], labels_DHW=elsewhere)

    style = METHOD.personalise(
        trained.weights, trained.config, trained.rows, corrections, live_row=trained.consensus_row()
    )

    assert style.suspect_revisions == ("new-21", "new-24")
    assert style.gate.passed, style.gate.reason
