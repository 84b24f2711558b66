"""One picture of a table: Dice with its interval per recipe, one panel per data set and new expert, the human ceiling as a line."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.expert_adaptive.tables import Row

COLOURS = {"default": "#0072b2", "paper": "#d55e00", "scratch": "#999999", "alone": "#e69f00", "nearest": "#009e73", "consensus": "#56b4e9", "frozen": "#cc79a7"}  # fmt: skip


def draw(rows: Sequence[Row], ceilings: Sequence[Row], path: Path) -> None:
    """Write an SVG. Where a line was measured at several numbers of corrections it is a curve over them, else points side by side."""
    panels = list(dict.fromkeys((row["data"], row["target"]) for row in rows))
    mpl.rcParams["svg.hashsalt"] = "consilium"  # the same rows give the same file
    figure = Figure(figsize=(3.4 * min(len(panels), 4), 3.2 * -(-len(panels) // 4)), layout="constrained")
    axes = figure.subplots(-(-len(panels) // 4), min(len(panels), 4), squeeze=False).flat
    for axis, (data, target) in zip(axes, panels, strict=False):
        here = [row for row in rows if (row["data"], row["target"]) == (data, target)]
        over = "pool_size" if {row["table"] for row in here} == {"III"} else "corrections"
        several = len({row[over] for row in here}) > 1
        for place, recipe in enumerate(dict.fromkeys(row["recipe"] for row in here)):
            line = sorted((row for row in here if row["recipe"] == recipe), key=lambda row: row[over])
            axis.errorbar(
                [row[over] for row in line] if several else [place] * len(line),
                [row["dice"] for row in line],
                [[row["dice"] - row["dice_low"] for row in line], [row["dice_high"] - row["dice"] for row in line]],
                marker="o", markersize=4, capsize=2, linewidth=1, label=recipe, color=COLOURS.get(recipe),
            )  # fmt: skip
        for ceiling in ceilings:
            if (ceiling["data"], ceiling["target"]) == (data, target):
                axis.axhline(
                    ceiling["majority_of_pool"],
                    color="#555555",
                    linestyle=":",
                    linewidth=1,
                    label="majority of the pool",
                )
        axis.set_title(f"{data}\n{target}", fontsize=8)
        axis.set_xlabel(
            {"pool_size": "pretraining experts", "corrections": "corrections"}[over] if several else "", fontsize=8
        )
        axis.set_ylabel("Dice, points", fontsize=8)
        axis.tick_params(labelsize=7)
        if not several:
            axis.set_xticks([])
    figure.legend(*_labels(figure), loc="outside lower center", ncols=4, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _labels(figure: Figure) -> tuple[list[object], list[str]]:
    """Each line once, however many panels show it."""
    found: dict[str, object] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
