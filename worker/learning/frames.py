"""From an image's own grid to the network's working frame and back: normalisation, resampling, padding, cropping.

2D: slices (z) are separate samples, scaled (never stretched) until they fit the frame, then padded at the far edges with 0, the
mean of a normalised image. 3D: the image keeps its own voxels; it is padded up to a multiple and, where larger than the frame,
cut into patches. Padded voxels weigh nothing in the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.readings import ImageArray, InvalidReading, LabelArray, Reading

LARGEST_CHOSEN = {("small", 2): 128, ("resnet18", 2): 192, ("small", 3): 64, ("resnet18", 3): 96}
QUARTILE_DEVIATIONS = 1.349  # between the quartiles of a normal distribution
SMALL_RADIUS = 7.0  # working voxels; objects below it are lost by a stem of stride 2 (LEARNING 2.1)


class Brightness(NamedTuple):
    """How one channel of a case is normalised: clipped to low..high, then mean 0 and deviation 1; a spread of 0 means constant."""

    low: float
    high: float
    mean: float
    spread: float


def brightness_of(image_CDHW: ImageArray, config: ExpertAdaptiveConfig) -> list[Brightness]:
    """What `normalise` needs to know of each channel of a whole case, so that a part of it can be normalised alike.

    A channel is cut at its 0.5 and 99.5 percentile and, with the config's clip_deviations, at so many deviations from its median, as
    the quartiles tell them: specks that outshine everything then leave the rest its contrast. Not where the quartiles are one value.
    """
    found = []
    for channel in image_CDHW:
        low, high = np.percentile(channel, (0.5, 99.5))
        if config.clip_deviations is not None:
            lower, middle, upper = np.percentile(channel, (25, 50, 75))
            if (reach := config.clip_deviations * (upper - lower) / QUARTILE_DEVIATIONS) > 0:
                low, high = max(low, middle - reach), min(high, middle + reach)
        clipped = np.clip(channel, low, high).astype(np.float32)
        spread = float(clipped.std())
        constant = spread <= 1e-6 * max(abs(low), abs(high), 1e-6)
        found.append(Brightness(float(low), float(high), float(clipped.mean()), 0.0 if constant else spread))
    return found


def normalise(
    image_CDHW: ImageArray, config: ExpertAdaptiveConfig, brightness: Sequence[Brightness] | None = None
) -> Tensor:
    """Clip each channel and z-score it, per case (`brightness_of`). A constant channel becomes 0. Float32 [C, D, H, W].

    brightness: that of the whole case, where image_CDHW is a part of it.
    """
    channels = []
    for channel, one in zip(image_CDHW, brightness or brightness_of(image_CDHW, config), strict=True):
        clipped = np.clip(channel, one.low, one.high).astype(np.float32)
        channels.append((clipped - np.float32(one.mean)) / np.float32(one.spread) if one.spread else clipped * 0)
    return torch.from_numpy(np.stack(channels).astype(np.float32))


def class_map(labels_DHW: LabelArray, labels: Sequence[int]) -> Tensor:
    """Label values to classes 1..L in the config's order, everything else 0. Uint8 [D, H, W]."""
    table = np.zeros(256, np.uint8)
    for index, value in enumerate(labels, start=1):
        table[value] = index
    return torch.from_numpy(table[labels_DHW])


def label_map(classes: Tensor, labels: Sequence[int]) -> LabelArray:
    """The inverse of class_map. Uint8 array of the same shape."""
    table = np.array([0, *labels], np.uint8)
    values: LabelArray = table[classes.cpu().numpy()]
    return values


