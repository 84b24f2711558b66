"""How a training step gives way to a prediction on the same machine.

One mapped file holds a moment on the machine's monotonic clock until which somebody waits for a prediction. Who
predicts writes it, who trains looks between steps. Fails open: a predictor that dies leaves a moment that
passes, so training never stops for longer than HOLD_SECONDS; without the file it does not stop at all.
"""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

HOLD_SECONDS: Final = 5.0
BRIEF_SECONDS: Final = 0.05  # a claim before a prediction, and its publication afterwards, take about this long
_MOMENT: Final = struct.Struct("<d")


class Courtesy:
    """The shared moment. Reading and writing eight aligned bytes needs no lock."""

    def __init__(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, _MOMENT.size)
            self._shared = mmap.mmap(descriptor, _MOMENT.size)
        finally:
            os.close(descriptor)

    def ask(self) -> None:
        """A prediction waits from now on."""
        _MOMENT.pack_into(self._shared, 0, time.monotonic() + HOLD_SECONDS)

    def expect(self) -> None:
        """A bell rang: most likely somebody waits. Passes by itself, and never shortens what was asked for."""
        if not self.is_asked:
            _MOMENT.pack_into(self._shared, 0, time.monotonic() + BRIEF_SECONDS)

    def thank(self) -> None:
        """Drawn; training goes on when the answer has had the time to be stored."""
        _MOMENT.pack_into(self._shared, 0, time.monotonic() + BRIEF_SECONDS)

    @property
    def is_asked(self) -> bool:
        """Whether a prediction waits now."""
        return bool(_MOMENT.unpack_from(self._shared)[0] > time.monotonic())

    def give_way(self) -> None:
        """Return as soon as nobody waits; at once as a rule."""
        while self.is_asked:
            time.sleep(0.001)
