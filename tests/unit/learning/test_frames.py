"""Images to frames and back, normalisation, and which samples enter a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.unit.learning.conftest import disc, reading, tiny
from worker.learning import InvalidReading, Reading
from worker.learning.augment import augment
from worker.learning.config import AugmentConfig, ExpertAdaptiveConfig
from worker.learning.frames import class_map, from_frame, label_map, normalise, resolve, to_frame
from worker.learning.losses import segmentation_loss
from worker.learning.sampling import Pool


def test_normalisation_clips_outliers_and_forgets_the_scale() -> None:
    image = disc(0, 0)[0]
    spiked = image.copy()
    spiked[0, 0, 0, 0] = 1.7e6

    plain = ExpertAdaptiveConfig()
    assert torch.allclose(normalise(spiked * 40 - 1000, plain), normalise(spiked, plain), atol=1e-3)
    assert normalise(spiked, plain).abs().max() < 10


def test_specks_that_outshine_everything_leave_a_faint_object_its_contrast() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(30, 2, (1, 1, 64, 64)).astype(np.float32)
    image[..., 20:30, 20:30] += 6
    image[..., rng.random((64, 64)) < 0.03] = 140
    plain, cut = ExpertAdaptiveConfig(), ExpertAdaptiveConfig(clip_deviations=6)

    def contrast(config: ExpertAdaptiveConfig) -> float:
        normal = normalise(image, config)[0, 0]
        return float(normal[20:30, 20:30].median() - normal.median())

    assert contrast(plain) < 0.5
    assert contrast(cut) > 1.5
    mostly_air = np.where(np.arange(64) < 52, 0, image).astype(np.float32)
    assert torch.equal(normalise(mostly_air, cut), normalise(mostly_air, plain))


def test_a_constant_channel_becomes_zero() -> None:
    assert not normalise(np.full((1, 1, 4, 4), 7.3, np.float32), ExpertAdaptiveConfig(clip_deviations=6)).any()


def test_class_maps_follow_the_configs_order_and_ignore_other_labels() -> None:
    labels = np.array([[[0, 7, 3, 9]]], np.uint8)

    classes = class_map(labels, (3, 7))

    assert classes.tolist() == [[[0, 2, 1, 0]]]
    assert label_map(classes, (3, 7)).tolist() == [[[0, 7, 3, 0]]]


@pytest.mark.parametrize("shape", [(48, 20), (20, 48), (32, 32), (5, 90)])
def test_an_image_comes_back_to_its_own_grid(shape: tuple[int, int]) -> None:
    ramp = torch.linspace(0, 1, shape[1]).expand(1, 1, *shape)

    framed, inside = to_frame(ramp, (32, 32))
    back = from_frame(framed, inside, shape)

    assert framed.shape == (1, 1, 32, 32)
    assert back.shape == ramp.shape
    assert (back - ramp).abs().mean() < 0.05


def test_the_frame_follows_the_images_and_the_networks_multiple() -> None:
    facts = {"spacing_mm": (1.0, 1.0, 1.0), "expert": "a", "patient": "p", "revision": "r"}
    wide = Reading(np.zeros((1, 1, 96, 128), np.float32), labels_DHW=np.zeros((1, 96, 128), np.uint8), **facts)

    assert resolve(ExpertAdaptiveConfig(), [wide]).frame == (96, 128)
    assert resolve(ExpertAdaptiveConfig(size=64), [wide]).frame == (48, 64)
    assert resolve(ExpertAdaptiveConfig(network="resnet18", size=100), [wide]).frame == (96, 128)


def test_small_objects_are_given_a_larger_frame() -> None:
    image, labels = np.zeros((1, 1, 40, 40), np.float32), np.zeros((1, 40, 40), np.uint8)
    labels[0, 18:23, 18:23] = 1
    small = Reading(image, (1.0, 1.0, 1.0), labels, "a", "p", "r")

    assert resolve(ExpertAdaptiveConfig(network="resnet18"), [small]).size == 192


def test_a_reading_off_its_image_is_refused_by_name() -> None:
    with pytest.raises(InvalidReading, match="r17.*one grid"):
        Reading(np.zeros((1, 1, 4, 4), np.float32), (1, 1, 1), np.zeros((1, 4, 5), np.uint8), "a", "p", "r17")


def test_an_image_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidReading, match="not finite"):
        Reading(np.full((1, 1, 4, 4), np.nan, np.float32), (1, 1, 1), np.zeros((1, 4, 4), np.uint8), "a", "p", "r")


def test_padding_weighs_nothing_in_the_loss() -> None:
    target, weight = torch.zeros(1, 8, 8, dtype=torch.uint8), torch.ones(1, 8, 8)
    weight[:, :, 6:] = 0
    logits = torch.full((1, 1, 8, 8), -3.0)
    wrong_outside = logits.clone()
    wrong_outside[..., 6:] = 9.0

    for kind in ("dice", "dice_ce"):
        plain = segmentation_loss(logits, target, weight, kind)
        assert torch.equal(plain, segmentation_loss(wrong_outside, target, weight, kind))


def test_augmentation_follows_its_generator_and_keeps_what_is_padding_out() -> None:
    pool = Pool([reading(0, "a", 0.0)], resolve(tiny(), [reading(0, "a", 0.0)]), torch.device("cpu"))
    batch = pool.batch([0, 0, 0], torch.Generator().manual_seed(0))

    def changed(seed: int) -> tuple[torch.Tensor, ...]:
        return augment(batch.image, batch.target, batch.weight, AugmentConfig(), torch.Generator().manual_seed(seed))

    first, again, other = changed(1), changed(1), changed(2)

    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert set(first[1].unique().tolist()) == {0, 1}
    assert (first[2] == 0).any()  # a shifted frame shows places nobody saw


def test_without_ranges_augmentation_is_the_identity() -> None:
    still = AugmentConfig(0, 0, 0, 0, 0, 0, 0)
    image, target = torch.randn(2, 1, 8, 12), torch.ones(2, 8, 12, dtype=torch.uint8)

    same, labels, weight = augment(image, target, torch.ones(2, 8, 12), still, torch.Generator())

    assert torch.allclose(same, image, atol=1e-5)
    assert torch.equal(labels, target)
    assert weight.all()


def test_where_asked_about_half_of_the_samples_are_mirrored_with_their_labels() -> None:
    mirrors = AugmentConfig(0, 0, 0, 0, 0, 0, 0, mirrored=True)
    image, target = torch.randn(40, 1, 8, 12), torch.randint(0, 2, (40, 8, 12), dtype=torch.uint8)

    changed, labels, _ = augment(image, target, torch.ones(40, 8, 12), mirrors, torch.Generator().manual_seed(0))

    turned = torch.isclose(changed, image.flip(-1), atol=1e-5).flatten(1).all(1)
    assert torch.allclose(changed[~turned], image[~turned], atol=1e-5)
    assert torch.equal(labels, torch.where(turned[:, None, None], target.flip(-1), target))
    assert 10 < turned.sum() < 30


def test_a_volume_gives_a_flat_network_mostly_its_labelled_slices() -> None:
    image, labels = disc(3, 0.0, depth=20)
    labels[:9] = labels[11:] = 0
    volume = Reading(image, (5.0, 1.0, 1.0), labels, "a", "p", "r")
    pool = Pool([volume], resolve(tiny(), [volume]), torch.device("cpu"))

    batch = pool.batch([0] * 200, torch.Generator().manual_seed(0))

    assert 0.65 < batch.target.flatten(1).any(1).float().mean() < 0.9


def test_a_volume_larger_than_the_frame_gives_patches_around_its_labels() -> None:
    image, labels = disc(4, 0.0, edge=40, depth=24)
    volume = Reading(image, (1.0, 1.0, 1.0), labels, "a", "p", "r")
    config = resolve(tiny(spatial_dims=3, size=16, channels=(4, 8), stem=1), [volume])
    pool = Pool([volume], config, torch.device("cpu"))

    batch = pool.batch([0] * 40, torch.Generator().manual_seed(0))

    assert batch.image.shape == (40, 1, 16, 16, 16)
    assert batch.target.flatten(1).any(1).float().mean() > 0.7


def test_whole_turns_and_mirror_images_are_drawn_only_where_images_have_no_orientation() -> None:
    plain, turned = ExpertAdaptiveConfig(), ExpertAdaptiveConfig(any_orientation=True)

    assert plain.augmentation == plain.augment
    assert (plain.augmentation.rotation_degrees, turned.augmentation.rotation_degrees) == (12.0, 180.0)
    assert (plain.augmentation.mirrored, turned.augmentation.mirrored) == (False, True)
    assert turned.augmentation.zoom == plain.augment.zoom
