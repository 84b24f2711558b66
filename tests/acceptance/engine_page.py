"""The slice engine on a bare page, built by Vite and served under a strict policy: no backend, no database.

`tests/acceptance/test_engine.py` and `benchmarks/viewer.py` use it where the whole application would only add noise.
"""

import base64
import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'"
)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Silent: the test says what matters."""


class _Strict(_Quiet):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Build the page into a folder and serve it on 127.0.0.1; gives the port."""
    build = [
        "npx",
        "vite",
        "build",
        "--config",
        "tests/engine/vite.config.ts",
        "--outDir",
        str(folder),
        "--logLevel",
        "error",
    ]
    subprocess.run(build, cwd=FRONTEND, check=True, timeout=120)
    with serve(folder) as port:
        yield port


@contextmanager
def serve(folder: Path, is_strict: bool = True) -> Iterator[int]:
    """Serve a folder on 127.0.0.1, under the strict policy unless told otherwise; gives the port."""
    handler = functools.partial(_Strict if is_strict else _Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def open_phantom(
    page: Page,
    origin: str,
    size: tuple[int, int, int],
    affine: tuple[float, ...],
    *,
    geometry: str = "regular",
    experts: int = 0,
    drawn: bool = False,
    proposal: bool = False,
    heat: bool = False,
) -> None:
    """Show the phantom and wait until image and label maps are there. affine: 12 numbers, voxel → RAS mm."""
    layers = {"experts": experts, "drawn": drawn, "proposal": proposal, "heat": heat}
    wanted = {"size": size, "affine": affine, "geometry": geometry, **layers}
    page.goto("about:blank")
    page.goto(f"{origin}/index.html#{quote(json.dumps(wanted))}")
    page.evaluate(
        """async () => {
            await loaded;
            while (viewer.state.slabsLoaded < viewer.state.slabCount) await new Promise((done) => setTimeout(done, 20));
        }"""
    )
    next_frame(page)


def read_canvas(page: Page, plane: str) -> NDArray[np.uint8]:
    """What a view of this page or of the reading screen shows, [y, x, RGB], in device pixels."""
    next_frame(page)
    width, height, text = page.locator(f"#{plane}, [data-testid=view-{plane}]").evaluate(READ_CANVAS)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


READ_CANVAS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const parts = [];
    for (let at = 0; at < data.length; at += 32768) parts.push(String.fromCharCode(...data.subarray(at, at + 32768)));
    return [canvas.width, canvas.height, btoa(parts.join(""))];
}"""


def next_frame(page: Page) -> None:
    """Until what was asked for has been painted and reported."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
