"""Training of the `dpersona` variants: the unified network in one stage, the published one in two. The loop is `training.descend`."""

from __future__ import annotations

import torch
from torch import Tensor

from worker.learning.augment import augment
from worker.learning.config import DPersonaConfig
from worker.learning.losses import (
    bound_loss,
    cross_entropy,
    divergence,
    energy_score,
    foreground,
    one_hot,
    pooled_dice_loss,
    segmentation_loss,
    share_cross_entropy,
)
from worker.learning.opinions import OpinionNetwork
from worker.learning.panels import PanelBatch, Panels
from worker.learning.precision import autocast
from worker.learning.published import PublishedDPersona
from worker.learning.training import Outcome, Randomness, Run, Schedule, descend

DECAY = 1e-5  # of the norms of prior, posterior and Fcomb, as released


def train_unified(network: OpinionNetwork, panels: Panels, run: Run) -> tuple[Tensor, float]:
    """All weights and the table of rows. Returns the averaged rows [K, P] on the CPU and the loss.

    Loss = own hand, in the own row + in the mean row: each expert's hand at the centre of their Gaussian, and samples from all
    Gaussians: their distance from the experts' masks as sets, their mean against the share of experts who drew, and their bounds.
    The network ends with the averaged weights.
    """
    pool = panels.pool
    config = _config(panels)
    table = network.initial_rows(panels.experts, run.randomness.order).to(pool.device).requires_grad_()
    weight_of = _weights(panels).to(pool.device)

    def loss_of(randomness: Randomness) -> Tensor:
        drawn = _changed(panels, config, randomness)
        target, owner = _own_target(drawn), drawn.owner
        count = (config.bound_samples, len(owner))
        noise = torch.randn(*count, network.latent, generator=randomness.noise, device=pool.device)
        who = torch.randint(panels.experts, count, generator=randomness.order)
        mean, log_deviation = network.gaussian(table)
        with autocast(config, pool.device, training=True):
            own = network(drawn.image, table[owner])
            features = network.consensus_features(drawn.image, table)
            sampled = network.decode_many(features, mean[who] + log_deviation[who].exp() * noise)
            centres = network.decode_many(features, mean[:, None].expand(-1, len(owner), -1)).transpose(0, 1)
        truth = _everyone(drawn, len(config.labels))
        hand = segmentation_loss(own, target, drawn.weight, config.loss) * weight_of[owner]
        there = drawn.present * weight_of
        weight = drawn.weight.repeat_interleave(panels.experts, 0)
        each = segmentation_loss(centres.flatten(0, 1), drawn.targets.flatten(0, 1), weight, config.loss)
        hands = (each.view_as(there) * there).sum(1) / drawn.present.sum(1)
        spread = energy_score(sampled, truth, drawn.present, drawn.weight)
        spread = spread + config.share_weight * share_cross_entropy(sampled, truth, drawn.present, drawn.weight)
        several = drawn.present.sum(1) > 1  # one expert alone bounds nothing
        inside = drawn.weight * several.view(-1, *[1] * (drawn.weight.ndim - 1))
        bounds = bound_loss(sampled, truth, drawn.present, inside)
        return (hand + hands + spread).mean() + config.bound_weight * bounds

    trained = {name: parameter.requires_grad_() for name, parameter in network.named_parameters()}
    trained["rows"] = table
    outcome = descend(trained, loss_of, _schedule(config, config.steps, config.learning_rate, clip=True), run)
    rows = outcome.tensors.pop("rows").cpu()
    network.load_state_dict(outcome.tensors)
    network.requires_grad_(False)
    return rows, outcome.loss


def train_stage_one(network: PublishedDPersona, panels: Panels, run: Run) -> float:
    """The probabilistic U-Net with one randomly drawn expert a step and, as published, the bound loss. Returns the loss.

    An expert who did not draw an image gives way to one who did; in the posterior, too, their channel shows that one's mask.
    """
    config, pool = _config(panels), panels.pool
    both_sides = len(config.labels) == 1
    probabilistic = config.variant == "probabilistic_unet"

    def loss_of(randomness: Randomness) -> Tensor:
        drawn = _changed(panels, config, randomness)
        chosen = int(torch.randint(panels.experts, (1,), generator=randomness.order))
        owner = torch.where(drawn.present[:, chosen], torch.full_like(drawn.owner, chosen), drawn.owner)
        drawn = drawn._replace(owner=owner)
        target = _own_target(drawn)
        truth = one_hot(target, len(config.labels))
        everyone = _everyone(drawn, len(config.labels))
        there = drawn.present.view(*drawn.present.shape, *[1] * (truth.ndim - 1))
        seen = truth if probabilistic else torch.where(there, everyone, truth[:, None]).flatten(1, 2)
        noise = torch.randn(
            config.bound_samples + 1, len(target), network.latent, generator=randomness.noise, device=target.device
        )
        image = drawn.image.contiguous(memory_format=torch.channels_last)  # a third faster on a CPU
        with autocast(config, pool.device, training=True):
            features = network.image_features(image)
            prior, posterior = network.prior(image), network.posterior(torch.cat([image, seen], 1))
            rebuilt = network.combine(features, posterior[0] + posterior[1].exp() * noise[0])
        apart = config.divergence_weight * divergence(*posterior, *prior).mean()
        decay = DECAY * sum(
            parameter.norm()
            for part in (network.prior, network.posterior, network.fcomb)
            for parameter in part.parameters()
        )
        if probabilistic:
            likelihood: Tensor = cross_entropy(rebuilt, target, drawn.weight).mean() + apart + decay
            return likelihood
        with autocast(config, pool.device, training=True):
            sampled = network.combine_many(features, prior[0] + prior[1].exp() * noise[1:])
        bounds = bound_loss(sampled, everyone, drawn.present, drawn.weight, both_sides=both_sides)
        own = pooled_dice_loss(foreground(rebuilt), truth, drawn.weight, both_sides=both_sides)
        total: Tensor = own + apart + config.bound_weight * bounds + decay
        return total

    trained = {name: parameter.requires_grad_() for name, parameter in network.named_parameters()}
    # Running statistics change in the forward pass, not by gradients; they are here so that checkpoints hold them.
    trained |= {name: value for name, value in network.named_buffers() if "running" in name}
    network.train()
    run.total = config.steps + (0 if probabilistic else config.second_steps)
    outcome = descend(trained, loss_of, _schedule(config, config.steps, config.learning_rate, clip=False), run)
    _settle(network, outcome)
    return outcome.loss


