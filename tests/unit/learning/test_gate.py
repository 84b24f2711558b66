"""The gate's rule, on figures made by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from worker.learning import GateCase
from worker.learning.gate import held_out_patients, judge, patient_folds


def cases(candidate: list[float], live: list[float], hd95: tuple[float, float] = (3.0, 3.0)) -> list[GateCase]:
    return [
        GateCase(f"p{i}", f"r{i}", False, {"candidate": a, "live": b}, {"candidate": hd95[0], "live": hd95[1]})
        for i, (a, b) in enumerate(zip(candidate, live, strict=True))
    ]


def verdict(given: list[GateCase]) -> tuple[bool, str]:
    report = judge(given, "candidate", ["live"], "patients", torch.Generator().manual_seed(0))
    return report.passed, report.reason


def test_a_clear_gain_passes_and_says_by_how_much() -> None:
    passed, reason = verdict(cases([90, 88, 91, 87], [88, 87, 89, 86]))

    assert passed
    assert reason == "89.0 Dice on 4 held-out patients: +1.5 against the live style."


def test_what_is_no_better_than_live_on_average_is_kept_back() -> None:
    passed, reason = verdict(cases([85, 85, 85], [86, 86, 84.5]))

    assert not passed
    assert "scored 85.0 where the live style scores 85.5" in reason


def test_a_lead_that_hangs_on_one_case_is_kept_back_as_chance() -> None:
    passed, reason = verdict(cases([95, 85, 85, 85], [88, 86.5, 86.5, 86.5]))

    assert not passed
    assert "could be chance" in reason


def test_a_lead_in_dice_that_could_be_chance_counts_when_the_outlines_are_nearer_too() -> None:
    dice = ([86, 84, 82, 83], [84, 81.5, 84.5, 82.5])

    assert "could be chance" in verdict(cases(*dice, hd95=(6.0, 6.0)))[1]
    assert verdict(cases(*dice, hd95=(5.0, 6.0)))[0]


def test_a_candidate_picked_on_these_cases_has_no_second_witness() -> None:
    given = cases([86, 84, 82, 83], [84, 81.5, 84.5, 82.5], hd95=(5.0, 6.0))

    report = judge(given, "candidate", ["live"], "folds", torch.Generator().manual_seed(0), second_witness=False)

    assert not report.passed
    assert "could be chance" in report.reason


def test_a_candidate_that_is_the_average_itself_is_not_saved_by_a_tie_with_it() -> None:
    given = [
        replace(case, dice=case.dice | {"consensus": case.dice["candidate"]}, hd95_mm=case.hd95_mm | {"consensus": 3.0})
        for case in cases([95, 85, 85, 85], [88, 86.5, 86.5, 86.5])
    ]

    report = judge(given, "candidate", ["consensus", "live"], "folds", torch.Generator().manual_seed(0))

    assert not report.passed
    assert "its lead over the live style (+0.6) could be chance" in report.reason
    assert report.candidates["consensus"] == report.candidates["candidate"]


def test_a_lead_on_one_patient_alone_is_kept_back_however_large() -> None:
    passed, reason = verdict(cases([90], [80], hd95=(2.0, 6.0)))

    assert not passed
    assert "it takes two patients to tell" in reason


def test_empty_masks_alone_let_nothing_pass_neither_by_a_tie_nor_by_drawing_nothing() -> None:
    tie, nothing_drawn = verdict(cases([0, 0, 0], [0, 0, 0])), verdict(cases([100, 100, 0], [0, 0, 0]))

    assert not tie[0]
    assert not nothing_drawn[0]
    assert "nothing tells which is nearer" in tie[1]


def test_label_maps_that_fit_other_images_better_let_nothing_pass() -> None:
    given = cases([60, 55, 52], [58, 53, 51])

    fitting = [replace(case, fits=value) for case, value in zip(given, (30.0, None, -8.0), strict=True)]
    mixed_up = [replace(case, fits=value) for case, value in zip(given, (-9.0, None, 4.0), strict=True)]

    assert verdict(fitting)[0]
    assert verdict(mixed_up) == (
        False, "Kept back: on 3 held-out patients the label maps fit other patients' images better than their own, as if they had been mixed up."
    )  # fmt: skip


def test_an_empty_mask_among_outlines_counts() -> None:
    assert verdict(cases([100, 88, 91, 87], [0, 87, 89, 86]))[0]


def test_nearer_outlines_do_not_outweigh_a_lower_mean() -> None:
    passed, reason = verdict(cases([84, 82, 82], [84, 83, 83], hd95=(3.0, 6.0)))

    assert not passed
    assert "scored" in reason


def test_one_ruined_case_outweighs_a_better_mean() -> None:
    passed, reason = verdict(cases([95, 95, 95, 95, 95, 95, 95, 80], [90, 90, 90, 90, 90, 90, 90, 86]))

    assert not passed
    assert "one case became 6.0 points worse" in reason


def test_outlines_that_stray_further_are_kept_back() -> None:
    passed, reason = verdict(cases([90, 90], [89, 89], hd95=(5.0, 4.0)))

    assert not passed
    assert "HD95 1.25 times" in reason


def test_one_stray_island_does_not_outweigh_better_outlines_everywhere() -> None:
    given = [*cases([97, 97, 97, 97], [93, 93, 93, 93], hd95=(4.0, 6.0)), *cases([96], [93], hd95=(36.0, 6.0))]

    assert verdict(given)[0]


def test_several_readings_of_one_patient_count_once() -> None:
    good = cases([90, 90, 90], [88, 88, 88])
    repeated = [
        GateCase("p9", f"s{i}", False, {"candidate": 84, "live": 85}, {"candidate": 3.0, "live": 3.0}) for i in range(9)
    ]

    report = judge(good + repeated, "candidate", ["live"], "patients", torch.Generator().manual_seed(0))

    assert report.candidates["candidate"] == (90 * 3 + 84) / 4


def test_what_is_live_is_not_judged_by_the_patients_it_learnt_from_where_others_are_there() -> None:
    patients = [f"p{i}" for i in range(20)]
    usual = held_out_patients(patients)
    first_style = set(patients[:9]) | set(usual)  # folds were its gate: it learnt from everybody there was

    assert not set(held_out_patients(patients, first_style)) & first_style
    assert len(held_out_patients(patients, set(patients) - {"p1", "p2", "p3"})) == 3
    assert held_out_patients(patients, set(patients) - set(usual)) == usual
    assert held_out_patients(patients, patients) == usual  # nobody new: better judged so than not at all


def test_held_out_patients_stay_the_same_as_more_arrive() -> None:
    patients = [f"patient {i}" for i in range(40)]

    early, late = held_out_patients(patients[:30]), held_out_patients(patients)

    assert set(early) == set(late) & set(patients[:30])
    assert 4 <= len(late) <= 16
    assert held_out_patients(patients[:7]) == []


def test_folds_share_no_patient_and_miss_none() -> None:
    folds = patient_folds(["a", "b", "a", "c", "d", "e"], 4)

    assert len(folds) == 4
    assert sorted(patient for fold in folds for patient in fold) == ["a", "b", "c", "d", "e"]
