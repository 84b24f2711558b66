"""What is measured once: a cell of the paper's tables, or one personalisation of the cross-validation, as a plain value.

Cells that share a pretraining form one group. `ways` start indices follow the paper: consecutive training cases, wrapping around,
nested in the number of corrections, ten starts evenly spread (on the paper's 34 cases: 1, 4, 7, ..., 28).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from typing import Any, NamedTuple

from benchmarks.expert_adaptive.packs import Pack

WAYS = 10
RECIPES = ("default", "paper", "frozen", "scratch", "alone", "nearest", "consensus")
FROM_NOTHING = ("scratch", "alone")  # without a shared network: published, and taught as the shared one is
ABLATIONS = ("no-init", "no-blend", "no-row", "no-adapter", "replay", "no-ema", "no-early-stop")


class Pretraining(NamedTuple):
    """Which network a cell stands on; cells with equal ones share it."""

    data: str
    fold: int | None
    pool: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Cell:
    """One training for one expert. fold None is the pack's own split; targets: the experts whose masks the result is scored on."""

    table: str
    data: str
    fold: int | None
    pool: tuple[int, ...]
    expert: int
    targets: tuple[int, ...]
    corrections: int
    start: int
    recipe: str
    seed: int

    @property
    def pretraining(self) -> Pretraining | None:
        """None for a recipe that starts from nothing."""
        return None if self.recipe in FROM_NOTHING else Pretraining(self.data, self.fold, self.pool, self.seed)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"pool": list(self.pool), "targets": list(self.targets)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Cell":
        """The inverse of as_dict."""
        return cls(**{**values, "pool": tuple(values["pool"]), "targets": tuple(values["targets"])})


def support(training: tuple[int, ...], start: int, count: int) -> list[int]:
    """`count` consecutive training cases from `start`, wrapping around: nested in `count`."""
    return [training[(start + i) % len(training)] for i in range(count)]


def starts(cases: int, ways: int) -> list[int]:
    """Start indices of the ways: every floor(cases / 10)-th case for ten; fewer ways are spread as evenly."""
    step = cases // max(ways, WAYS) if ways >= WAYS else cases // ways
    return [way * step for way in range(ways)]


def sizes(cases: int) -> list[int]:
    """Numbers of corrections of Table II: every fifth up to all cases."""
    return [*range(5, cases, 5), cases]


def table_one(pack: Pack, seed: int) -> Iterator[Cell]:
    """Table I: the conventional network of every expert's own masks, tested on every new expert."""
    for expert in range(len(pack.experts)):
        yield Cell("I", pack.name, None, (), expert, pack.new, len(pack.train), 0, "scratch", seed)


def table_two(pack: Pack, seed: int, recipes: tuple[str, ...], ways: int, pretrained_on: int = 3) -> Iterator[Cell]:
    """Table II: n corrections, with every set of three pretraining experts and without any."""
    for expert in pack.new:
        for count in sizes(len(pack.train)):
            for start in starts(len(pack.train), ways):
                yield Cell("II", pack.name, None, (), expert, (expert,), count, start, "scratch", seed)
                for pool in combinations(pack.pool, min(pretrained_on, len(pack.pool))):
                    for recipe in recipes:
                        yield Cell("II", pack.name, None, pool, expert, (expert,), count, start, recipe, seed)


def table_three(pack: Pack, seed: int, recipes: tuple[str, ...], ways: int, corrections: int = 10) -> Iterator[Cell]:
    """Table III: ten corrections after pretraining on every subset of the pool; k = 0 is from scratch."""
    for expert in pack.new:
        for start in starts(len(pack.train), ways):
            yield Cell("III", pack.name, None, (), expert, (expert,), corrections, start, "scratch", seed)
            for size in range(1, len(pack.pool) + 1):
                for pool in combinations(pack.pool, size):
                    for recipe in recipes:
                        yield Cell("III", pack.name, None, pool, expert, (expert,), corrections, start, recipe, seed)


def cross_validation(
    pack: Pack,
    seed: int,
    recipes: tuple[str, ...],
    ways: int,
    corrections: tuple[int, ...],
    folds: Sequence[int | None],
) -> Iterator[Cell]:
    """The headline: every case is tested once, in a fold whose network and corrections never saw it. 0 corrections: all of them.

    folds [None] is the pack's own split instead, one network for all: the quick form, table "split".
    """
    for fold in folds:
        training, _ = pack.split(fold)
        # Each seed starts elsewhere, so that with one way per seed the seeds also average over what was drawn first.
        offset = seed * 5 % len(training)
        for expert, count, start in product(pack.new, corrections, starts(len(training), ways)):
            for recipe in recipes:
                pool = () if recipe in FROM_NOTHING else pack.pool
                yield Cell(
                    "split" if fold is None else "cv", pack.name, fold, pool, expert, (expert,), count or len(training),
                    (start + offset) % len(training), recipe, seed,
                )  # fmt: skip
