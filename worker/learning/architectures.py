"""From a config to its network: the one place that knows which classes there are."""

from __future__ import annotations

import torch

from worker.learning.config import DPersonaConfig, ExpertAdaptiveConfig
from worker.learning.network import ResidualUNet, SmallUNet, StyledNetwork
from worker.learning.opinions import OpinionNetwork
from worker.learning.published import PublishedDPersona


def build(config: ExpertAdaptiveConfig) -> StyledNetwork:
    """The config's network without values: call `initialise` or `load_weights` next."""
    with torch.device("meta"):
        network = _network(config)
    return network.to_empty(device="cpu")


def _network(config: ExpertAdaptiveConfig) -> StyledNetwork:
    if isinstance(config, DPersonaConfig) and config.variant != "unified":
        return PublishedDPersona(config)
    body: StyledNetwork = SmallUNet(config) if config.network == "small" else ResidualUNet(config)
    return OpinionNetwork(body, config) if isinstance(config, DPersonaConfig) else body
