"""Weights as bytes: safetensors with a JSON card in the header. No pickle anywhere; a card is data, never code."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import safetensors.torch
from torch import Tensor


def save_safetensors(tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> bytes:
    """The tensors (moved to the CPU) and the card (plain JSON values) as one safetensors file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {"card": json.dumps(card, sort_keys=True)})


def load_safetensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse: tensors on the CPU and the card ({} if there is none). Raises SafetensorError on damaged bytes."""
    tensors = safetensors.torch.load(content)
    length = struct.unpack("<Q", content[:8])[0]
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return tensors, json.loads(metadata.get("card", "{}"))
