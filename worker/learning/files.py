"""Weights as bytes: safetensors with a JSON card in the header. No pickle anywhere; a card is data, never code.

Half precision exists in files only, and only where it loses nothing: a trained style is rounded to it before it is judged, so that
its file has half the bytes; whatever is read comes back as float32.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor


def save_safetensors(tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> bytes:
    """The tensors (moved to the CPU) and the card (plain JSON values) as one safetensors file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {"card": json.dumps(card, sort_keys=True)})


def save_style(row: Tensor, adapter: Tensor | None, card: Mapping[str, Any]) -> bytes:
    """One expert's row [P] and perhaps adapter [A] as a file; `load_safetensors` gives back the same numbers.

    Each is written as halves if its numbers are (see `halved`), else as float32.
    """
    tensors = {"row": row} if adapter is None else {"row": row, "adapter": adapter}
    return save_safetensors({name: t.half() if torch.equal(halved(t), t) else t for name, t in tensors.items()}, card)


def halved(tensor: Tensor) -> Tensor:
    """The nearest half-precision numbers, as float32."""
    return tensor.half().float()


def load_safetensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse: tensors on the CPU, halves as float32, and the card ({} if there is none). Raises SafetensorError on damaged bytes."""
    kept = safetensors.torch.load(content)
    tensors = {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in kept.items()}
    length = struct.unpack("<Q", content[:8])[0]
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return tensors, json.loads(metadata.get("card", "{}"))
