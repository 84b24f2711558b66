"""How a training step gives way to a prediction on the same machine.

One mapped file holds two moments on the machine's monotonic clock. Until the first, somebody waits for a prediction:
who predicts writes it, who trains looks between steps. Until the second, a training step may be under way: who trains
writes it, and who predicts leaves that step its core meanwhile, because threads that meet at a barrier after every layer
wait for the one whose core is taken (eight milliseconds became a hundred). Fails open: whoever dies leaves a moment that
passes, so nothing is held up or slowed down for longer than HOLD_SECONDS; without the file there is no courtesy at all.
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
_WAITED, _WORKED = 0, _MOMENT.size  # where the two moments lie


class Courtesy:
    """The shared moments. Reading and writing eight aligned bytes needs no lock."""

    def __init__(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, 2 * _MOMENT.size)
            self._shared = mmap.mmap(descriptor, 2 * _MOMENT.size)
        finally:
            os.close(descriptor)

    def ask(self) -> None:
        """A prediction waits from now on."""
        self._set(_WAITED, HOLD_SECONDS)

    def expect(self) -> None:
        """A bell rang: most likely somebody waits. Passes by itself, and never shortens what was asked for."""
        if not self.is_asked:
            self._set(_WAITED, BRIEF_SECONDS)

    def thank(self) -> None:
        """Drawn; training goes on when the answer has had the time to be stored."""
        self._set(_WAITED, BRIEF_SECONDS)

    @property
    def is_asked(self) -> bool:
        """Whether a prediction waits now."""
        return self._lies_ahead(_WAITED)

    def give_way(self) -> None:
        """Between two steps: return as soon as nobody waits, at once as a rule. A step is under way from then on."""
        self.rest()
        while self.is_asked:
            time.sleep(0.001)
        self._set(_WORKED, HOLD_SECONDS)

    def rest(self) -> None:
        """No step is under way any more."""
        self._set(_WORKED, 0.0)

    @property
    def is_worked(self) -> bool:
        """Whether a training step may be under way now."""
        return self._lies_ahead(_WORKED)

    def _set(self, where: int, seconds: float) -> None:
        _MOMENT.pack_into(self._shared, where, time.monotonic() + seconds)

    def _lies_ahead(self, where: int) -> bool:
        return bool(_MOMENT.unpack_from(self._shared, where)[0] > time.monotonic())
