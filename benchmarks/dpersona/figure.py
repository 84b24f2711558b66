"""One picture of a table: spread against identity, a point per method, a panel per pack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {"unified": "#0072b2", "published": "#d55e00", "probabilistic_unet": "#999999", "expert_adaptive": "#009e73", "majority": "#cc79a7", "staple": "#56b4e9"}  # fmt: skip


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write an SVG: GED_V (lower is better) against identity-matched Dice, or against Dice_match where experts are no persons."""
    packs = list(dict.fromkeys(row["data"] for row in rows))
    mpl.rcParams["svg.hashsalt"] = "consilium"  # the same rows give the same file
    figure = Figure(figsize=(4.0 * len(packs), 3.4), layout="constrained")
    for axis, data in zip(figure.subplots(1, len(packs), squeeze=False).flat, packs, strict=True):
        mine = [row for row in rows if row["data"] == data]
        places = [row.get("identity_dice", row["dice_match"]) for row in mine]
        for row, across in zip(mine, places, strict=True):
            left = across > (min(places) + max(places)) / 2  # names stay inside the panel
            place = {"xytext": (-4 if left else 4, 4), "ha": "right" if left else "left", "va": "bottom"}
            if row["method"] == "staple":  # beside majority: below it
                place |= {"xytext": (-4, -4), "va": "top"}
            axis.plot(across, row["ged_v"], "o", color=COLOURS[row["method"]])
            axis.annotate(row["method"].replace("_", " "), (across, row["ged_v"]), fontsize=7, textcoords="offset points", **place)  # fmt: skip
        identity = any("identity_dice" in row for row in mine)
        axis.set_xlabel("identity-matched Dice, points" if identity else "Dice_match, points", fontsize=8)
        axis.set_ylabel("GED with self pairs (lower is better)", fontsize=8)
        axis.set_title(data, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.margins(0.25)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
