"""How a panel of experts differs, from its masks alone: the estimator of LEARNING 7's calibration table, for real and simulated panels.

An expert's offset is the signed distance of their outline from the panel's majority, taken along the majority's outline and
positive outside. Its mean per case is split into the expert's own mean and what varies from case to case; what is left varies
along the outline, with a correlation length. Outlines run through the edges of voxels, slice by slice; distances are in 3D.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from scipy import ndimage
from scipy.spatial import cKDTree

Masks = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
LAGS = 60  # steps of an outline over which its autocorrelation is followed


@dataclass(frozen=True)
class Panel:
    """One boolean array [E, D, H, W] per case, none empty. Not persistent: reader 1 of one case is not reader 1 of the next.

    step: how far apart an outline is sampled, in mm (px where the pack records no spacing).
    """

    name: str
    experts: tuple[str, ...]
    masks_EDHW: tuple[Masks, ...]
    spacing_mm: tuple[tuple[float, float, float], ...]
    cases: tuple[str, ...]
    patients: tuple[str, ...]
    persistent: bool = True
    step: float = 1.0

    def of(self, cases: Sequence[int]) -> "Panel":
        """The same experts on some of the cases."""
        return replace(self, **{
            name: tuple(getattr(self, name)[c] for c in cases) for name in ("masks_EDHW", "spacing_mm", "cases", "patients")
        })  # fmt: skip

    def halves(self) -> tuple["Panel", "Panel"]:
        """Every other patient, and the rest."""
        place = {patient: number for number, patient in enumerate(dict.fromkeys(self.patients))}
        odd = [place[patient] % 2 for patient in self.patients]
        first, second = ([c for c, side in enumerate(odd) if side == half] for half in (0, 1))
        return self.of(first), self.of(second)

    def where(self, other: "Panel") -> "Panel":
        """Only the cases that the other panel has too."""
        return self.of([c for c, case in enumerate(self.cases) if case in other.cases])


@dataclass(frozen=True)
class Hands:
    """What the estimator finds. Arrays [E] (one entry where nobody is persistent), lengths as the panel's spacing.

    offset_E: an expert's mean offset from the majority. case_sd_E: of a case's mean offset about it. along_sd_E: root mean square
    of the deviation from the case's mean along the outline. correlation_E: where its autocorrelation falls below 1/e.
    """

    offset_E: Numbers
    case_sd_E: Numbers
    along_sd_E: Numbers
    correlation_E: Numbers
    correlation: float
    log_volume_sd: float
    omitted: float
    cut: float
    added: float

    def figures(self, persistent: bool) -> dict[str, float]:
        """The panel's figures under the design's names."""
        case_sd, along_sd = (float(np.sqrt((sd**2).mean())) for sd in (self.case_sd_E, self.along_sd_E))
        if persistent:
            raters = float(self.offset_E.std(ddof=1))
            return {"rater offset sd": raters, "case sd": case_sd, "along-contour sd": along_sd, "correlation length": self.correlation}  # fmt: skip
        return {"offset sd": case_sd, "along-contour sd": along_sd, "log-volume sd": self.log_volume_sd, "slices omitted": self.omitted}  # fmt: skip


def outline_offsets(masks_EDHW: Masks, spacing_mm: Sequence[float], step: float) -> list[Numbers]:
    """How far each expert's outline lies outside the majority's: for each of its closed outlines, slice by slice, [E, N].

    N points `step` mm apart; distances to the nearest outline in 3D. A tie counts as drawn. Raises ValueError where an expert
    drew nothing: nowhere is no distance.
    """
    if not masks_EDHW.any(axis=(1, 2, 3)).all():
        raise ValueError("An expert's mask is empty; leave the case out.")
    masks = np.pad(masks_EDHW, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(np.float64)
    lines = outlines((masks.mean(0) >= 0.5).astype(np.float64), spacing_mm, step)
    points_mm = np.concatenate(lines)
    offsets_EN = np.empty((len(masks), len(points_mm)))
    for mask, offset_N in zip(masks, offsets_EN, strict=True):
        drawn = cKDTree(np.concatenate(outlines(mask, spacing_mm, step / 4)))
        inside = ndimage.map_coordinates(mask, (points_mm / spacing_mm).T, order=1) > 0.5
        offset_N[:] = np.where(inside, 1, -1) * drawn.query(points_mm)[0]
    return np.split(offsets_EN, np.cumsum([len(line) for line in lines])[:-1], axis=1)


def outlines(mask_DHW: Numbers, spacing_mm: Sequence[float], step: float) -> list[Numbers]:
    """The closed outlines of each slice as points [N, 3] in mm (z, y, x), evenly spaced, about `step` mm apart."""
    found = []
    for z in np.nonzero(mask_DHW.any(axis=(1, 2)))[0]:
        for line_xy in contour_generator(z=mask_DHW[z]).lines(0.5):
            line_mm = np.asarray(line_xy) * (spacing_mm[2], spacing_mm[1])
            at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line_mm, axis=0).T))])
            even = np.linspace(0, at[-1], max(4, round(at[-1] / step)), endpoint=False)
            x, y = (np.interp(even, at, line_mm[:, axis]) for axis in (0, 1))
            found.append(np.stack([np.full(len(even), z * spacing_mm[0]), y, x], axis=1))
    return found


def measure(panels: Sequence[Panel]) -> Hands:
    """The figures of a panel over its cases, and over repeated drawings of the same cases (whose figures are averaged by square)."""
    by_case = [
        (outline_offsets(masks, spacing, panel.step), masks)
        for panel in panels
        for masks, spacing in zip(panel.masks_EDHW, panel.spacing_mm, strict=True)
    ]
    first = panels[0]
    columns = len(first.experts) if first.persistent else 1
    means_NE = np.stack([np.concatenate(lines, axis=1).mean(1) for lines, _ in by_case])
    spread_NE = np.stack([np.concatenate(lines, axis=1).std(1) for lines, _ in by_case])
    products_EL, counts_L = np.zeros((columns, LAGS)), np.zeros(LAGS)
    for (lines, _), mean_E, spread_E in zip(by_case, means_NE, spread_NE, strict=True):
        for line_EN in lines:
            unit = (line_EN - mean_E[:, None]) / np.maximum(spread_E, 1e-9)[:, None]
            size = line_EN.shape[1]
            around = np.fft.irfft(np.abs(np.fft.rfft(unit, axis=1)) ** 2, n=size, axis=1)[:, : min(LAGS, size // 2)]
            products_EL[:, : around.shape[1]] += around if first.persistent else around.mean(0)
            counts_L[: around.shape[1]] += size
    falling_EL = products_EL / np.maximum(counts_L, 1)
    means, spread = means_NE.reshape(-1, columns), spread_NE.reshape(-1, columns)
    volumes_NE = np.stack([masks.sum(axis=(1, 2, 3)) for _, masks in by_case])
    slices = np.mean([_slice_shares(masks) for _, masks in by_case], axis=0)
    return Hands(
        means.mean(0), means.std(0, ddof=1), np.sqrt((spread**2).mean(0)),
        np.array([_length(falling) for falling in falling_EL]) * first.step, _length(falling_EL.mean(0)) * first.step,
        float(np.log(volumes_NE / np.median(volumes_NE, axis=1, keepdims=True)).std()), *map(float, slices),
    )  # fmt: skip


def _slice_shares(masks_EDHW: Masks) -> tuple[float, float, float]:
    """Shares of the union's slices that an expert omits, omits though most drew there, and draws though most did not."""
    drawn_ED, most_D = masks_EDHW.any(axis=(2, 3)), (masks_EDHW.mean(0) >= 0.5).any(axis=(1, 2))
    union = drawn_ED.any(0).sum() * len(drawn_ED)
    return 1 - drawn_ED.sum() / union, (most_D & ~drawn_ED).sum() / union, (drawn_ED & ~most_D).sum() / union


def _length(falling_L: Numbers) -> float:
    """The lag, in steps, at which an autocorrelation falls to 1/e of where it starts; 0 where nothing varies."""
    if not falling_L[0]:
        return 0.0
    share = falling_L / falling_L[0]
    after = int(np.argmax(share < 1 / np.e)) or len(share) - 1
    return after - 1 + float((share[after - 1] - 1 / np.e) / max(share[after - 1] - share[after], 1e-9))
