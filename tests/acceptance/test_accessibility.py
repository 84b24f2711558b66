"""WCAG 2.2 AA on every route, dark and light: axe finds nothing, each control has a name, nothing runs off at 320 px.

What a machine can judge, it judges here; the rest (is the order sensible, are the words clear) is for people's walks.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import PAGES, TABS, api, open_page, open_read, welcome
from tests.running import ROOT, Running, eventually, running

AXE: Final = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}  # fmt: skip
ACCOUNT_TABS: Final = ("keyboard", "tokens")

# What every page owes to somebody who cannot see it: a title, one heading of the first rank, a name for each control.
FAULTS: Final = """() => {
  const seen = (e) => e.getClientRects().length > 0 && !e.closest("[aria-hidden=true]");
  const name = (e) => [e.getAttribute("aria-label"), e.title, e.textContent, e.placeholder,
    ...[...(e.labels ?? [])].map((label) => label.textContent),
    ...(e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent)]
    .join("").trim();
  const all = (what) => [...document.querySelectorAll(what)];
  return [
    document.title ? null : "the page has no title",
    document.documentElement.lang ? null : "the page names no language",
    all("h1").filter(seen).length === 1 ? null : `${all("h1").filter(seen).length} headings of the first rank`,
    document.documentElement.scrollWidth > innerWidth ? "the page is wider than the window" : null,
    ...all("button, a[href], input:not([type=hidden]), [role=slider], [role=tab]").filter(seen)
      .map((e) => name(e) ? null : `no name: ${e.outerHTML.slice(0, 160)}`),
    ...all("img").map((e) => e.hasAttribute("alt") ? null : `no alternative text: ${e.src}`),
    ...all("[id]").map((e, _, every) => every.filter((o) => o.id === e.id).length > 1 ? `id twice: ${e.id}` : null),
  ].filter(Boolean);
}"""
# WCAG 2.5.8: 24 px, or as much room around. Links within sentences are exempt; what axe calls target-size is the same rule.
WIDER_THAN_WINDOW: Final = (
    "() => document.querySelector('main')?.scrollWidth > document.querySelector('main')?.clientWidth"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("axe") / "data", CONSILIUM_DEMO="true") as started:
        eventually("the demo project", lambda: (started.data / "demo-loaded").exists(), 300)
        yield started


@pytest.fixture(scope="module")
def heard() -> Complaints:
    """What `tab` has complained about so far."""
    return Complaints()


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Running, heard: Complaints) -> Iterator[Page]:
    """A signed-in admin's tab."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    heard.listen(page)
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


def faults(page: Page) -> list[Any]:
    """What axe finds and what it does not look for."""
    return [*axe(page), *page.evaluate(FAULTS)]


def choose(page: Page, url: str, theme: str) -> None:
    open_page(page, f"{url}/account")
    page.get_by_role("radio", name=theme.capitalize(), exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)


def addresses(page: Page) -> list[str]:
    project = api(page, "/projects")["items"][0]["id"]
    return [*PAGES, "/no/such/page", *(f"/account?tab={tab}" for tab in ACCOUNT_TABS),
            *(f"/projects/{project}?tab={tab}" for tab in TABS)]  # fmt: skip


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_page_has_a_fault(server: Running, tab: Page, heard: Complaints, theme: str) -> None:
    choose(tab, server.url, theme)
    found = {}
    for address in addresses(tab):
        open_page(tab, server.url + address)
        if wrong := faults(tab):
            found[address] = wrong

    assert not found, json.dumps(found, indent=1)
    assert heard.none(), heard


def test_neither_the_reading_screen_nor_its_sheet_has_a_fault(server: Running, tab: Page, heard: Complaints) -> None:
    found = {}
    for is_3d in (False, True):
        reads = api(tab, "/assignments?limit=200")["items"]
        read = next(one for one in reads if (one["image_dims"][2] > 1) == is_3d)
        open_read(tab, f"{server.url}/read/{read['id']}")
        found["a read in 3D" if is_3d else "a read in 2D"] = faults(tab)
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    found["the sheet of keys"] = axe(tab)

    wrong = {where: what for where, what in found.items() if what}
    assert not wrong, json.dumps(wrong, indent=1)
    assert heard.none(), heard


def test_the_page_to_sign_in_has_no_fault(server: Running, browser: Browser, complaints: Complaints) -> None:
    context = browser.new_context()
    page = context.new_page()
    complaints.listen(page)
    page.goto(f"{server.url}/login")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    found = faults(page)
    context.close()

    assert found == []
    assert complaints.none(), complaints


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
