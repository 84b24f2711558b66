"""The pictures of the README and the docs, taken of the demo where `CONSILIUM_SCREENSHOTS=1` asks for them (minutes)."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.acceptance.screens import TABS, api, open_page, open_read, welcome
from tests.acceptance.test_doctors_day import CASES_TO_READ, own_style, predicted, pretrain, read_one
from tests.running import PASSWORD, ROOT, Client, Running, eventually, running

PICTURES = ROOT / "docs" / "screenshots"

pytestmark = pytest.mark.skipif(
    os.environ.get("CONSILIUM_SCREENSHOTS") != "1", reason="takes pictures for docs/: set CONSILIUM_SCREENSHOTS=1"
)


def test_the_readme_has_its_pictures(page: Page, tmp_path: Path) -> None:
    """docs/screenshots: after pretraining and five cases read, the doctor has a style of their own."""
    with running(tmp_path / "data", CONSILIUM_DEMO="true") as server:
        eventually("the demo project", lambda: (server.data / "demo-loaded").exists(), 300)
        welcome(page, str(server.link))
        project = api(page, "/projects")["items"][0]
        pretrain(page, project["id"])
        first = eventually("predictions", lambda: predicted(page, project["id"], CASES_TO_READ + 1), 120, 0.5)
        page.goto(server.url)
        page.get_by_test_id("start-reading").click()
        for _ in range(CASES_TO_READ):
            read_one(page, first)
        live = eventually("a style of one's own", lambda: own_style(page, project["id"]), 180, 0.5)
        eventually("predictions in it", lambda: predicted(page, project["id"], 1, live["id"]), 120, 0.5)
        photograph(page, server.url, project["id"], PICTURES)


def test_every_page_has_its_picture(page: Page, tmp_path: Path) -> None:
    """docs/screenshots/pages: every page dark, the most used ones light, the narrowest at 320 pixels; and a review."""
    with running(tmp_path / "data", CONSILIUM_DEMO="true") as untouched:
        eventually("the demo project", lambda: (untouched.data / "demo-loaded").exists(), 300)
        photograph_pages(page, untouched)
        photograph_review(page, untouched)


def photograph_pages(page: Page, server: Running) -> None:
    """Every page of a demo that nobody has used yet."""
    page.goto(f"{server.url}/login")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    shoot(page, PICTURES / "pages" / "login.png")
    welcome(page, str(server.link))
    project = api(page, "/projects")["items"][0]["id"]
    names = {
        "worklist": "/", "projects": "/projects", "jobs": "/jobs", "account": "/account", "users": "/admin/users",
        "keyboard": "/account?tab=keyboard", "tokens": "/account?tab=tokens", "experts": "/admin/experts",
        "health": "/admin/system", "not-found": "/no/such/page",
        **{f"project-{tab}": f"/projects/{project}?tab={tab}" for tab in TABS},
    }  # fmt: skip
    for name, path in names.items():
        open_page(page, server.url + path)
        shoot(page, PICTURES / "pages" / f"{name}.png")
    read = next(a for a in api(page, "/assignments?limit=200")["items"] if a["image_dims"][2] > 1)
    open_read(page, f"{server.url}/read/{read['id']}")
    shoot(page, PICTURES / "pages" / "first-case.png")
    open_page(page, f"{server.url}/account")
    page.get_by_role("radio", name="Light").click()
    for name in ("worklist", "health", "project-progress", "keyboard", "users"):
        open_page(page, server.url + names[name])
        shoot(page, PICTURES / "pages" / f"{name}-light.png")
    page.set_viewport_size({"width": 320, "height": 640})
    for name in ("worklist", "health"):
        open_page(page, server.url + names[name])
        shoot(page, PICTURES / "pages" / f"{name}-320.png")


def photograph_review(page: Page, server: Running) -> None:
    """What an adjudicator of the demo finds: the images to settle, and where the readers of one differ."""
    admin = Client(server.url)
    admin.post("/session", {"name": "admin", "password": PASSWORD})
    project = admin.every("/projects")[0]["id"]
    made = admin.post("/users", {"name": "adjudicator", "display_name": "Dr Adjudicator", "role": "expert"})
    admin.post(f"/projects/{project}/members", {"user_id": made["user"]["id"], "role": "adjudicator"})
    page.context.clear_cookies()
    page.set_viewport_size({"width": 1440, "height": 900})
    welcome(page, made["link"]["url"])
    open_page(page, f"{server.url}/projects/{project}?tab=reviews")
    shoot(page, PICTURES / "pages" / "project-reviews.png")
    page.get_by_role("link", name="Review: Slice 12", exact=True).click()
    expect(page.get_by_test_id("review-place")).to_contain_text("Region 1", timeout=20_000)
    shoot(page, PICTURES / "review.png")


def photograph(page: Page, url: str, project_id: str, folder: Path) -> None:
    """The README's four pictures, from a demo whose doctor has a style of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    reads = [
        a for a in api(page, f"/assignments?project_id={project_id}&limit=200")["items"] if a["image_dims"][2] == 1
    ]
    todo = next(a for a in reads if a["state"] != "submitted" and a["prediction"])
    open_read(page, f"{url}/read/{todo['id']}")
    page.get_by_test_id("tour").get_by_role("button", name="Skip").click()
    expect(page.get_by_test_id("accept-all")).to_be_enabled(timeout=20_000)
    shoot(page, folder / "read.png")
    open_page(page, f"{url}/?project={project_id}")
    shoot(page, folder / "reads.png")
    page.set_viewport_size({"width": 1440, "height": 1180})  # these two need no scrolling
    open_page(page, f"{url}/projects/{project_id}?tab=jobs")
    job = page.locator("[data-kind=pretrain][data-state=done]").first
    job.get_by_role("button", name="Show curve").click()
    expect(job.get_by_test_id("loss-curve")).to_be_visible()
    shoot(page, folder / "job.png")
    open_page(page, f"{url}/projects/{project_id}?tab=models")
    expect(page.get_by_test_id("gate-verdict").first).to_be_visible()
    shoot(page, folder / "models.png")


def shoot(page: Page, path: Path) -> None:
    """One picture of what is on screen, in 128 colours, once the images and layers in it have been painted."""
    page.mouse.move(720, 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(800)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < 300_000, f"{path.name}: {path.stat().st_size} bytes are too many for the README"
