"""Training the shared weights together with rows: pretraining, and the recipes that retrain everything for one expert."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.learning.augment import augment
from worker.learning.network import StyledNetwork
from worker.learning.sampling import Pool
from worker.learning.styles import loss_on
from worker.learning.training import Randomness, Run, Schedule, descend


def train_shared(
    network: StyledNetwork, rows_KP: Tensor, pool: Pool, among: Sequence[int], owner: Sequence[int],
    steps: int, batch: int, learning_rate: float, run: Run,
) -> tuple[Tensor, float]:  # fmt: skip
    """Train all weights and the table of rows on the readings `among`; owner[i] is the row of reading i.

    The network ends with the averaged weights. Returns the averaged rows [K, P] on the CPU and the loss.
    """
    config = pool.config
    table = rows_KP.to(pool.device).clone().requires_grad_()
    weight_of = torch.tensor([reading.weight for reading in pool.readings])
    owner_of = torch.tensor(list(owner))

    def loss_of(randomness: Randomness) -> Tensor:
        drawn = pool.batch(pool.draw(among, batch, randomness.order), randomness.order)
        changed = augment(drawn.image, drawn.target, drawn.weight, config.augment, randomness.noise)
        rows = table[owner_of[drawn.reading].to(pool.device)]
        losses = loss_on(network, config, changed, rows, None)
        return (losses * weight_of[drawn.reading].to(pool.device)).mean()

    trained = {name: parameter.requires_grad_() for name, parameter in network.named_parameters()} | {"rows": table}
    schedule = Schedule(
        steps, learning_rate, config.weights_ema, config.optimiser, clip=True, checkpoint_every=config.checkpoint_every
    )
    outcome = descend(trained, loss_of, schedule, run)
    rows = outcome.tensors.pop("rows").cpu()
    network.load_state_dict(outcome.tensors)
    network.requires_grad_(False)
    return rows, outcome.loss