def train_heads(network: PublishedDPersona, panels: Panels, run: Run) -> tuple[Tensor, float]:
    """Stage II: one head per expert over the frozen first stage. Returns the heads [K, P] on the CPU and the loss.

    `released` leaves batch normalisation in training mode, so its running statistics drift away from the frozen weights.
    """
    pool = panels.pool
    config = _config(panels)
    both_sides = len(config.labels) == 1
    heads = network.initial_heads(panels.experts, run.randomness.order).to(pool.device).requires_grad_()
    network.train(config.variant == "released")
    network.dropout = run.randomness.noise

    def loss_of(randomness: Randomness) -> Tensor:
        drawn = _changed(panels, config, randomness)
        each = len(heads)
        image = drawn.image.contiguous(memory_format=torch.channels_last)
        with autocast(config, pool.device, training=True):
            with torch.no_grad():
                features, samples = network.image_features(image), network.samples(image)
            wide = features.repeat_interleave(each, 0)
            z = network.attend(wide, samples.repeat_interleave(each, 0), heads.repeat(len(features), 1))
            probability = foreground(network.combine(wide, z))
        truth = one_hot(drawn.targets.flatten(0, 1), len(config.labels))
        there = drawn.present.flatten().view(-1, *[1] * (drawn.weight.ndim - 1))
        weight = drawn.weight.repeat_interleave(each, 0) * there
        return pooled_dice_loss(probability, truth, weight, both_sides=both_sides)

    second = Run(
        run.randomness,
        run.progress,
        run.should_stop,
        phase="learning the experts",
        before=config.steps,
        total=run.total,
    )
    if run.checkpoints is not None:
        second.checkpoints = run.checkpoints.following("heads")
    schedule = _schedule(config, config.second_steps, config.second_learning_rate, clip=False)
    drifting = {name: value for name, value in network.named_buffers() if "running" in name}
    outcome = descend({"heads": heads, **drifting}, loss_of, schedule, second)
    rows = outcome.tensors.pop("heads").cpu()
    network.dropout = None
    _settle(network, outcome)
    return rows, outcome.loss


def _config(panels: Panels) -> DPersonaConfig:
    config = panels.pool.config
    assert isinstance(config, DPersonaConfig)
    return config


def _schedule(config: DPersonaConfig, steps: int, learning_rate: float, *, clip: bool) -> Schedule:
    return Schedule(
        steps, learning_rate, config.weights_ema, config.optimiser, clip=clip, checkpoint_every=config.checkpoint_every
    )


def _changed(panels: Panels, config: DPersonaConfig, randomness: Randomness) -> PanelBatch:
    """An augmented batch; every expert's mask of an image is changed alike."""
    drawn = panels.batch(config.batch, randomness.order)
    image, targets, weight = augment(drawn.image, drawn.targets, drawn.weight, config.augmentation, randomness.noise)
    return drawn._replace(image=image, targets=targets, weight=weight, owner=drawn.owner.to(image.device))


def _own_target(drawn: PanelBatch) -> Tensor:
    """The owner's class map of each image [B, *frame]."""
    return drawn.targets[torch.arange(len(drawn.owner), device=drawn.targets.device), drawn.owner]


def _everyone(drawn: PanelBatch, labels: int) -> Tensor:
    """Foreground indicators [B, R, L, *frame] of all experts."""
    truth = one_hot(drawn.targets.flatten(0, 1), labels)
    return truth.view(*drawn.present.shape, *truth.shape[1:])


def _weights(panels: Panels) -> Tensor:
    """Mean weight of each expert's readings [R]."""
    of: list[list[float]] = [[] for _ in range(panels.experts)]
    for index in panels.among:
        of[panels.owner_of[index]].append(panels.pool.readings[index].weight)
    return torch.tensor([sum(weights) / len(weights) for weights in of])


def _settle(network: PublishedDPersona, outcome: Outcome) -> None:
    """The averaged numbers into the network, which is for use from here on."""
    network.load_state_dict(outcome.tensors, strict=False)
    network.requires_grad_(False).eval()
