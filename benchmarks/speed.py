"""How fast the network learns and predicts, and what an expert costs: S1, S2 and S5 of LEARNING section 10.

`python -m benchmarks.speed [--small | --full | --dice]`: the paper's network (ResNet-18, 192 x 192, batch 8) on one thread in processor seconds,
every ratio within this run. --small leaves out compiling, which on two cores takes about a minute. --dice is what bfloat16 does to the Dice
of a trained network, and nothing else. The fast path is what a job would use on this machine: bfloat16 where the processor multiplies it, compiled where
`acceleration.pays` says so; the compiled step is printed beside it, whether it pays or not. Beside S1 stands its ceiling: the network's
multiplications at the fastest this processor was seen to convolve in bfloat16, with everything else for nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.expert_adaptive import packs
from benchmarks.figures import Figure, report, say
from worker.learning import Case, Predictor, methods, paper_config, save_safetensors, save_style
from worker.learning.acceleration import Accelerated, pays
from worker.learning.architectures import build
from worker.learning.compiled_code import compiled_code_in
from worker.learning.files import halved
from worker.learning.losses import segmentation_loss
from worker.learning.metrics import mean_dice
from worker.learning.network import StyledNetwork, initialise
from worker.learning.precision import autocast

EDGE, BATCH, USERS = 192, 8, 8
EXPERTS = (1, 10, 100, 1_000, 10_000)
REPEATS = 4
STEPS = 100  # of the training behind `rounding`
METHOD = methods.load("expert_adaptive")
Forward = Callable[[Tensor, Tensor], Tensor]


class Bench:
    """The network, a batch, and its timings in processor milliseconds; the median of REPEATS after one unmeasured."""

    def __init__(self) -> None:
        self.config = paper_config(frame=(EDGE, EDGE))
        self.fp32 = paper_config(frame=(EDGE, EDGE), precision="fp32")
        self.network: StyledNetwork = build(self.config)
        initialise(self.network, torch.Generator().manual_seed(0))
        self.network.requires_grad_()
        chance = torch.Generator().manual_seed(1)
        self.image = torch.randn(BATCH, 1, EDGE, EDGE, generator=chance)
        self.target = (torch.rand(BATCH, EDGE, EDGE, generator=chance) > 0.5).to(torch.uint8)
        self.rows = self.network.neutral_row().repeat(BATCH, 1).requires_grad_()

    def training(self, forward: Forward, is_fp32: bool = False) -> float:
        """One step without the optimiser: forward, loss, backward."""

        def step() -> None:
            with autocast(self.fp32 if is_fp32 else self.config, torch.device("cpu"), training=True):
                logits = forward(self.image, self.rows)
            segmentation_loss(logits, self.target, torch.ones(self.target.shape), "dice_ce").mean().backward()

        return milliseconds(step)

    def inference(self, forward: Forward, is_fp32: bool = False) -> float:
        """One forward pass of the batch; bfloat16 as in training, so that both are compared alike."""

        def step() -> None:
            with torch.no_grad(), autocast(self.fp32 if is_fp32 else self.config, torch.device("cpu"), training=True):
                forward(self.image, self.rows)

        return milliseconds(step)


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Processor time of one call: the median after one unmeasured."""
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append((time.process_time() - began) * 1000)
    return float(np.median(times))


def steps(bench: Bench, with_compiler: bool) -> list[Figure]:
    """S1: the fast path against eager fp32."""
    plain = {"training": bench.training(bench.network, True), "inference": bench.inference(bench.network, True)}
    fast = {"training": bench.training(bench.network), "inference": bench.inference(bench.network)}
    found = [Figure(f"{name} step, eager fp32", value, "ms") for name, value in plain.items()]
    found += [Figure(f"{name} step, bf16", value, "ms") for name, value in fast.items()]
    if with_compiler:
        accelerated = Accelerated(bench.network)
        began = time.process_time()
        compiled = {"training": bench.training(accelerated), "inference": bench.inference(accelerated)}
        say(f"compiled and measured in {time.process_time() - began:.0f} processor seconds")
        found += [Figure(f"{name} step, bf16 compiled", value, "ms") for name, value in compiled.items()]
        if pays(bench.config, torch.device("cpu"), bench.config.steps):
            fast = compiled
    limits = {"training": 4.0, "inference": 5.0}
    found += [
        Figure(f"S1 {name}: eager fp32 / fast path", plain[name] / fast[name], "ratio", limits[name], "at least")
        for name in limits
    ]
    return found + ceilings(bench, plain)


def ceilings(bench: Bench, plain: Mapping[str, float]) -> list[Figure]:
    """How far S1 can go on this processor: a step of nothing but convolutions at its fastest rate in bfloat16."""
    rates = {name: convolving(kind) for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16))}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bench.network(bench.image, bench.rows)
    billions = {"inference": counter.get_total_flops() / 1e9}
    billions["training"] = (
        3 * billions["inference"]
    )  # forward, and as much again for the inputs' and the weights' gradient
    return [
        *(Figure(f"convolutions in {name}, fastest", rate, "GFLOP/s") for name, rate in rates.items()),
        *(
            Figure(f"S1 {name}: ceiling of this processor", plain[name] * rates["bf16"] / work / 1000, "ratio")
            for name, work in billions.items()
        ),
    ]


