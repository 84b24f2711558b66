"""Readings laid out for training: normalised once, resident on the device, drawn as batches.

A Pool holds samples (2D: one per slice; 3D: one per volume) and knows which reading, expert and patient each belongs to. Which
samples enter a batch is drawn from a CPU generator, so the order of training does not depend on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.frames import class_map, classes_to_frame, normalise, to_frame
from worker.learning.readings import Reading

SLICES_FOR_LOSS = 12
Place = int | tuple[slice, ...]  # a slice's index (2D) or a window (3D)
FOREGROUND_SHARE = 0.75  # of the slices or patches drawn from a volume that show a label


class Batch(NamedTuple):
    """image [B, C, *frame], target uint8 [B, *frame], weight [B, *frame] (0 = padding), reading indices [B] (CPU)."""

    image: Tensor
    target: Tensor
    weight: Tensor
    reading: Tensor


class Pool:
    """All samples of some readings. Images shared by several readings (the same array) are normalised and kept once."""

    def __init__(self, readings: Sequence[Reading], config: ExpertAdaptiveConfig, device: torch.device) -> None:
        assert config.frame is not None, "resolve the config first"
        self.readings, self.config, self.frame, self.device = list(readings), config, config.frame, device
        images: dict[int, tuple[Tensor, Tensor]] = {}
        self.images: list[Tensor] = []  # per reading, [N, C, *S]; N slices in 2D, 1 in 3D
        self.inside: list[Tensor] = []  # per reading, float [*S]: 1 on the image, 0 on padding
        self.targets: list[Tensor] = []  # per reading, uint8 [N, *S]
        self.drawn: list[Tensor] = []  # per reading: slices with a label (2D), or voxels with one [n, 3] (3D)
        for reading in self.readings:
            key = id(reading.image_CDHW)
            if key not in images:
                images[key] = self._lay_out(reading)
            self.images.append(images[key][0])
            self.inside.append(images[key][1])
            classes = class_map(reading.labels_DHW, config.labels)
            if config.spatial_dims == 2:
                target = classes_to_frame(classes, self.frame)
                self.drawn.append(torch.nonzero(target.flatten(1).any(1))[:, 0])
            else:
                target = _pad_to(classes[None], self.frame)
                self.drawn.append(torch.nonzero(classes))
            self.targets.append(target.to(device))

    def _lay_out(self, reading: Reading) -> tuple[Tensor, Tensor]:
        image = normalise(reading.image_CDHW, self.config)
        if self.config.spatial_dims == 2:
            slices, (h, w) = to_frame(image.transpose(0, 1), self.frame)
            inside = torch.zeros(self.frame)
            inside[:h, :w] = 1
        else:
            slices = _pad_to(image, self.frame)[None]
            inside = _pad_to(torch.ones(1, *image.shape[1:]), self.frame)[0]
        return slices.to(self.device), inside.to(self.device)

    def draw(self, among: Sequence[int], count: int, generator: torch.Generator) -> list[int]:
        """Reading indices drawn uniformly, with replacement, from `among`."""
        return [among[i] for i in torch.randint(len(among), (count,), generator=generator).tolist()]

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """One sample of each reading: a random slice or patch that shows a label three times in four, where there are several."""
        parts = [self._sample(index, generator) for index in indices]
        image, target, weight = (torch.stack(tensors) for tensors in zip(*parts, strict=True))
        return Batch(image, target, weight, torch.tensor(list(indices)))

    def whole(self, index: int) -> Batch:
        """Up to SLICES_FOR_LOSS slices of one reading (2D), or its central labelled patch (3D), unchanged: for losses by forward passes."""
        images, targets = self.images[index], self.targets[index]
        if self.config.spatial_dims == 3:
            drawn = self.drawn[index].float()
            centre = drawn.mean(0).long().tolist() if len(drawn) else [edge // 2 for edge in images.shape[2:]]
            window = self._window(images.shape[2:], centre)
            image, target = images[0][(slice(None), *window)][None], targets[0][window][None]
            weight = self.inside[index][window][None]
        else:
            slices = self._typical_slices(index)
            image, target = images[slices], targets[slices]
            weight = self.inside[index].expand(len(slices), *self.frame)
        return Batch(image, target, weight, torch.full((len(image),), index))

    def _typical_slices(self, index: int) -> list[int]:
        """Evenly spaced slices, three in four of them with a label."""
        count, drawn = len(self.images[index]), self.drawn[index].tolist()
        if count <= SLICES_FOR_LOSS:
            return list(range(count))
        wanted = min(len(drawn), int(SLICES_FOR_LOSS * FOREGROUND_SHARE))
        chosen = {drawn[i * len(drawn) // wanted] for i in range(wanted)}
        others = [z for z in range(count) if z not in chosen]
        missing = SLICES_FOR_LOSS - len(chosen)
        return sorted(chosen | {others[i * len(others) // missing] for i in range(missing)})

    def _sample(self, index: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        place = self.place(index, generator)
        return self.image_at(index, place), self.target_at(index, place), self.inside_at(index, place)

    def place(self, index: int, generator: torch.Generator) -> Place:
        """A random slice (2D) or window (3D) of one reading that shows a label three times in four, where there are several."""
        images, drawn = self.images[index], self.drawn[index]
        foreground = len(drawn) > 0 and torch.rand(1, generator=generator).item() < FOREGROUND_SHARE
        if self.config.spatial_dims == 2:
            choices = len(drawn) if foreground else len(images)
            pick = int(torch.randint(choices, (1,), generator=generator))
            return int(drawn[pick]) if foreground else pick
        if foreground:
            centre = drawn[int(torch.randint(len(drawn), (1,), generator=generator))].tolist()
        else:
            centre = [int(torch.randint(edge, (1,), generator=generator)) for edge in images.shape[2:]]
        return self._window(images.shape[2:], centre)

    def image_at(self, index: int, place: Place) -> Tensor:
        """[C, *frame] of one reading's image."""
        images = self.images[index]
        return images[place] if isinstance(place, int) else images[0][(slice(None), *place)]

    def target_at(self, index: int, place: Place) -> Tensor:
        """Classes uint8 [*frame] of one reading."""
        targets = self.targets[index]
        return targets[place] if isinstance(place, int) else targets[0][place]

    def inside_at(self, index: int, place: Place) -> Tensor:
        """Voxel weights [*frame] of one reading's image: 0 on padding."""
        inside = self.inside[index]
        return inside if isinstance(place, int) else inside[place]

    def _window(self, shape: Sequence[int], centre: Sequence[int]) -> tuple[slice, ...]:
        starts = [min(max(c - f // 2, 0), s - f) for c, f, s in zip(centre, self.frame, shape, strict=True)]
        return tuple(slice(start, start + f) for start, f in zip(starts, self.frame, strict=True))


def _pad_to(volume: Tensor, frame: Sequence[int]) -> Tensor:
    """Pad the last three axes at their far edges to at least the frame."""
    edges = [max(f - s, 0) for f, s in zip(frame, volume.shape[-3:], strict=True)]
    return F.pad(volume, (0, edges[2], 0, edges[1], 0, edges[0]))
