"""Training the shared weights together with rows: pretraining, and the recipes that retrain everything for one expert."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from worker.learning.acceleration import Accelerated, pays
from worker.learning.augment import augment
from worker.learning.distributed import World
from worker.learning.losses import segmentation_loss
from worker.learning.network import StyledNetwork
from worker.learning.precision import autocast
from worker.learning.sampling import Pool
from worker.learning.training import Randomness, Run, Schedule, descend

Forward = Callable[[Tensor, Tensor], Tensor]


class _Shared(nn.Module):
    """Network and table of rows as one module, so that processes which train together average the gradients of both."""

    def __init__(self, network: StyledNetwork, forward: Forward, rows_KP: Tensor, own_P: Tensor) -> None:
        super().__init__()
        self.network, self.run = network, forward
        self.table = nn.Parameter(rows_KP.clone())
        self.own: Tensor
        self.register_buffer("own", own_P.to(rows_KP.device))

    def rows(self, table_KP: Tensor) -> Tensor:
        """The table with everybody's mean wherever a number is not the expert's own."""
        return torch.where(self.own, table_KP, table_KP.mean(0))

    def forward(self, image_BCS: Tensor, owner_B: Tensor) -> Tensor:
        """Logits of each image in its owner's row."""
        return self.run(image_BCS, self.rows(self.table)[owner_B])


def train_shared(
    network: StyledNetwork, rows_KP: Tensor, pool: Pool, among: Sequence[int], owner: Sequence[int],
    steps: int, batch: int, learning_rate: float, run: Run,
) -> tuple[Tensor, float]:  # fmt: skip
    """Train all weights and the table of rows on the readings `among`; owner[i] is the row of reading i.

    The network ends with the averaged weights. Returns the averaged rows [K, P] on the CPU and the loss. Where a process group
    was joined, its processes share each batch and end with the same numbers; the batch must be a multiple of their count.
    """
    config, world = pool.config, World()
    forward: Forward = Accelerated(network) if pays(config, pool.device, steps) else network
    shared = _Shared(network, forward, rows_KP.to(pool.device), network.own_numbers(config.styled_stages))
    together = DistributedDataParallel(shared) if world.size > 1 else shared
    mine = world.share(batch)
    weight_of = torch.tensor([reading.weight for reading in pool.readings])
    owner_of = torch.tensor(list(owner))

    def loss_of(randomness: Randomness) -> Tensor:
        drawn = pool.batch(pool.draw(among, batch, randomness.order), randomness.order)
        changed = augment(drawn.image, drawn.target, drawn.weight, config.augmentation, randomness.noise)
        image, target, weight = (tensor[mine] for tensor in changed)
        reading = drawn.reading[mine]
        with autocast(config, pool.device, training=True):
            logits = together(image, owner_of[reading].to(pool.device))
        losses = segmentation_loss(logits, target, weight, config.loss)
        return (losses * weight_of[reading].to(pool.device)).mean()

    trained = {name: parameter.requires_grad_() for name, parameter in network.named_parameters()}
    trained["rows"] = shared.table
    schedule = Schedule(
        steps, learning_rate, config.weights_ema, config.optimiser, clip=True, checkpoint_every=config.checkpoint_every
    )
    outcome = descend(trained, loss_of, schedule, run)
    rows = shared.rows(outcome.tensors.pop("rows")).cpu()
    network.load_state_dict(outcome.tensors)
    network.requires_grad_(False)
    return rows, outcome.loss
