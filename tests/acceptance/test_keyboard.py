"""Everybody's own keys and look, by keyboard and in a real browser: rebound, refused, switched off, remembered by the server."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import api, open_page, open_read, welcome
from tests.running import Running, eventually, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("keys") / "data", CONSILIUM_DEMO="true") as started:
        eventually("the demo project", lambda: (started.data / "demo-loaded").exists(), 300)
        yield started


def press_new_key(page: Page, command: str, chord: str) -> None:
    page.get_by_role("button", name=f"Change the key of {command}", exact=True).press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press(chord)


def test_keys_are_rebound_refused_switched_off_and_kept(server: Running, page: Page, complaints: Complaints) -> None:
    welcome(page, str(server.link))
    open_page(page, f"{server.url}/account?tab=keyboard")
    press_new_key(page, "Brush", "Shift+B")
    expect(page.get_by_test_id("shortcut-brush")).to_contain_text("Shift+B")

    press_new_key(page, "Crosshair", "e")
    expect(page.get_by_role("alert").filter(has_text="E already means: Eraser")).to_be_visible()
    page.keyboard.press("Control+1")
    expect(page.get_by_role("alert").filter(has_text="Ctrl+1 belongs to the browser")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_test_id("shortcut-crosshair")).to_contain_text("C")

    page.get_by_role("switch", name="Eraser: shortcut on").press("Space")
    expect(page.get_by_role("switch", name="Eraser: shortcut on")).not_to_be_checked()
    eventually("the server's keys", lambda: "eraser" in api(page, "/account/preferences")["shortcuts"])

    read = next(a for a in api(page, "/assignments?limit=200")["items"] if a["image_dims"][2] == 1)
    open_read(page, f"{server.url}/read/{read['id']}")
    pressed = {name: page.get_by_label(name, exact=True) for name in ("Brush", "Eraser", "Crosshair")}
    for key, chosen in (("c", "Crosshair"), ("b", "Crosshair"), ("e", "Crosshair"), ("Shift+b", "Brush")):
        page.keyboard.press(key)
        expect(pressed[chosen]).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Shift+B")
    expect(sheet).not_to_contain_text("Eraser E")
    page.keyboard.press("e")
    expect(sheet).to_be_visible()
    assert complaints.none(), complaints


def test_the_look_is_chosen_kept_and_the_reading_screen_stays_dark(
    server: Running, page: Page, complaints: Complaints
) -> None:
    sign_in(page, server)
    scheme = page.locator("html")
    open_page(page, f"{server.url}/account")
    page.get_by_role("radio", name="Light").click()
    expect(page.get_by_role("radio", name="Light")).to_be_checked()
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "light")

    eventually("the server's theme", lambda: api(page, "/account/preferences")["theme"] == "light")
    page.evaluate("() => localStorage.clear()")
    open_page(page, f"{server.url}/projects")
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "light")

    read = api(page, "/assignments?limit=1")["items"][0]
    open_read(page, f"{server.url}/read/{read['id']}")
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("link", name="Back to my reads").click()
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "light")
    assert complaints.none(), complaints


def sign_in(page: Page, server: Running) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").first.fill("correct horse battery 7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/$"))