def resolve(config: ExpertAdaptiveConfig, readings: Sequence[Reading]) -> ExpertAdaptiveConfig:
    """Fill in what follows from the data: in_channels, size and frame. Raises InvalidReading where the readings disagree.

    The size is the images' own longest edge up to a limit per network; doubled, within the limit, if the typical object is small.
    """
    if not readings:
        raise InvalidReading("There is no reading to learn from; submit at least one segmentation.")
    channels = {reading.image_CDHW.shape[0] for reading in readings}
    if len(channels) > 1:
        raise InvalidReading(
            f"Images with {sorted(channels)} channels cannot be mixed in one model; train them separately."
        )
    if config.frame is not None:  # resolved before: a further training keeps it
        return replace(config, in_channels=channels.pop())
    shapes = [r.image_CDHW.shape[1:][-config.spatial_dims :] for r in readings]
    size = config.size or _choose_size(config, readings, max(max(shape) for shape in shapes))
    if config.spatial_dims == 2:
        scaled = [[round(edge * size / max(shape)) for edge in shape] for shape in shapes]
    else:
        scaled = [[min(edge, size) for edge in shape] for shape in shapes]
    frame = tuple(round_up(max(edges), config) for edges in zip(*scaled, strict=True))
    return replace(config, in_channels=channels.pop(), size=size, frame=frame)


def _choose_size(config: ExpertAdaptiveConfig, readings: Sequence[Reading], longest: int) -> int:
    limit = LARGEST_CHOSEN[(config.network, config.spatial_dims)]
    size = min(longest, limit)
    if config.spatial_dims == 2:
        radii = [radius for r in readings if (radius := _object_radius(r, config.labels)) > 0]
        if radii and float(np.median(radii)) * size / longest <= SMALL_RADIUS:
            size = limit
    return size


def _object_radius(reading: Reading, labels: Sequence[int]) -> float:
    """Radius in voxels of a disc with the area of the largest drawn slice; 0 if nothing is drawn."""
    area = int(np.isin(reading.labels_DHW, labels).sum(axis=(1, 2)).max(initial=0))
    return float(np.sqrt(area / np.pi))


def round_up(edge: int, config: ExpertAdaptiveConfig) -> int:
    """The smallest edge the network accepts that holds `edge` voxels."""
    return max(-(-edge // config.multiple) * config.multiple, config.smallest_edge)


def working_shape(shape: Sequence[int], frame: Sequence[int]) -> tuple[int, int]:
    """A slice's (H, W) scaled to fit the frame without stretching; at least 1 voxel an edge."""
    scale = min(frame[0] / shape[0], frame[1] / shape[1])
    return max(1, min(frame[0], round(shape[0] * scale))), max(1, min(frame[1], round(shape[1] * scale)))


def to_frame(image_NCHW: Tensor, frame: tuple[int, ...]) -> tuple[Tensor, tuple[int, int]]:
    """Slices scaled and padded to [N, C, *frame], and the (h, w) within that holds image."""
    shape = working_shape(image_NCHW.shape[2:], frame)
    if shape != tuple(image_NCHW.shape[2:]):
        image_NCHW = F.interpolate(image_NCHW, size=shape, mode="bilinear", antialias=True)
    return F.pad(image_NCHW, (0, frame[1] - shape[1], 0, frame[0] - shape[0])), shape


def classes_to_frame(classes_NHW: Tensor, frame: tuple[int, ...]) -> Tensor:
    """Class maps scaled (nearest) and padded with background to [N, *frame]."""
    shape = working_shape(classes_NHW.shape[1:], frame)
    if shape != tuple(classes_NHW.shape[1:]):
        classes_NHW = F.interpolate(classes_NHW[:, None].float(), size=shape, mode="nearest-exact")[:, 0].to(
            classes_NHW.dtype
        )
    return F.pad(classes_NHW, (0, frame[1] - shape[1], 0, frame[0] - shape[0]))


def from_frame(logits_NKHW: Tensor, inside: tuple[int, int], shape: Sequence[int]) -> Tensor:
    """Logits cropped to the image and resampled to its own grid [N, K, H, W], float32."""
    logits = logits_NKHW[..., : inside[0], : inside[1]].float()
    if inside == tuple(shape):
        return logits
    return F.interpolate(logits, size=tuple(shape), mode="bilinear", align_corners=False)


def pad_volume(image_CDHW: Tensor, config: ExpertAdaptiveConfig) -> Tensor:
    """A volume padded at the far edges so that the network accepts it whole."""
    edges = [round_up(edge, config) - edge for edge in image_CDHW.shape[1:]]
    return F.pad(image_CDHW, (0, edges[2], 0, edges[1], 0, edges[0]))
