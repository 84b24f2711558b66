"""The learning methods behind one small door: `load(name)`."""

from __future__ import annotations

from worker.learning.methods.dpersona import DPersona
from worker.learning.methods.expert_adaptive import ExpertAdaptive

METHODS = {"expert_adaptive": ExpertAdaptive, "dpersona": DPersona}


def load(name: str) -> ExpertAdaptive:
    """The method of that name. Raises ValueError naming the methods there are."""
    if name not in METHODS:
        raise ValueError(f'There is no learning method "{name}"; there are: {", ".join(sorted(METHODS))}.')
    return METHODS[name]()
