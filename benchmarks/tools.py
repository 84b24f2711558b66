"""Script time of the tools with a budget in VIEWER section 10, on 512×512 slices, without a browser.

`python -m benchmarks.tools`: a polygon of 400 vertices, a hole fill in one slice, nine slices interpolated between two drawn ones;
each the quickest of fifteen gestures from the first press to the finished edit, in processor time, which a busy machine does not stretch. Needs Node and `frontend/node_modules`.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, report, say
from tests.contract.typescript import build_engine

LIMITS_MS = {"polygon": 16.0, "holes": 16.0, "interpolate": 100.0, "interpolateFar": 100.0, "interpolateVolume": 100.0}
NAMES = {
    "polygon": "polygon, 400 vertices",
    "holes": "hole fill, 512×512",
    "interpolate": "interpolate 9 slices, 512×512, radius 200 to 180 voxels",
    "interpolateFar": "interpolate 9 slices, 512×512, radius 200 to 140 voxels",
    "interpolateVolume": "preview of a propagation: every gap of 64×256×256, drawn on every eighth slice",
}


def main() -> int:
    """Measure and print the figures; small and full are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="consilium-tools-") as folder:
        script = build_engine(Path(folder)).with_name("speed.js")
        done = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True, timeout=170)
    times_ms: dict[str, float] = json.loads(done.stdout)
    for tool, milliseconds in times_ms.items():
        say(f"{NAMES[tool]}: {milliseconds:.1f} ms")
    figures = [Figure(NAMES[tool], round(ms, 2), "ms", LIMITS_MS[tool]) for tool, ms in times_ms.items()]
    return report("tools", figures, load_average=round(os.getloadavg()[0], 1))


if __name__ == "__main__":
    raise SystemExit(main())
