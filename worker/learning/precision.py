"""Where bfloat16 is used. Rows, statistics and losses stay float32 (LEARNING 8)."""

from __future__ import annotations

import torch

from worker.learning.config import ExpertAdaptiveConfig


def autocast(config: ExpertAdaptiveConfig, device: torch.device, training: bool) -> torch.autocast:
    """The autocast context. "auto": bfloat16 on a GPU that has it; on a CPU that multiplies it, in training, and in predictions of the
    ResNet, whose convolutions are all their time (measured: half of it; the small network's take milliseconds either way)."""
    if config.precision == "fp32":
        enabled = False
    elif config.precision == "bf16":
        enabled = True
    elif device.type == "cuda":
        enabled = torch.cuda.is_bf16_supported()
    else:
        enabled = (training or config.network == "resnet18") and _cpu_multiplies_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _cpu_multiplies_bfloat16() -> bool:
    """Without the instruction oneDNN emulates it, slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported())
