"""Readings grouped by image: what a loss over all experts of a case needs.

A panel is an image with everybody who drew it. Batches hold the same slice or patch of each of its readings, and say who is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from worker.learning.sampling import Pool


class PanelBatch(NamedTuple):
    """image [B, C, *frame]; targets uint8 [B, R, *frame], 0 where expert R is not present; present bool [B, R]; weight [B, *frame];
    owner [B]: one expert who is present, drawn at random."""

    image: Tensor
    targets: Tensor
    present: Tensor
    weight: Tensor
    owner: Tensor


class Panels:
    """The readings `among` a pool by image; owner_of[i] is the expert, 0..R-1, of reading i."""

    def __init__(self, pool: Pool, among: Sequence[int], owner_of: Sequence[int], experts: int) -> None:
        self.pool, self.experts = pool, experts
        self.among, self.owner_of = list(among), list(owner_of)
        by_image: dict[int, dict[int, int]] = {}
        for index in among:
            by_image.setdefault(id(pool.readings[index].image_CDHW), {})[owner_of[index]] = index
        self.readings_of = {index: by_image[id(pool.readings[index].image_CDHW)] for index in among}

    def batch(self, count: int, generator: torch.Generator) -> PanelBatch:
        """`count` readings drawn uniformly, each with all other readings of the same place."""
        pool, frame = self.pool, self.pool.frame
        images, weights, owners = [], [], []
        targets = torch.zeros(count, self.experts, *frame, dtype=torch.uint8, device=pool.device)
        present = torch.zeros(count, self.experts, dtype=torch.bool)
        for n, index in enumerate(pool.draw(self.among, count, generator)):
            place = pool.place(index, generator)
            images.append(pool.image_at(index, place))
            weights.append(pool.inside_at(index, place))
            owners.append(self.owner_of[index])
            for expert, reading in self.readings_of[index].items():
                targets[n, expert] = pool.target_at(reading, place)
                present[n, expert] = True
        return PanelBatch(
            torch.stack(images), targets, present.to(pool.device), torch.stack(weights), torch.tensor(owners)
        )
