"""A real Chromium without WebGL, under the server's own content-security policy, and what it complained about."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

# As long as a starved core needs: a page that is slow is not wrong.
expect.set_options(timeout=30_000)

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No WebGL of any kind: what works here works on a remote desktop (VIEWER 13.3).
SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to confine itself for root
FLAGS = [
    *SANDBOX,
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-background-networking",
    "--disable-component-update",
]


def chromium_path() -> str:
    """Chromium from CONSILIUM_CHROMIUM or the PATH; skips the test, with the install line, where there is none."""
    path = os.environ.get("CONSILIUM_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CONSILIUM_CHROMIUM")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests; gone afterwards, because Playwright's event loop would stand in other tests' way."""
    path = chromium_path()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield started
        started.close()


@dataclass
class Complaints:
    """Everything a page should not do: script errors, policy violations, requests to another origin."""

    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda said: self.violations.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.on("request", lambda request: self._judge(request.url))

    def _judge(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.foreign.append(url)

    def none(self) -> bool:
        return not (self.errors or self.violations or self.foreign)


@pytest.fixture
def complaints() -> Complaints:
    """Collects; a test asserts `complaints.none()` in its end."""
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    """A fresh tab with its own cookies, 1440×900."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    complaints.listen(tab)
    yield tab
    context.close()
