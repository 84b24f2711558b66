"""Where a proxy and a network's prediction meet (LEARNING 4).

Both are taken as evidence and pooled in log-odds; the network counts the more the farther the nearest drawn slice is, since what is
propagated is sure beside a drawn slice and fades from there, and a network's errors do not depend on that. Both constants were chosen among
a few on training volumes. The plain C·P + (1 - C)·F, with the proxy's confidence C, is no way: C is low all along the outline, so
that the network would draw it even beside a drawn slice. Pure arrays; no torch. Axis legend as in `propagate`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from worker.learning.propagate import Drawn, Proxy

NETWORK_SHARE: Final = 0.6  # of the network's log-odds, at
FAR_SLICES: Final = 8  # slices from the nearest drawn one and beyond
SURE: Final = 1e-3  # nobody is surer than this

Field = npt.NDArray[np.float32]


class Merged(NamedTuple):
    """labels_DHW uint8; chance_LDHW in the order of the proxy's labels and confidence_DHW = |2·chance - 1|, 0..1."""

    labels_DHW: npt.NDArray[np.uint8]
    chance_LDHW: Field
    confidence_DHW: Field


def merge(proxy: Proxy, drawn: Drawn, network_LDHW: Field, axis: int = 0) -> Merged:
    """The proxy and the network together. network_LDHW: 0..1 in the order of the proxy's labels.

    On drawn slices a label stays as drawn; where nothing was propagated the network speaks alone.
    """
    proxy_LNHW, network_LNHW = (np.moveaxis(chance, 1 + axis, 1) for chance in (proxy.chance_LDHW, network_LDHW))
    chance_LNHW = np.empty_like(proxy_LNHW)
    for at, label in enumerate(proxy.labels):
        slices, reached = sorted(drawn[label]), set(proxy.reached[label])
        for n in range(proxy_LNHW.shape[1]):
            away = min(abs(n - one) for one in slices)
            if away == 0:
                chance_LNHW[at, n] = proxy_LNHW[at, n]
            elif n in reached:
                share = NETWORK_SHARE * min(1, away / FAR_SLICES)
                chance_LNHW[at, n] = special.expit(_odds(proxy_LNHW[at, n]) + share * _odds(network_LNHW[at, n]))
            else:
                chance_LNHW[at, n] = network_LNHW[at, n]
    chance_LDHW = np.moveaxis(chance_LNHW, 1, 1 + axis)
    best = chance_LDHW.argmax(0)
    top = chance_LDHW.max(0)
    labels = np.where(top >= 0.5, np.asarray(proxy.labels, np.uint8)[best], 0).astype(np.uint8)
    confidence = np.where(proxy.confidence_DHW == 1, 1, np.abs(2 * top - 1)).astype(np.float32)
    return Merged(labels, chance_LDHW, confidence)


def _odds(chance: Field) -> Field:
    return np.asarray(special.logit(np.clip(chance, SURE, 1 - SURE)), np.float32)
