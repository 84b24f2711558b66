"""Cables pulled, answers lost and browsers killed while a doctor draws: every stroke older than a second arrives, once.

`python -m tests.faults.cuts [--rounds 50] [--seed N]`. A real Chromium with a profile of its own draws on a real server
through a wire that is cut at seeded moments; in most rounds the browser then dies by SIGKILL and is started again on
the same profile. Strokes are counted on the server: none twice, none missing but those drawn within the last second
before a kill. `tests/acceptance/test_edits.py` runs the short form.
"""

import argparse
import contextlib
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.one_case import OneCase, dot, expect_depth, make_case, open_case
from tests.acceptance.screens import wait_saved
from tests.faults.wire import Wire
from tests.running import Client, eventually, running

SAFE_SECONDS = 1.0
STROKES_A_CASE = 300


def main() -> int:
    """Run and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="consilium-cuts-", ignore_cleanup_errors=True) as folder:
        counts = run(chosen.rounds, chosen.seed, Path(folder), print)
    print(f"seed {chosen.seed}, {chosen.rounds} rounds: {dict(counts)}")
    return 0


def run(rounds: int, seed: int, folder: Path, tell: object = None) -> Counter[str]:
    """So many cuts; raises AssertionError at the first stroke that is missing or there twice."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    with running(folder / "data") as server, Wire(server.port) as wire, sync_playwright() as playwright:
        admin = Client(server.url).redeem(str(server.link))
        doctor = Doctor(playwright, folder / "profile", wire, make_case(server, admin, "doctor-0"))
        for number in range(rounds):
            if doctor.drawn > STROKES_A_CASE:
                doctor.take(make_case(server, admin, f"doctor-{number}"))
            one_round(doctor, chance, counts)
            if callable(tell):
                tell(f"round {number + 1}: {dict(counts)}")
        doctor.close()
        counts["lost answers"] = wire.lost_answers
    return counts


class Doctor:
    """A browser on a profile that survives it, and how many strokes the case must have by now."""

    def __init__(self, playwright: Playwright, profile: Path, wire: Wire, case: OneCase) -> None:
        self.playwright, self.profile, self.wire, self.case, self.drawn = playwright, profile, wire, case, 0
        self.context: BrowserContext | None = None
        self.page = self.start()
        open_case(self.page, wire.url, case)

    def start(self) -> Page:
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.profile), executable_path=chromium_path(), headless=True, args=FLAGS,
            viewport={"width": 1280, "height": 800},
        )  # fmt: skip
        return self.context.pages[0]

    def take(self, case: OneCase) -> None:
        """Another doctor's turn, in the same browser."""
        assert self.context is not None
        self.context.clear_cookies()
        self.case, self.drawn = case, 0
        open_case(self.page, self.wire.url, case)

    def kill(self) -> None:
        """SIGKILL to every process of this browser."""
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.profile) in word for word in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.close()

    def close(self) -> None:
        if self.context is not None:
            with contextlib.suppress(Exception):  # a killed browser cannot be closed
                self.context.close()
        self.context = None


def one_round(doctor: Doctor, chance: random.Random, counts: Counter[str]) -> None:
    """Some strokes, a cut somewhere among them, perhaps a kill; then the cable is mended and everything is counted."""
    strokes, dies = chance.randint(2, 6), chance.random() < 0.6
    weather, moment = chance.choice(("cut", "cut", "lost")), chance.randrange(strokes)
    times: list[float] = []
    for n in range(strokes):
        if n == moment and weather == "lost":
            doctor.wire.lose_answers(chance.randint(1, 3))
        dot(doctor.page, doctor.drawn + n)
        times.append(time.monotonic())
        if n == moment and weather == "cut":
            time.sleep(chance.random() * 0.06)
            doctor.wire.cut()
        time.sleep(chance.random() * 0.3)
    expect_depth(doctor.page, doctor.drawn + strokes)
    counts["strokes"] += strokes
    counts[weather] += 1
    safe = strokes
    if dies:
        time.sleep(chance.random() * 2)
        safe = sum(time.monotonic() - drawn > SAFE_SECONDS for drawn in times)
        doctor.kill()
        doctor.wire.mend()
        doctor.page = doctor.start()
        open_case(doctor.page, doctor.wire.url, doctor.case)
        counts["kills"] += 1
    doctor.wire.mend()
    wait_saved(doctor.page)
    least, most = doctor.drawn + safe, doctor.drawn + strokes
    found = eventually("every stroke on the server", lambda: _enough(doctor.case, least))
    runs = [str(edit["runs"]) for edit in found]
    assert len(set(runs)) == len(runs), f"{len(runs) - len(set(runs))} strokes arrived twice"
    assert least <= len(runs) <= most, f"{len(runs)} strokes on the server, not {least} to {most}"
    counts["younger than a second, lost"] += most - len(runs)
    doctor.drawn = len(runs)
    expect_depth(doctor.page, doctor.drawn)


def _enough(case: OneCase, least: int) -> list[dict[str, object]] | None:
    found = case.edits()
    return found if len(found) >= least else None


if __name__ == "__main__":
    raise SystemExit(main())
