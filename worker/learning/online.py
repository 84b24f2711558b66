"""Learning while somebody draws: one expert's *branch* follows weak labels and drawn slices (arXiv 2312.06072, LEARNING 4).

A branch is a style row and an adapter on the live network. The shared weights are frozen and the network is used as it stands in memory,
so a branch changes nobody else's predictions. What is drawn weighs most and is hard; what was propagated weighs by its confidence and its
label is smoothed where that is low. Half of every batch is replay: whole readings that the caller took from its records. The paper
leaves buffer, smoothing, rounds and weights open, so all constants here are ours; where LEARNING asks for a KL to an EMA teacher on replay,
the readings' own labels serve, since replay here holds only what a person submitted.

Axis legend as in `readings`; N samples (2D: slices, 3D: patches).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.frames import normalise, to_frame
from worker.learning.losses import weak_loss
from worker.learning.network import StyledNetwork
from worker.learning.precision import autocast
from worker.learning.readings import ImageArray, Reading, ShouldStop, Stopped, never_stop
from worker.learning.training import Randomness, Run, Schedule, descend

Field = npt.NDArray[np.float32]
OF_ONE_READING = 8  # slices or patches taken from each replayed reading
MOST_SAMPLES = 64  # of the image being drawn
AT_ONCE = 4  # samples of a step between which what a person waits for is answered
FOREGROUND_SHARE = 0.75  # of what is taken from a reading that shows a label


@dataclass(frozen=True)
class OnlineConfig:
    """How a branch learns. smoothing: of a label without any confidence, falling to none at full confidence.

    by_confidence False weighs all that was propagated alike; replay False learns from the image alone: the ablations.
    """

    steps: int = 24
    batch: int = 4  # samples of the image; as many again are replayed
    row_learning_rate: float = 5e-3
    adapter_learning_rate: float = 3e-3
    ema: float = 0.9
    drawn_weight: float = 5.0
    smoothing: float = 0.3
    by_confidence: bool = True
    replay: bool = True


@dataclass(frozen=True)
class Weak:
    """What is known of one image so far. truth_LDHW: 0..1 in the order of the config's labels; weight_DHW: 0 where nothing is known."""

    image_CDHW: ImageArray
    truth_LDHW: Field
    weight_DHW: Field


class Branch(NamedTuple):
    """An expert's style as it is after the last update: row [P] and adapter [A] on the CPU. adapter None: not trained yet."""

    row: Tensor
    adapter: Tensor | None = None


class _Samples(NamedTuple):
    """image [N, C, *frame], truth [N, L, *frame], weight [N, *frame] (0 = padding), rows [N, P]: zeros where the branch's own is meant."""

    image: Tensor
    truth: Tensor
    weight: Tensor
    rows: Tensor


def weak_labels(
    image_CDHW: ImageArray,
    chance_LDHW: Field,
    confidence_DHW: Field,
    labels_DHW: npt.NDArray[np.uint8],
    drawn_DHW: npt.NDArray[np.bool_],
    labels: Sequence[int],
    config: OnlineConfig,
) -> Weak:
    """What a proxy teaches: smoothed where unsure, weighted by its confidence, and hard and heavy where somebody drew.

    chance_LDHW: the proxy's, in the order of `labels`; labels_DHW: what was drawn, read where drawn_DHW.
    """
    unsure = 1 - confidence_DHW
    share = config.smoothing * unsure
    truth = (1 - share) * chance_LDHW + share / (len(labels) + 1)
    known = confidence_DHW > 0
    weight = confidence_DHW.copy() if config.by_confidence else known.astype(np.float32)
    hard = np.stack([labels_DHW == value for value in labels])
    truth = np.where(drawn_DHW, hard, truth)
    weight[drawn_DHW] = config.drawn_weight
    return Weak(image_CDHW, truth.astype(np.float32), weight.astype(np.float32))


def whole_labels(reading: Reading, labels: Sequence[int]) -> Weak:
    """A finished reading: everything about it is known."""
    truth = np.stack([reading.labels_DHW == value for value in labels]).astype(np.float32)
    return Weak(reading.image_CDHW, truth, np.ones(reading.labels_DHW.shape, np.float32))


