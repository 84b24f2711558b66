"""torch.compile where it pays, and the plain network from the first failure on.

The rule: a job compiles if it has at least STEPS_THAT_PAY steps and the device multiplies matrices much faster than it moves them: a
GPU, or a CPU with AMX. On a CPU with AVX-512 alone the convolutions are the whole step and compiling gains nothing (docs/expert-adaptive.md).
Needs a C++ compiler (g++) at run time; without one, or on any other compile error, training goes on eagerly and the log says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.network import StyledNetwork

log = logging.getLogger(__name__)

STEPS_THAT_PAY = 500  # compiling takes about a minute the first time


def pays(config: ExpertAdaptiveConfig, device: torch.device, steps: int) -> bool:
    """Whether a training of so many steps earns the compile time back."""
    if config.compiled != "auto":
        return config.compiled == "always"
    fast = device.type == "cuda" or bool(torch.cpu._is_amx_tile_supported())
    return fast and steps >= STEPS_THAT_PAY


class Accelerated:
    """Called like the network. The first call compiles forward and backward on that very batch, so that no error comes later."""

    def __init__(self, network: StyledNetwork, backend: str | Callable[..., object] = "inductor") -> None:
        self.network = network
        self.fast: Callable[..., Tensor] | None = torch.compile(network, fullgraph=True, dynamic=False, backend=backend)
        self.is_warm = False

    def __call__(self, image_BCS: Tensor, rows_BP: Tensor, adapters_BA: Tensor | None = None) -> Tensor:
        """See StyledNetwork.forward."""
        if not self.is_warm:
            self._warm_up(image_BCS, rows_BP)
        forward = self.network if self.fast is None else self.fast
        logits: Tensor = forward(image_BCS, rows_BP, adapters_BA)
        return logits

    def _warm_up(self, image_BCS: Tensor, rows_BP: Tensor) -> None:
        """Forward and backward once, thrown away; the gradients the caller has not asked for yet are dropped."""
        assert self.fast is not None
        self.is_warm = True
        try:
            self.fast(image_BCS, rows_BP.detach().requires_grad_(), None).float().sum().backward()  # type: ignore[no-untyped-call]  # torch does not type it
        except torch.OutOfMemoryError:
            raise
        except (
            RuntimeError,
            OSError,
        ) as problem:  # the compiler's own errors are RuntimeErrors; eager repeats any other
            self.fast = None
            log.warning("not compiled, training goes on eagerly: %s: %s", type(problem).__name__, str(problem)[:200])
        self.network.zero_grad(set_to_none=True)
