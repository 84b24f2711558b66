"""Predicting label maps: a resident network and mixed-expert batches on each image's own grid.

Not thread safe on one device by intent: the worker that owns the device calls it from one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor

from worker.learning.architectures import build
from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.frames import Brightness, from_frame, label_map, normalise, pad_volume, to_frame
from worker.learning.losses import foreground
from worker.learning.network import StyledNetwork, load_weights
from worker.learning.precision import autocast
from worker.learning.readings import Case, Drawing, LabelArray

ChanceArray = npt.NDArray[np.float32]
SLICES_PER_BATCH = {"cpu": 16, "cuda": 128}
PLAUSIBLE_SLICES = 4  # at once: every slice stands for all samples
MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-1, -2))  # axes; the image as it is comes first
WHOLE_VOLUME_FRAMES = 4  # volumes up to this many frames of voxels are predicted whole


class Predictor:
    """One network's weights, warm on a device. Rows and adapters come with each case, so any number of experts share it.

    Where images have no orientation, what is predicted is the mean over the image and its mirror images: four passes. Samples
    (`plausible`) are drawn from the image alone.
    """

    def __init__(self, network: StyledNetwork, config: ExpertAdaptiveConfig, device: torch.device) -> None:
        if config.frame is None:
            raise ValueError("This config was not resolved by pretraining: it has no frame. Use Trained.config.")
        self.network = network.to(device).eval()
        self.config, self.frame, self.device = config, config.frame, device

    @property
    def is_sampled(self) -> bool:
        """Whether `plausible` draws samples; else it draws each row once."""
        return self.network.is_sampled

    def predict(self, cases: Sequence[Case]) -> list[LabelArray]:
        """One label map uint8 [D, H, W] per case, on the image's own grid; cases may differ in expert and shape."""
        return [label_map(self._classes(logits), self.config.labels) for logits in self._logits(cases)]

    def draw(self, cases: Sequence[Case]) -> list[Drawing]:
        """What `predict` draws, each with its uncertainty, from one forward pass."""
        return [
            Drawing(label_map(self._classes(logits), self.config.labels), uncertainty(logits))
            for logits in self._logits(cases)
        ]

    def probabilities(self, cases: Sequence[Case]) -> list[npt.NDArray[np.float32]]:
        """Probabilities of each label, float32 [L, D, H, W], per case."""
        return [foreground(logits[None])[0].cpu().numpy() for logits in self._logits(cases)]

    def chances(self, case: Case, value: int, slices: slice, brightness: Sequence[Brightness]) -> ChanceArray:
        """Probability of one label value, float32 [slices, H, W], of some slices of a case; zeros for a value it never learnt.

        brightness: that of the whole case. A 2D network sees these slices alone, a 3D network the whole case.
        """
        depth = case.image_CDHW.shape[1]
        if value not in self.config.labels:
            return np.zeros((len(range(depth)[slices]), *case.image_CDHW.shape[2:]), np.float32)
        at = self.config.labels.index(value)
        if self.config.spatial_dims == 3:
            return self.probabilities([case])[0][at, slices]
        with torch.no_grad():
            logits = self._of_slices([normalise(case.image_CDHW[:, slices], self.config, brightness)], [case])[0]
        return foreground(logits[None])[0, at].cpu().numpy()

    def plausible(self, case: Case, rows_KP: Tensor, count: int, seed: int) -> LabelArray:
        """Label maps uint8 [N, D, H, W] that the experts of these rows might plausibly draw, on the image's own grid.

        N is `count` where the network can sample, else one map per row. The case's own style is not looked at. The same seed
        gives the same maps.
        """
        return np.concatenate(
            [
                np.stack([label_map(self._classes(one), self.config.labels) for one in part])
                for part in self._plausible(case, rows_KP, count, seed)
            ],
            axis=1,
        )

    def plausible_chances(self, case: Case, rows_KP: Tensor, count: int, seed: int) -> ChanceArray:
        """Mean of the same samples' probabilities of each label, float32 [L, D, H, W]: how likely an expert draws a voxel."""
        parts = self._plausible(case, rows_KP, count, seed)
        return np.concatenate([foreground(part).mean(0).cpu().numpy() for part in parts], axis=1)

    @torch.no_grad()
    def _plausible(self, case: Case, rows_KP: Tensor, count: int, seed: int) -> Iterator[Tensor]:
        """Logits [N, K, d, H, W] of one stretch of slices after another: all of a large image's would take too much memory."""
        rows = rows_KP.to(self.device, torch.float32)

        def forward(images: Tensor) -> Tensor:
            # Seeded anew for each part, so that one draw holds for the whole image.
            generator = torch.Generator().manual_seed(seed)
            with autocast(self.config, self.device, training=False):
                logits_NBKS = self.network.plausible(images.to(self.device), rows, count, generator)
            return logits_NBKS.float().transpose(0, 1).flatten(1, 2)

        image, channels = normalise(case.image_CDHW, self.config), self.config.out_channels
        if self.config.spatial_dims == 3:
            whole = self._whole_or_patches(image.to(self.device), forward)[0]
            yield whole.view(-1, channels, *whole.shape[1:])
            return
        framed, inside = to_frame(image.transpose(0, 1), self.frame)
        for start in range(0, len(framed), PLAUSIBLE_SLICES):
            part = forward(framed[start : start + PLAUSIBLE_SLICES])
            own_grid = from_frame(part, inside, image.shape[2:]).transpose(0, 1)
            yield own_grid.reshape(-1, channels, *own_grid.shape[1:])

    @staticmethod
    def _classes(logits_KDHW: Tensor) -> Tensor:
        if logits_KDHW.shape[0] == 1:
            return (logits_KDHW[0] > 0).to(torch.uint8)
        return logits_KDHW.argmax(0).to(torch.uint8)

    @torch.no_grad()
    def _logits(self, cases: Sequence[Case]) -> list[Tensor]:
        if not cases:
            return []
        if self.config.spatial_dims == 3:
            return [self._volume(case) for case in cases]
        return self._slices(cases)

    def _slices(self, cases: Sequence[Case]) -> list[Tensor]:
        """All slices of all cases as one stream of mixed batches. Logits [K, D, H, W] per case."""
        return self._of_slices([normalise(case.image_CDHW, self.config) for case in cases], cases)

    def _of_slices(self, normal: Sequence[Tensor], cases: Sequence[Case]) -> list[Tensor]:
        framed = [to_frame(image_CDHW.transpose(0, 1), self.frame) for image_CDHW in normal]
        images = torch.cat([image for image, _ in framed])
        owner = [index for index, (image, _) in enumerate(framed) for _ in range(len(image))]
        outputs: list[Tensor] = []
        step = SLICES_PER_BATCH.get(self.device.type, 16)
        for start in range(0, len(images), step):
            of = [cases[index] for index in owner[start : start + step]]
            outputs.append(self._forward(images[start : start + step].to(self.device), of))
        logits, results, at = torch.cat(outputs), [], 0
        for case, (image, inside) in zip(cases, framed, strict=True):
            part = from_frame(logits[at : at + len(image)], inside, case.image_CDHW.shape[2:])
            results.append(part.transpose(0, 1))
            at += len(image)
        return results

    def _volume(self, case: Case) -> Tensor:
        """Logits [K, D, H, W]."""
        image = normalise(case.image_CDHW, self.config).to(self.device)
        return self._whole_or_patches(image, lambda patches: self._forward(patches, [case] * len(patches)))[0]

    def _whole_or_patches(self, image_CDHW: Tensor, forward: Callable[[Tensor], Tensor]) -> Tensor:
        """Whole where it fits; else patches of the training size, overlap 0.5, Gaussian weights. Logits [1, K, D, H, W]."""
        padded = pad_volume(image_CDHW, self.config)
        if padded[0].numel() <= WHOLE_VOLUME_FRAMES * np.prod(self.frame):
            logits = forward(padded[None])
        else:
            blended = sliding_window_inference(image_CDHW[None], self.frame, 2, forward, 0.5, "gaussian")
            assert isinstance(blended, Tensor)
            logits = blended
        depth, height, width = image_CDHW.shape[1:]
        return logits[:, :, :depth, :height, :width].float()

    def _forward(self, images: Tensor, cases: Sequence[Case]) -> Tensor:
        rows = torch.stack([case.row for case in cases]).to(self.device, torch.float32)
        adapters = None
        if any(case.adapter is not None for case in cases):
            none = torch.zeros(self.network.adapter_length)  # U = 0: no effect
            adapters = torch.stack([none if case.adapter is None else case.adapter for case in cases]).to(self.device)
        views = MIRRORS if self.config.any_orientation else MIRRORS[:1]
        logits = images.new_zeros(())
        for axes in views:
            with autocast(self.config, self.device, training=False):
                seen: Tensor = self.network(images.flip(axes), rows, adapters)
            logits = logits + seen.flip(axes).float()
        return logits / len(views)


def uncertainty(logits_KDHW: Tensor) -> LabelArray:
    """Normalised least confidence as uint8 [D, H, W]; see `Drawing`. One logit is a sigmoid, several are a softmax."""
    if logits_KDHW.shape[0] == 1:
        unsure = torch.sigmoid(-logits_KDHW[0].abs()) * 2
    else:
        classes = logits_KDHW.shape[0]
        unsure = (1 - torch.softmax(logits_KDHW, 0).amax(0)) * (classes / (classes - 1))
    values: LabelArray = (unsure * 255).round_().to(torch.uint8).cpu().numpy()
    return values


def predictor_from_weights(
    weights: dict[str, Tensor], config: ExpertAdaptiveConfig, device: str | torch.device
) -> Predictor:
    """Build the config's network, fill it and put it on the device. Raises StyleMismatch on another network's weights."""
    network = build(config)
    load_weights(network, weights)
    return Predictor(network, config, torch.device(device))
