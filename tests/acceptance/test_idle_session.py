"""A session nobody uses: the warning, the images hidden in time, and everything as it was after signing in again."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.one_case import draw, make_case, open_case
from tests.acceptance.screens import wait_saved
from tests.running import PASSWORD, Client, running


def test_an_idle_session_warns_hides_the_images_and_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, page: Page
) -> None:
    with running(tmp_path_factory.mktemp("idle") / "data", CONSILIUM_SESSION_IDLE_MINUTES="1") as server:
        admin = Client(server.url).redeem(str(server.link))
        case = make_case(server, admin, "idle")
        open_case(page, server.url, case)
        warning = page.get_by_test_id("idle-warning")
        expect(warning).to_be_visible(timeout=45_000)
        page.keyboard.press("Shift")
        expect(warning).to_have_count(0)
        page.keyboard.press("e")
        page.keyboard.press("ArrowUp")
        draw(page, range(2))
        before = page.get_by_role("button", name="Eraser", exact=True).get_attribute("aria-pressed")
        expect(page.get_by_text("Your session has ended")).to_be_visible(timeout=90_000)
        where = page.url

        page.locator("input[type=password]").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Your session has ended")).to_have_count(0)

        assert page.url == where
        assert page.get_by_role("button", name="Eraser", exact=True).get_attribute("aria-pressed") == before
        page.keyboard.press("b")
        draw(page, range(2, 4))
        wait_saved(page)
        case.doctor.post("/session", {"name": case.name, "password": PASSWORD})  # this client idled as well
        assert case.labels().any()
