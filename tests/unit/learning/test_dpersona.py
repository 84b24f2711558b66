"""`dpersona`: the variants learn, sample, personalise; small worlds of discs, tiny networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.learning.conftest import EXPERTS, disc, reading
from worker.learning import Case, DPersonaConfig, Reading, Stopped, Trained, dpersona_config, methods
from worker.learning.architectures import build
from worker.learning.losses import bound_loss, divergence, energy_score, pooled_dice_loss, share_cross_entropy
from worker.learning.network import initialise, load_weights
from worker.learning.opinions import OpinionNetwork

METHOD = methods.load("dpersona")
UNIT = (1.0, 1.0, 1.0)


def panels(cases: int = 8, labels: tuple[int, ...] = (1,)) -> list[Reading]:
    """Everybody's reading of each disc, on one array per image; a second label is the disc's lower half."""
    made = []
    for case in range(cases):
        image, _ = disc(case, 0)
        for name, offset in EXPERTS.items():
            drawn = disc(case, offset)[1]
            if len(labels) > 1:
                drawn[:, 16:] *= 2
            made.append(reading(case, name, offset, image_CDHW=image, labels_DHW=drawn))
    return made


def tiny(**changes: object) -> DPersonaConfig:
    values = {
        "channels": (6, 12), "stem": 2, "size": 32, "steps": 150, "batch": 6, "row_steps": 20, "row_batch": 3, "held_out_every": 0,
        "checkpoint_every": 25, "precision": "fp32", "learning_rate": 1e-2, "bound_samples": 6, **changes,
    }  # fmt: skip
    return dpersona_config(values)


@pytest.fixture(scope="module")
def unified() -> Trained:
    return METHOD.pretrain(panels(), tiny(), generator_seed=1)


def samples_of(trained: Trained, case: int, count: int = 12, seed: int = 3) -> np.ndarray:
    predictor = METHOD.predictor(trained.weights, trained.config)
    rows = torch.stack(list(trained.rows.values()))
    return predictor.plausible(Case(disc(case, 0)[0], UNIT, rows[0]), rows, count, seed)


def test_each_expert_is_drawn_like_and_the_samples_span_them(unified: Trained) -> None:
    predictor = METHOD.predictor(unified.weights, unified.config)
    image, _ = disc(20, 0)

    own = {name: int(predictor.predict([Case(image, UNIT, row)])[0].sum()) for name, row in unified.rows.items()}
    sizes = samples_of(unified, 20, 24).sum((1, 2, 3))

    assert own["tight"] < own["plain"] < own["generous"]
    assert sizes.max() - sizes.min() > 0.4 * (own["generous"] - own["tight"])
    assert 0.6 * own["tight"] < sizes.min() and sizes.max() < 1.6 * own["generous"]


def test_the_same_seed_gives_the_same_samples_and_another_gives_others(unified: Trained) -> None:
    assert (samples_of(unified, 5) == samples_of(unified, 5)).all()
    assert (samples_of(unified, 5) != samples_of(unified, 5, seed=4)).any()


def test_a_sample_of_a_stack_is_one_opinion_about_all_its_slices(unified: Trained) -> None:
    predictor = METHOD.predictor(unified.weights, unified.config)
    rows = torch.stack(list(unified.rows.values()))
    image, _ = disc(20, 0)

    drawn = predictor.plausible(Case(np.repeat(image, 9, axis=1), UNIT, rows[0]), rows, 5, 1)

    assert drawn.shape == (5, 9, 32, 32)
    assert (drawn == drawn[:, :1]).all()


def test_a_newcomer_gets_a_row_from_few_corrections_and_nobody_else_changes(unified: Trained) -> None:
    before = {name: tensor.clone() for name, tensor in unified.weights.items()}
    corrections = [reading(case, "new", 2.0) for case in range(30, 36)]

    made = METHOD.personalise(unified.weights, unified.config, unified.rows, corrections, generator_seed=2)

    assert made.row.shape == unified.rows["plain"].shape
    assert made.gate.candidates
    assert all(torch.equal(before[name], tensor) for name, tensor in unified.weights.items())


@pytest.mark.parametrize("variant", ["published", "released", "probabilistic_unet"])
def test_the_published_variants_learn_sample_and_predict(variant: str) -> None:
    config = tiny(variant=variant, steps=3, second_steps=3, bank=8, batch=3, learning_rate=1e-3)

    trained = METHOD.pretrain(panels(3), config, generator_seed=1)
    drawn = samples_of(trained, 1, 4)
    predicted = METHOD.predictor(trained.weights, trained.config).predict(
        [Case(disc(1, 0)[0], UNIT, row) for row in trained.rows.values()]
    )

    assert drawn.shape == (4, 1, 32, 32)
    assert len(predicted) == 3
    assert np.isfinite(trained.metrics["loss"])
    assert isinstance(trained.config, DPersonaConfig)
    assert trained.config.experts == 3 and not trained.config.adapter


def test_a_published_head_learns_its_expert() -> None:
    config = tiny(
        variant="published", steps=60, second_steps=80, bank=16, learning_rate=1e-2, second_learning_rate=1e-2
    )

    trained = METHOD.pretrain(panels(), config, generator_seed=1)
    few, enough = ([reading(30 + n, "new", 2.0) for n in range(count)] for count in (2, 6))
    nearest, learnt = (
        METHOD.personalise(trained.weights, trained.config, trained.rows, new, generator_seed=1)
        for new in (few, enough)
    )
    image, _ = disc(20, 0)
    predictor = METHOD.predictor(trained.weights, trained.config)
    own = {name: int(predictor.predict([Case(image, UNIT, row)])[0].sum()) for name, row in trained.rows.items()}

    assert own["tight"] < own["generous"]
    assert nearest.origin == "nearest"
    assert learnt.row.shape == trained.rows["plain"].shape
    assert learnt.metrics["corrections"] == 6 and "row_steps" in learnt.metrics


def test_a_killed_second_stage_ends_with_the_same_heads(tmp_path: Path) -> None:
    config = tiny(variant="published", steps=4, second_steps=6, bank=8, batch=3, checkpoint_every=2, learning_rate=1e-3)
    whole = METHOD.pretrain(panels(3), config, generator_seed=1)
    calls = iter(range(100))

    with pytest.raises(Stopped):
        METHOD.pretrain(
            panels(3), config, generator_seed=1, checkpoint_dir=tmp_path, should_stop=lambda: next(calls) == 8
        )
    resumed = METHOD.pretrain(panels(3), config, generator_seed=1, checkpoint_dir=tmp_path)

    assert all(torch.equal(whole.rows[name], row) for name, row in resumed.rows.items())
    assert all(torch.equal(whole.weights[name], value) for name, value in resumed.weights.items())


def test_frozen_statistics_stay_and_released_ones_drift() -> None:
    still, drifting = (
        METHOD.pretrain(
            panels(3),
            tiny(variant=variant, steps=3, second_steps=3, bank=8, batch=3, learning_rate=1e-3),
            generator_seed=1,
        )
        for variant in ("published", "released")
    )
    name = next(name for name in still.weights if name.endswith("running_mean"))

    assert not torch.equal(still.weights[name], drifting.weights[name])


def test_several_labels_are_sampled_as_one_exclusive_map() -> None:
    trained = METHOD.pretrain(panels(4, (1, 2)), tiny(labels=(1, 2), steps=80), generator_seed=1)

    drawn = samples_of(trained, 1, 6)

    assert set(np.unique(drawn)) <= {0, 1, 2}
    assert (drawn == 1).any() and (drawn == 2).any()


def test_the_unified_variant_learns_personalises_and_samples_volumes() -> None:
    volumes = [disc(case, 0, edge=16, depth=8) for case in range(3)]
    readings = [
        Reading(image, UNIT, disc(case, offset, 16, 8)[1], name, f"p{case}", f"{case}-{name}")
        for case, (image, _) in enumerate(volumes)
        for name, offset in EXPERTS.items()
    ]

    trained = METHOD.pretrain(readings, tiny(spatial_dims=3, size=16, steps=5, batch=2), generator_seed=1)
    rows = torch.stack(list(trained.rows.values()))
    predictor = METHOD.predictor(trained.weights, trained.config)
    drawn = predictor.plausible(Case(volumes[0][0], UNIT, rows[0]), rows, 4, 0)
    new = [
        Reading(image, UNIT, disc(case, 1, 16, 8)[1], "new", f"p{case}", f"{case}-new")
        for case in range(10, 16)
        for image, _ in [disc(case, 0, edge=16, depth=8)]
    ]
    made = METHOD.personalise(trained.weights, trained.config, trained.rows, new, generator_seed=1)
    own = predictor.predict([Case(volumes[0][0], UNIT, made.row, made.adapter)])[0]

    assert drawn.shape == (4, 8, 16, 16)
    assert own.shape == (8, 16, 16)
    assert made.row.shape == rows[0].shape and made.gate.candidates


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="Only the unified variant learns in 3D"):
        tiny(variant="published", spatial_dims=3)
    with pytest.raises(ValueError, match="variant must be"):
        tiny(variant="other")
    with pytest.raises(ValueError, match="Unknown learning option"):
        dpersona_config({"latents": 3})


def test_a_config_survives_its_card_and_has_a_hash_of_its_own() -> None:
    config = tiny(variant="published")

    assert dpersona_config(config.as_dict()) == config
    assert config.sha256() != replace(config, latent=5).sha256()


def test_a_mixed_batch_of_opinions_is_each_expert_alone(unified: Trained) -> None:
    network = build(unified.config)
    load_weights(network, unified.weights)
    rows = torch.stack(list(unified.rows.values()))
    images = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))

    mixed = network(images, rows)
    alone = torch.cat([network(images[n : n + 1], rows[n : n + 1]) for n in range(3)])

    assert torch.allclose(mixed, alone, atol=1e-4)


def test_few_points_are_spread_evenly_over_an_experts_gaussian() -> None:
    network = build(replace(tiny(), frame=(32, 32)))
    assert isinstance(network, OpinionNetwork)

    drawn = network.draw(network.neutral_row()[None], 16, torch.Generator().manual_seed(2))

    assert torch.equal((drawn > 0).sum(0), torch.full((network.latent,), 8))
    assert torch.equal((drawn.abs() < 0.6745).sum(0), torch.full((network.latent,), 8))  # the middle half


def test_an_expert_without_spread_is_always_drawn_at_their_mean() -> None:
    config = replace(tiny(), frame=(32, 32))
    network = build(config)
    assert isinstance(network, OpinionNetwork)
    initialise(network, torch.Generator().manual_seed(1))
    row = network.neutral_row()
    row[-network.latent :] = -50.0

    drawn = network.draw(row[None], 5, torch.Generator().manual_seed(2))

    assert drawn.abs().max() < 0.1  # the narrowest deviation there is


def test_bounds_are_met_when_samples_span_exactly_what_the_experts_drew() -> None:
    drawn = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0]])  # two experts
    logits = ((drawn * 2 - 1) * 20)[:, None, None]  # as two samples of one image
    truth, weight = drawn[None, :, None], torch.ones(1, 4)
    both, one = torch.tensor([[True, True]]), torch.tensor([[True, False]])

    assert bound_loss(logits, truth, both, weight).item() == pytest.approx(0, abs=1e-5)
    # Against the first expert alone: 3 voxels drawn against 2, 2 common; 1 against 2, 1 common; smoothing 1.
    assert bound_loss(logits, truth, one, weight).item() == pytest.approx(((1 - 5 / 6) + (1 - 3 / 4)) / 2, abs=1e-5)


def test_samples_score_best_when_they_are_drawn_as_the_experts_draw() -> None:
    drawn = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0]])  # two experts, 1 - IoU 1/2 with smoothing 1
    as_they_draw = ((drawn * 2 - 1) * 20)[:, None, None]
    always_the_first = as_they_draw[:1].repeat(2, 1, 1, 1)
    truth, weight = drawn[None, :, None], torch.ones(1, 4)
    both, one = torch.tensor([[True, True]]), torch.tensor([[True, False]])

    assert energy_score(as_they_draw, truth, both, weight).item() == pytest.approx(0, abs=1e-5)
    assert energy_score(always_the_first, truth, both, weight).item() == pytest.approx(1 / 2, abs=1e-5)
    assert energy_score(always_the_first, truth, one, weight).item() == pytest.approx(0, abs=1e-5)


def test_the_mean_of_samples_is_held_against_the_share_who_drew() -> None:
    drawn = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0]])
    logits = ((drawn * 2 - 1) * 20)[:, None, None]
    truth, weight = drawn[None, :, None], torch.ones(1, 4)
    both, one = torch.tensor([[True, True]]), torch.tensor([[True, False]])

    # Two voxels of four are drawn by half of the experts, and half of the samples show them.
    assert share_cross_entropy(logits, truth, both, weight).item() == pytest.approx(np.log(2) / 2, abs=1e-3)
    assert share_cross_entropy(logits[:1], truth, one, weight).item() == pytest.approx(0, abs=1e-3)


def test_pooled_dice_counts_the_batch_as_one_image() -> None:
    probability, truth = torch.tensor([[[1.0, 0]], [[0, 0]]]), torch.tensor([[[1.0, 1]], [[0, 0]]])
    weight = torch.ones(2, 2)

    assert pooled_dice_loss(probability, truth, weight, both_sides=False).item() == pytest.approx(1 - 3 / 4)
    # Background: 3 predicted, 2 drawn, 2 common.
    both = pooled_dice_loss(probability, truth, weight, both_sides=True).item()
    assert both == pytest.approx(((1 - 3 / 4) + (1 - 5 / 6)) / 2)


def test_divergence_of_two_gaussians() -> None:
    zero = torch.zeros(1, 1)

    assert divergence(zero, zero, zero, zero).item() == 0
    assert divergence(zero + 2, zero, zero, zero).item() == pytest.approx(2)
    expected = 0.5 * (4 - 1 - np.log(4))
    assert divergence(zero, zero + np.log(2), zero, zero).item() == pytest.approx(expected)
