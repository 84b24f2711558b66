"""A style as a file that leaves and comes back: safetensors with its card, no pickle, nothing but numbers and plain facts.

A row of numbers means something on one network only, so the card names that network by the hash of its weights, and an
import is refused elsewhere. Fails closed: unknown tensors, another length, a value that is not finite, a damaged file or
a card that is none are refused with the reason; what is taken in becomes a candidate that a person must let go live.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from backend.errors import Invalid

FORMAT: Final = "consilium-style/1"
LIMIT_BYTES: Final = 8 * 2**20  # a row of the largest network is 46 kB, an adapter about 100
_HEADER_LENGTH: Final = 8


@dataclass(frozen=True)
class StyleFile:
    """What a style file says of itself, None where it says nothing that could be true. lengths: tensor name → number of values."""

    model_weights_sha256: str | None
    style_id: UUID | None
    origin: str
    lengths: Mapping[str, int]


def export_style(stored: bytes, card: Mapping[str, Any]) -> bytes:
    """A stored style's tensors under a card of its own; equal input gives equal bytes."""
    return save(load(stored), {"card": json.dumps({**card, "format": FORMAT}, sort_keys=True)})


def read_style(content: bytes) -> StyleFile:
    """Check a file that came from outside. Raises Invalid."""
    try:
        tensors = load(content)
        length = int.from_bytes(content[:_HEADER_LENGTH], "little")
        metadata = json.loads(content[_HEADER_LENGTH : _HEADER_LENGTH + length]).get("__metadata__", {})
        card = json.loads(metadata.get("card", "null"))
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise Invalid(
            f"The file is not a safetensors file ({type(problem).__name__}); export the style again."
        ) from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise Invalid(f"The file's card is not {FORMAT}; export the style from Consilium's models page.")
    if set(tensors) not in ({"row"}, {"row", "adapter"}):
        raise Invalid(f"A style holds a row and perhaps an adapter, not {_in_words(tensors)}.")
    for name, tensor in tensors.items():
        if tensor.dtype not in (np.float16, np.float32) or tensor.ndim != 1:
            raise Invalid(
                f"The style's {name} must be one line of float16 or float32 numbers, not {tensor.dtype} {list(tensor.shape)}."
            )
        with np.errstate(
            over="ignore"
        ):  # as halves, which trained styles are kept in: larger ones would draw nothing, silently
            fits = np.isfinite(tensor.astype(np.float16)).all()
        if not fits:
            raise Invalid(
                f"The style's {name} holds values that are not finite or beyond half precision; export the style again."
            )
    return StyleFile(
        _sha256(card.get("model_weights_sha256")),
        _uuid(card.get("style")),
        str(card.get("origin", "")),
        {name: int(tensor.size) for name, tensor in tensors.items()},
    )


def _in_words(tensors: Mapping[str, Any]) -> str:
    """Which tensors there are, at no greater length than a person reads."""
    named = ", ".join(name[:40] for name in sorted(tensors)[:3])
    return named + (f" and {len(tensors) - 3} more" if len(tensors) > 3 else "") or "nothing"


def _sha256(said: object) -> str | None:
    return said if isinstance(said, str) and re.fullmatch(r"[0-9a-f]{64}", said) else None


def _uuid(said: object) -> UUID | None:
    try:
        return UUID(said) if isinstance(said, str) else None
    except ValueError:
        return None
