"""Where compiled code lies. Apart from `acceleration` because importing torch's compiler takes a second that predictions never need."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir


def compiled_code_in(folder: Path) -> AbstractContextManager[None]:
    """Keep compiled code in a folder of our own while this lasts: a compile killed in a shared one leaves a torn library to others."""
    return temporary_cache_dir(str(folder))