def update(
    network: StyledNetwork,
    config: ExpertAdaptiveConfig,
    branch: Branch,
    weak: Weak,
    replay: Sequence[Reading],
    rows: Mapping[str, Tensor],
    options: OnlineConfig,
    *,
    generator_seed: int,
    device: torch.device,
    should_stop: ShouldStop = never_stop,
) -> Branch:
    """A few steps of a copy of the branch. Nothing of `network` is trained.

    replay: finished readings; one by an expert named in `rows` is drawn in that row, with this adapter, any other in the branch's own, so
    that the adapter learns what no row can say. should_stop is asked between a few samples of a step. The same arguments and seed give
    the same branch. Raises Stopped, Diverged.
    """
    randomness = Randomness.seeded(generator_seed, device)
    own = torch.zeros(len(branch.row))
    current = _samples(weak, config, own, MOST_SAMPLES, randomness.order, device)
    past = [
        _samples(whole_labels(one, config.labels), config, rows.get(one.expert, own), OF_ONE_READING, randomness.order, device)
        for one in (replay if options.replay else ())
    ]  # fmt: skip
    adapter = branch.adapter if branch.adapter is not None else network.neutral_adapter(randomness.order)
    style = {"row": branch.row.to(device).clone().requires_grad_()}
    if len(adapter):
        style["adapter"] = adapter.to(device).clone().requires_grad_()
    network.requires_grad_(False)

    def loss_of(randomness: Randomness) -> Tensor:
        parts = [_draw(current, options.batch, randomness.order)]
        for index in torch.randint(len(past), (options.batch,), generator=randomness.order).tolist() if past else ():
            parts.append(_draw(past[index], 1, randomness.order))
        *before, last = zip(
            *(torch.split(torch.cat(tensors), AT_ONCE) for tensors in zip(*parts, strict=True)), strict=True
        )
        of_all = max(sum(_importance(part) for part in (*before, last)), 1e-6)
        known = torch.zeros((), device=device)
        for part in before:
            loss = loss_on(part) / of_all
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            known += loss.detach()
            if should_stop():
                raise Stopped("Stopped in the middle of a step.")
        return known + loss_on(last) / of_all

    def loss_on(part: tuple[Tensor, ...]) -> Tensor:
        """The sum of what weak_loss averages."""
        image, truth, weight, given = part
        rows_BP = torch.where(given.any(1, keepdim=True), given, style["row"])
        adapters = style["adapter"].expand(len(image), -1) if "adapter" in style else None
        with autocast(config, device, training=True):
            logits = network(image, rows_BP, adapters)
        return weak_loss(logits, truth, weight) * _importance(part)

    schedule = Schedule(
        options.steps, options.row_learning_rate, options.ema, rates={"adapter": options.adapter_learning_rate}
    )
    outcome = descend(style, loss_of, schedule, Run(randomness, should_stop=should_stop))
    found = {name: tensor.cpu() for name, tensor in outcome.tensors.items()}
    return Branch(found["row"], found.get("adapter"))


def _importance(part: tuple[Tensor, ...]) -> float:
    """How much these samples count in a batch, as `weak_loss` weighs them."""
    return float(part[2].flatten(1).mean(1).sum())


def _draw(samples: _Samples, count: int, generator: torch.Generator) -> _Samples:
    picks = torch.randint(len(samples.image), (count,), generator=generator).to(samples.image.device)
    return _Samples(*(tensor[picks] for tensor in samples))


def _samples(
    weak: Weak,
    config: ExpertAdaptiveConfig,
    row: Tensor,
    most: int,
    generator: torch.Generator,
    device: torch.device,
) -> _Samples:
    """Up to `most` slices (2D) or patches (3D) of which something is known, in the working frame."""
    assert config.frame is not None, "resolve the config first"
    image = normalise(weak.image_CDHW, config)
    truth, weight = torch.from_numpy(weak.truth_LDHW), torch.from_numpy(weak.weight_DHW)
    if config.spatial_dims == 2:
        at = _slices(weak, most, generator)
        stacked = torch.cat([image[:, at], truth[:, at], weight[None, at]]).transpose(0, 1)
        framed, _ = to_frame(stacked, config.frame)
    else:
        edges = [max(f - s, 0) for f, s in zip(config.frame, image.shape[1:], strict=True)]
        volume = F.pad(torch.cat([image, truth, weight[None]]), (0, edges[2], 0, edges[1], 0, edges[0]))
        framed = torch.stack([volume[(slice(None), *window)] for window in _windows(volume, config, most, generator)])
    framed = framed.to(device)
    channels, labels = len(image), len(truth)
    rows = row.to(device).expand(len(framed), -1)
    return _Samples(framed[:, :channels], framed[:, channels : channels + labels], framed[:, -1], rows)


def _slices(weak: Weak, most: int, generator: torch.Generator) -> list[int]:
    """Slices of which something is known: all of them, else `most`, three in four with a label."""
    known = np.flatnonzero(weak.weight_DHW.any((1, 2)))
    if len(known) <= most:
        return [int(index) for index in known]
    shows = (weak.truth_LDHW[:, known] >= 0.5).any((0, 2, 3))
    wanted = min(int(shows.sum()), int(most * FOREGROUND_SHARE))
    chosen = [*_some(known[shows], wanted, generator), *_some(known[~shows], most - wanted, generator)]
    return sorted(chosen)


def _some(among: npt.NDArray[np.int64], count: int, generator: torch.Generator) -> list[int]:
    return [int(among[n]) for n in torch.randperm(len(among), generator=generator)[:count].tolist()]


def _windows(
    volume: Tensor, config: ExpertAdaptiveConfig, most: int, generator: torch.Generator
) -> list[tuple[slice, ...]]:
    """Patches around voxels of which something is known, half of them around a label where there is one."""
    assert config.frame is not None
    known, shows = torch.nonzero(volume[-1] > 0), torch.nonzero((volume[-2] >= 0.5) & (volume[-1] > 0))
    found = []
    for n in range(min(most, OF_ONE_READING)):
        among = shows if n % 2 == 0 and len(shows) else known
        centre = among[int(torch.randint(len(among), (1,), generator=generator))].tolist()
        starts = [
            min(max(c - f // 2, 0), s - f) for c, f, s in zip(centre, config.frame, volume.shape[1:], strict=True)
        ]
        found.append(tuple(slice(start, start + f) for start, f in zip(starts, config.frame, strict=True)))
    return found
