"""The pages around the viewer, worked in a real browser: worklist, first-case tour, everything an admin does, health."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import api, open_page, wait_saved, welcome
from tests.acceptance.test_keyboard import sign_in
from tests.factories import affine, volume
from tests.running import PASSWORD, ROOT, Running, eventually, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("pages") / "data", CONSILIUM_DEMO="true") as started:
        eventually("the demo project", lambda: (started.data / "demo-loaded").exists(), 300)
        yield started


def project_of(page: Page) -> str:
    found: str = api(page, "/projects")["items"][0]["id"]
    return found


def test_the_worklist_filters_sorts_and_keeps_it_all_in_the_address(
    server: Running, page: Page, complaints: Complaints
) -> None:
    welcome(page, str(server.link))
    wanted = api(page, "/assignments?limit=1&sort=name")["items"][0]["image_name"]
    expect(page.get_by_test_id("worklist-progress")).to_contain_text("0 of")

    page.get_by_role("searchbox").fill(wanted.upper())
    expect(page.get_by_test_id("read-row").filter(has_not_text=wanted)).to_have_count(0)
    expect(page).to_have_url(re.compile("name="))
    page.get_by_role("combobox", name="Sorted by").click()
    page.get_by_role("option", name="Name", exact=True).click()
    expect(page).to_have_url(re.compile("sort=name"))
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(wanted.upper())
    expect(page.get_by_test_id("read-row").filter(has_not_text=wanted)).to_have_count(0)

    page.get_by_role("searchbox").fill("no image is called this")
    expect(page.get_by_text("No reads match")).to_be_visible()
    assert complaints.none(), complaints


def test_a_doctors_first_case_by_keyboard_alone(server: Running, page: Page, complaints: Complaints) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("Name").focus()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    start = page.get_by_test_id("start-reading")
    expect(start).to_be_enabled()
    tab_to(page, "start-reading")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=20_000)
    tour = page.get_by_test_id("tour")
    expect(tour).to_contain_text("1 of 5")

    for _ in range(5):
        tour.get_by_role("button", name=re.compile("Next|Begin")).press("Enter")
    expect(tour).to_have_count(0)
    page.get_by_test_id("view-axial").focus()
    page.keyboard.press("b")
    page.keyboard.press("Shift+Space")
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+Space")
    wait_saved(page)
    expect(page.get_by_test_id("label-volume-1")).not_to_have_text("0.00 ml")
    drawn = page.get_by_test_id("label-volume-1").text_content() or ""
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("label-volume-1")).to_have_text("0.00 ml")
    page.keyboard.press("Control+Shift+Z")
    expect(page.get_by_test_id("label-volume-1")).to_have_text(drawn)
    case = page.url
    page.keyboard.press("Control+Enter")
    expect(page).not_to_have_url(case, timeout=10_000)
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=20_000)
    expect(page.get_by_test_id("tour")).to_have_count(0)
    eventually("the tour's end on the server", lambda: api(page, "/account/preferences")["seen"])
    assert complaints.none(), complaints


def consilium(server: Running, *arguments: str) -> None:
    """A command on the server's shell."""
    environment = {"PATH": os.environ["PATH"], "CONSILIUM_DATA": str(server.data)}
    command = [sys.executable, "-m", "backend.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tab_to(page: Page, test_id: str) -> None:
    """Press Tab until this has the focus; AssertionError after forty."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("(id) => document.activeElement?.dataset.testid === id", test_id):
            return
    raise AssertionError(f"Tab never reaches {test_id}")


def test_an_admin_does_everything_for_a_user_in_the_browser(
    server: Running, page: Page, complaints: Complaints
) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/admin/users")
    page.get_by_test_id("invite-user").click()
    page.get_by_label("Sign-in name").fill("berta")
    page.get_by_role("dialog").get_by_label(re.compile(r"^Name")).fill("Berta Blau")
    page.get_by_role("button", name="Make the one-time link").click()
    expect(page.get_by_test_id("shown-once")).to_contain_text("/welcome#")
    expect(page.get_by_role("dialog")).to_contain_text("Their sign-in name is berta.")
    page.keyboard.press("Escape")
    row = page.get_by_test_id("user-row").filter(has_text="Berta Blau")

    row.get_by_role("button", name="Sessions and tokens of berta").click()
    expect(page.get_by_role("dialog")).to_contain_text("No browser is signed in.")
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Lock", exact=True).click()
    dialog = page.get_by_role("dialog")
    lock = dialog.get_by_role("button", name="Lock", exact=True)
    expect(lock).to_be_disabled()
    dialog.get_by_label("To confirm, type: berta").fill("berta")
    lock.click()
    expect(row).to_contain_text("Locked")
    row.get_by_role("button", name="Unlock").click()
    expect(row).to_contain_text("Invited")

    open_page(page, f"{server.url}/admin/experts")
    page.get_by_test_id("add-expert").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Dr Blau")
    page.get_by_role("dialog").get_by_role("button", name="Add an expert").click()
    page.get_by_role("combobox", name="Account of expert Dr Blau").click()
    page.get_by_role("option", name="Berta Blau").click()
    eventually("the link", lambda: next(e for e in api(page, "/experts")["items"] if e["name"] == "Dr Blau")["user_id"])  # fmt: skip
    page.get_by_role("button", name="Edit expert Dr Blau").click()
    page.get_by_role("dialog").get_by_label("Description").fill("Radiology")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="Dr Blau")).to_contain_text("Radiology")
    assert complaints.none(), complaints


def test_a_password_is_changed_by_its_owner(server: Running, page: Page, complaints: Complaints) -> None:
    other = "green tractor violin 31"
    sign_in(page, server)
    open_page(page, f"{server.url}/account")
    form = page.get_by_role("region", name="Password")
    change = form.get_by_role("button", name="Change password")
    for present, chosen in (("wrong password 99", other), (PASSWORD, other), (other, PASSWORD)):
        form.get_by_role("textbox", name="Present password").fill(present)
        form.get_by_role("textbox", name="New password").fill(chosen)
        form.get_by_role("textbox", name="The new one again").fill("another")
        expect(form.get_by_text("The two are not the same.")).to_be_visible()
        expect(change).to_be_disabled()
        form.get_by_role("textbox", name="The new one again").fill(chosen)
        change.click()
        if present.startswith("wrong"):
            expect(form.get_by_role("alert")).to_contain_text("Your present password is not right")
        else:
            expect(form.get_by_role("textbox", name="Present password")).to_have_value("")
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert complaints.none(), complaints


def test_an_error_is_closed_by_its_button_and_leaves_with_its_page(server: Running, page: Page) -> None:
    sign_in(page, server)
    page.route("**/one-time-links", lambda route: route.abort())
    open_page(page, f"{server.url}/admin/users")
    ask = page.get_by_test_id("user-row").first.get_by_role("button", name="New link")
    notices = page.get_by_role("status", name="Notices")

    ask.click()
    notices.get_by_role("button", name="Close").click()
    expect(notices).to_be_empty()

    ask.click()
    expect(notices).not_to_be_empty()
    page.get_by_role("link", name="System").click()
    expect(notices).to_be_empty(timeout=2000)


def test_an_admin_runs_a_project_in_the_browser(server: Running, page: Page, complaints: Complaints) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/projects")
    page.get_by_test_id("new-project").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Second look")
    page.get_by_role("dialog").get_by_role("button", name="New project").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second look")
    project = page.url.split("/projects/")[1].split("?")[0]

    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("Name", exact=False).nth(-1).wait_for()
    page.get_by_role("textbox", name="Name").fill("Third look")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Third look")

    page.get_by_role("tab", name="Images").click()
    page.get_by_role("button", name="Add images from Consilium").first.click()
    page.get_by_role("dialog").get_by_role("checkbox").first.check()
    page.get_by_role("dialog").get_by_role("button", name="Add 1 image").click()
    card = page.get_by_test_id("image-card")
    expect(card).to_have_count(1)
    name = api(page, f"/images?project_id={project}")["items"][0]["name"]

    page.get_by_role("tab", name="Labels").click()
    page.get_by_role("button", name="Add a label").click()
    page.get_by_role("textbox", name="Name of label 1").fill("Liver")
    page.get_by_role("textbox", name="Coding scheme of Liver").fill("SCT")
    expect(page.get_by_text("A coded term needs")).to_be_visible()
    page.get_by_role("textbox", name="Code of Liver", exact=True).fill("10200004")
    page.get_by_role("textbox", name="Meaning of the code of Liver").fill("Liver")
    page.get_by_role("button", name="Save").click()
    eventually("the label", lambda: api(page, f"/projects/{project}")["labels"])
    assert api(page, f"/projects/{project}")["labels"][0]["code_value"] == "10200004"

    page.get_by_role("tab", name="Progress").click()
    expect(page.get_by_test_id("progress-row")).to_have_count(1)
    page.get_by_role("tab", name="Images").click()
    page.get_by_role("button", name=f"More for {name}").click()
    page.get_by_role("menuitem", name="Take out of the project").click()
    page.get_by_role("dialog").get_by_role("textbox").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Take out of the project").click()
    expect(card).to_have_count(0)
    assert complaints.none(), complaints


def test_who_runs_a_project_checks_an_upload_looks_at_an_image_and_settles_who_reads_it(
    server: Running, page: Page, complaints: Complaints
) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/projects")
    page.get_by_test_id("new-project").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Checked first")
    page.get_by_role("dialog").get_by_role("button", name="New project").click()
    page.get_by_role("tab", name="Import").click()
    scan = volume("knee", (6, 24, 20), affine((0.7, 0.8, 2.5)))
    sent = {"knee.nii.gz": scan.nifti(), "letter.nii.gz": b"Dear colleague"}
    page.locator("input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": held} for name, held in sent.items()]
    )
    report = page.get_by_test_id("inspection")
    expect(report).to_contain_text("1 new image", timeout=30_000)
    found = report.get_by_test_id("found-image")
    expect(found).to_contain_text(re.compile("knee.*20 × 24 × 6.*0.7 × 0.8 × 2.5 mm.*RAS"))
    expect(report.get_by_test_id("verdict-row")).to_contain_text(re.compile("letter.nii.gz.*Refused"))
    project = page.url.split("/projects/")[1].split("?")[0]
    assert api(page, f"/images?project_id={project}")["items"] == []
    page.get_by_test_id("keep-import").click()
    page.get_by_role("link", name="Show the images").click(timeout=30_000)

    page.get_by_test_id("image-card").get_by_role("button", name="Open knee").click()
    expect(page).to_have_url(re.compile(f"/look/{project}/"), timeout=10_000)
    expect(page.get_by_test_id("read-screen")).to_contain_text("Looking only", timeout=20_000)
    expect(page.get_by_text("Loading image")).to_have_count(0, timeout=20_000)
    expect(page.get_by_label("Brush", exact=True)).to_be_disabled()
    expect(page.get_by_test_id("submit")).to_have_count(0)
    page.get_by_role("link", name="Back to the project's images").click()

    page.get_by_role("tab", name="Experts").click()
    page.get_by_role("combobox", name="Add an expert").click()
    page.get_by_role("option", name="Dr Blau").click()
    page.get_by_role("button", name="Add", exact=True).click()
    expert = page.get_by_test_id("expert-row")
    expect(expert).to_contain_text("0 of 1")
    page.get_by_role("tab", name="Progress").click()
    page.get_by_role("button", name="Reads of knee").click()
    page.get_by_role("menuitem", name="Withdraw reads").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Dr Blau").check()
    dialog.get_by_label("Why").fill("on leave")
    dialog.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_test_id("progress-row")).to_contain_text("No reads asked for")
    page.get_by_role("tab", name="Experts").click()
    page.get_by_role("button", name="More for Dr Blau").click()
    page.get_by_role("menuitem", name="Take out of the project").click()
    page.get_by_role("dialog").get_by_role("button", name="Take out of the project").click()
    expect(expert).to_have_count(0)
    assert complaints.none(), complaints


def test_the_health_page_names_the_real_device_and_checks_the_audit(
    server: Running, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    sign_in(page, server)
    eventually("both workers", lambda: len(api(page, "/system")["workers"]) == 2, 60)
    open_page(page, f"{server.url}/admin/system")

    rows = page.get_by_test_id("worker-row")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="auto")).to_have_count(0)
    expect(rows.filter(has_text=re.compile("on (cpu|cuda)"))).to_have_count(2)
    expect(page.get_by_text("Never", exact=True)).to_be_visible()
    expect(page.get_by_text("consilium backup FOLDER")).to_be_visible()
    consilium(server, "backup", str(tmp_path / "backups"))
    expect(page.get_by_text(re.compile(r"^\d+ s ago$"))).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Check the chain").click()
    expect(page.get_by_test_id("audit-verdict")).to_contain_text("all as they were written")
    assert complaints.none(), complaints


def test_an_address_that_is_nowhere_leads_on(server: Running, page: Page) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/no/such/page")

    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Projects").click()
    expect(page).to_have_url(re.compile("/projects$"))


def test_an_image_card_opens_the_read_of_who_is_asked(server: Running, page: Page) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/projects/{project_of(page)}")

    page.get_by_test_id("image-card").first.get_by_role("button", name=re.compile("^Open ")).click()

    expect(page).to_have_url(re.compile("/read/"), timeout=10_000)
    expect(page.get_by_test_id("read-screen")).to_be_visible(
        timeout=20_000
    )  # submitted by the test above: shown, not drawn in


def test_who_runs_an_unblinded_project_looks_at_anothers_reading_and_cannot_draw_in_it(
    server: Running, page: Page, complaints: Complaints
) -> None:
    sign_in(page, server)
    open_page(page, f"{server.url}/projects/{project_of(page)}?tab=progress")
    reading = page.get_by_test_id("progress-row").get_by_role("link", name=re.compile("Submitted$")).first
    reading.click()

    expect(page.get_by_test_id("read-screen")).to_be_visible(timeout=20_000)
    expect(page.get_by_test_id("submit")).to_have_count(0)
    expect(page.get_by_label("Brush", exact=True)).to_be_disabled()
    assert complaints.none(), complaints
