"""WCAG 2.2 AA on every route, dark and light: axe finds nothing, targets are large enough, nothing runs off at 320 px.

What a machine can judge, it judges here; the rest (is the order sensible, are the words clear) is for people's walks.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import api, welcome
from tests.acceptance.test_screenshots import PAGES, TABS, open_page, open_read
from tests.running import ROOT, Running, eventually, running

AXE: Final = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}  # fmt: skip
ACCOUNT_TABS: Final = ("keyboard", "tokens")

# WCAG 2.5.8: 24 px, or as much room around. Links within sentences are exempt; what axe calls target-size is the same rule.
WIDER_THAN_WINDOW: Final = (
    "() => document.querySelector('main')?.scrollWidth > document.querySelector('main')?.clientWidth"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("axe") / "data", CONSILIUM_DEMO="true") as started:
        eventually("the demo project", lambda: (started.data / "demo-loaded").exists(), 90)
        yield started


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Running) -> Iterator[Page]:
    """A signed-in admin's tab."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    welcome(page, str(server.link))
    yield page
    context.close()


def axe(page: Page) -> list[dict[str, Any]]:
    """What axe finds on the page as it stands: rule, impact and the first culprits."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run npm ci in frontend/")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async (rules) => (await axe.run(document, rules)).violations", RULES)
    return [{"rule": one["id"], "impact": one["impact"], "help": one["help"],
             "nodes": [node["html"][:160] for node in one["nodes"][:4]]} for one in found]  # fmt: skip


def choose(page: Page, url: str, theme: str) -> None:
    open_page(page, f"{url}/account")
    page.get_by_role("radio", name=theme.capitalize(), exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)


def addresses(page: Page) -> list[str]:
    project = api(page, "/projects")["items"][0]["id"]
    return [*PAGES, "/no/such/page", *(f"/account?tab={tab}" for tab in ACCOUNT_TABS),
            *(f"/projects/{project}?tab={tab}" for tab in TABS)]  # fmt: skip


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_any_page(server: Running, tab: Page, complaints: Complaints, theme: str) -> None:
    choose(tab, server.url, theme)
    found = {}
    for address in addresses(tab):
        open_page(tab, server.url + address)
        if wrong := axe(tab):
            found[address] = wrong

    assert not found, json.dumps(found, indent=1)


def test_axe_finds_nothing_on_the_reading_screen_and_in_its_sheet(server: Running, tab: Page) -> None:
    found = {}
    for is_3d in (False, True):
        reads = api(tab, "/assignments?limit=200")["items"]
        read = next(one for one in reads if (one["image_dims"][2] > 1) == is_3d)
        open_read(tab, f"{server.url}/read/{read['id']}")
        found["a read in 3D" if is_3d else "a read in 2D"] = axe(tab)
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    found["the sheet of keys"] = axe(tab)

    wrong = {where: faults for where, faults in found.items() if faults}
    assert not wrong, json.dumps(wrong, indent=1)


def test_axe_finds_nothing_before_anybody_has_signed_in(server: Running, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/login")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    found = axe(page)
    context.close()

    assert found == []


def test_pages_reflow_at_320_pixels(server: Running, tab: Page) -> None:
    tab.set_viewport_size({"width": 320, "height": 640})
    wide = []
    for address in addresses(tab):
        open_page(tab, server.url + address)
        if tab.evaluate(WIDER_THAN_WINDOW):
            wide.append(address)
    tab.set_viewport_size({"width": 1440, "height": 900})

    assert wide == []


def test_the_first_tab_stop_skips_to_the_content_and_the_banner_is_everywhere(server: Running, tab: Page) -> None:
    for address in PAGES:
        open_page(tab, server.url + address)
        expect(tab.get_by_test_id("research-banner")).to_have_text(re.compile("Not for diagnosis"))
        tab.keyboard.press("Tab")
        expect(tab.get_by_role("link", name="Skip to content")).to_be_focused()