def convolving(kind: torch.dtype) -> float:
    """Billions of operations a second in a convolution that suits the processor: 256 channels on 12 x 12."""
    x, weight = torch.randn(BATCH, 256, 12, 12).to(kind), torch.randn(256, 256, 3, 3).to(kind)
    work = 2 * BATCH * 256 * 256 * 9 * 12 * 12
    return work / milliseconds(lambda: functional.conv2d(x, weight, padding=1), 5 * REPEATS) / 1e6


def rounding() -> list[Figure]:
    """What bfloat16 costs a trained network in Dice: QUBIQ's first 14 cases teach it for STEPS, the others are predicted both ways."""
    pack = packs.load(packs.REAL[0])
    half = len(pack.cases) // 2
    config = paper_config(steps=STEPS, batch=BATCH, held_out_every=0)
    trained = METHOD.pretrain([pack.reading(case, expert) for case in range(half) for expert in pack.pool], config)
    shown = [pack.reading(case, expert) for case in range(half, len(pack.cases)) for expert in pack.pool]
    cases = [Case(reading.image_CDHW, packs.UNIT, trained.rows[reading.expert]) for reading in shown]
    dice = {}
    for precision in ("fp32", "bf16"):
        predicted = METHOD.predictor(trained.weights, replace(trained.config, precision=precision)).predict(cases)
        dice[precision] = [100 * mean_dice(p, r.labels_DHW, [1]) for p, r in zip(predicted, shown, strict=True)]
    change = np.subtract(dice["bf16"], dice["fp32"])
    return [
        Figure(f"Dice of {len(cases)} predictions in fp32", float(np.mean(dice["fp32"])), "points"),
        Figure("change of Dice in bf16, mean", abs(float(change.mean())), "points", 0.05),
        Figure("change of Dice in bf16, largest", float(np.abs(change).max()), "points"),
    ]


def mixed(bench: Bench) -> list[Figure]:
    """S2: eight users with eight styles in one batch against one after the other."""
    predictor = Predictor(bench.network.requires_grad_(False), bench.config, torch.device("cpu"))
    rows = torch.randn(USERS, bench.network.row_length, generator=torch.Generator().manual_seed(2))
    images = [bench.image[user % BATCH, :, None].numpy() for user in range(USERS)]
    cases = [Case(image, (1.0, 1.0, 1.0), row) for image, row in zip(images, rows, strict=True)]
    together = milliseconds(lambda: predictor.predict(cases))
    alone = milliseconds(lambda: [predictor.predict([case]) for case in cases])
    return [
        Figure("8 users in one batch", together, "ms"), Figure("8 users one by one", alone, "ms"),
        Figure("S2 one by one / one batch", alone / together, "ratio", 1.25, "at least"),
    ]  # fmt: skip


def experts(bench: Bench) -> list[Figure]:
    """S5: prediction time over 1 to 10,000 resident styles, fitted as time ~ experts^x; bytes of a style against the network's."""
    predictor = Predictor(bench.network.requires_grad_(False), bench.config, torch.device("cpu"))
    image = bench.image[0, :, None].numpy()
    table = {n: torch.randn(n, bench.network.row_length, generator=torch.Generator().manual_seed(n)) for n in EXPERTS}
    times: dict[int, list[float]] = {count: [] for count in EXPERTS}
    for turn in range(2 * REPEATS):  # in turns, so that a machine that warms up does not look like growth
        for count in EXPERTS:
            row = table[count][(turn * 7919) % count]
            case = Case(image, (1.0, 1.0, 1.0), row)
            began = time.process_time()
            predictor.predict([case])
            times[count].append((time.process_time() - began) * 1000)
    medians = [float(np.median(times[count])) for count in EXPERTS]
    exponent = float(np.polyfit(np.log(EXPERTS), np.log(medians), 1)[0])
    network = len(save_safetensors(bench.network.state_dict(), {}))
    row = len(save_safetensors({"row": table[1][0]}, {}))
    adapter = bench.network.neutral_adapter(torch.Generator().manual_seed(3))
    trained = len(save_style(halved(table[1][0]), halved(adapter), {}))
    found = [Figure(f"prediction among {n} experts, median", m, "ms") for n, m in zip(EXPERTS, medians, strict=True)]
    return [
        *found,
        Figure("S5 growth exponent", exponent, "power", 0.05),
        Figure("network", network / 1e6, "MB"),
        Figure("style row", row / 1e3, "kB"),
        Figure("trained style (row and adapter, halves)", trained / 1e3, "kB"),
        Figure("S5 style row / network", row / network, "fraction", 0.001),
        Figure("S5 trained style / network", trained / network, "fraction", 0.001),
    ]


def main() -> int:
    """Measure and print the closing JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="without compiling (the default)")
    parser.add_argument("--full", action="store_true", help="compiled as well")
    parser.add_argument("--dice", action="store_true", help="only what bfloat16 does to Dice")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.dice:
        try:
            return report("speed", rounding(), threads=1)
        except packs.PackAbsent as absent:
            return report("speed", [], skipped=str(absent))
    bench = Bench()
    with tempfile.TemporaryDirectory(prefix="consilium-inductor-") as folder, compiled_code_in(Path(folder)):
        figures = steps(bench, asked.full)
    return report("speed", [*figures, *mixed(bench), *experts(bench)], threads=1)


if __name__ == "__main__":
    sys.exit(main())
