"""The reading screen at its limits (VIEWER section 15): without WebGL (check 1), for a blinded reader (check 7), in size (checks 8
and 9), with less memory than the image takes (section 10), in the pictures that leave it (check 10), and for a reviewer (section 2)."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.reading_screen import HEAP_LIMIT_MB, open_and_close, read_heap
from benchmarks.reading_screen import SHAPE_ZYX as MEASURED_ZYX
from benchmarks.viewer import measure_script
from tests.acceptance.conftest import SANDBOX, Complaints, chromium_path
from tests.acceptance.engine_page import read_canvas
from tests.acceptance.one_case import SHAPE_ZYX, OneCase, dot, expect_depth, make_case, open_case, predict, sign_in
from tests.acceptance.one_review import add_readings, make_review
from tests.acceptance.screens import wait_saved
from tests.acceptance.test_accessibility import axe
from tests.running import Client, Running, eventually, running

SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
ORANGE = np.array([0xE6, 0x9F, 0x00])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("volume3d") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def admin(server: Running) -> Client:
    return Client(server.url).redeem(str(server.link))


@pytest.fixture(scope="module")
def case(server: Running, admin: Client) -> OneCase:
    """A ball of label 1 in the middle, which the doctor has drawn."""
    case = make_case(server, admin, "depth")
    segmentation = case.doctor.post(f"/assignments/{case.assignment['id']}/open")["segmentation_id"]
    case.doctor.draw(segmentation, np.zeros_like(ball()), ball())
    return case


def ball() -> np.ndarray:
    """[z, y, x]: label 1 in the middle of the case's grid."""
    zz, yy, xx = np.indices(SHAPE_ZYX)
    return np.asarray((4 * (zz - 2.5) ** 2 + (yy - 24) ** 2 / 16 + (xx - 24) ** 2 / 9 < 16).astype(np.uint8))


def watch_violations(page: Page) -> None:
    page.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective));"
    )


def test_without_webgl_the_panel_says_so_and_drawing_goes_on(
    server: Running, case: OneCase, page: Page, complaints: Complaints
) -> None:
    watch_violations(page)
    open_case(page, server.url, case)

    page.get_by_label("3D view").click()
    expect(page.get_by_test_id("note-3d")).to_have_text("3D needs WebGL; everything else works.")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("note-3d")).to_have_count(0)
    dot(page, 0)
    expect_depth(page, 2)
    wait_saved(page)

    assert page.evaluate("violations") == []
    assert complaints.none(), complaints


@pytest.fixture
def software_gl(browser: Browser) -> Iterator[Page]:
    """A tab of a Chromium whose WebGL is SwiftShader."""
    started = browser.browser_type.launch(executable_path=chromium_path(), args=[*SOFTWARE_GL, *SANDBOX])
    yield started.new_page(viewport={"width": 1440, "height": 900})
    started.close()


def test_with_software_webgl_the_panel_shows_the_surface_of_what_is_drawn(
    server: Running, case: OneCase, software_gl: Page, complaints: Complaints
) -> None:
    complaints.listen(software_gl)
    watch_violations(software_gl)
    open_case(software_gl, server.url, case)

    software_gl.get_by_label("3D view").click()
    expect(software_gl.get_by_text("This computer draws 3D in software", exact=False)).to_be_visible(timeout=30_000)
    expect(software_gl.get_by_test_id("note-3d")).to_have_count(0)

    picture = software_gl.screenshot()
    if folder := os.environ.get("CONSILIUM_PICTURES"):
        (Path(folder) / "volume3d.png").write_bytes(picture)
    assert count_orange(software_gl.get_by_test_id("view-3d").screenshot()) > 2000
    assert software_gl.evaluate("violations") == []
    assert complaints.none(), complaints


def count_orange(picture: bytes) -> int:
    """Pixels in a shade of label 1's colour: lit or in shadow, the hue is the same."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3).astype(float)
    bright = pixels[pixels.max(axis=1) > 60]
    hue = bright / bright.max(axis=1, keepdims=True)
    return int((np.abs(hue - ORANGE / ORANGE.max()).max(axis=1) < 0.15).sum())


def test_a_saved_picture_is_the_view_with_the_intended_use_burnt_in(
    server: Running, case: OneCase, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    open_case(page, server.url, case)
    view = page.get_by_test_id("view-axial")
    view.hover()  # where the brush's ring stands, which belongs to no picture
    sent: list[str] = []
    habits = f"{server.url}/api/v1/account/preferences"  # the size the brush was given on opening, kept by the way
    page.on("request", lambda one: sent.append(one.url) if one.method != "GET" and one.url != habits else None)

    with page.expect_download() as download:
        page.keyboard.press("Shift+P")
    path = tmp_path / "picture.png"
    download.value.save_as(path)
    page.get_by_test_id("save-state").hover()
    canvas = read_canvas(page, "axial")

    picture = np.asarray(Image.open(path).convert("RGB"))
    tops = [top for top in range(len(picture) - len(canvas)) if np.array_equal(picture[top:][: len(canvas)], canvas)]
    assert len(tops) == 1, "the view's own pixels, once"
    above, below = picture[: tops[0]], picture[tops[0] + len(canvas) :]
    banner = page.get_by_test_id("research-banner").inner_text()
    (inked,) = np.nonzero((above > 128).any(axis=(0, 2)))
    assert abs(np.ptp(inked) - page.evaluate(TEXT_WIDTH, banner)) < 0.03 * np.ptp(inked), (
        "the whole statement, burnt in"
    )
    assert (below > 128).any() and count_orange(path.read_bytes()) > 200
    assert re.fullmatch(r"consilium-[0-9a-f]{8}-axial-4\.png", download.value.suggested_filename)
    assert sent == [] and complaints.none(), (sent, complaints)


TEXT_WIDTH = """(words) => {
  const context = document.createElement("canvas").getContext("2d");
  context.font = "13px system-ui, sans-serif";
  return context.measureText(words).width;
}"""


def test_what_a_cold_start_fetches_is_small() -> None:
    figure = measure_script()

    assert figure.holds, figure


def test_a_case_takes_no_more_memory_than_its_voxels_may_and_gives_it_back(
    server: Running, admin: Client, page: Page
) -> None:
    """The budget of the measured study, voxel for voxel, and a tenth of the volume for each time it is opened and closed."""
    shape_zyx = (384, 128, 128)
    reading = np.zeros(shape_zyx, np.uint8)
    reading[100:150, 40:90, 40:90] = 1
    case = make_case(server, admin, "often", others={f"Exp{n}": np.roll(reading, n, axis=2) for n in range(2)})
    sign_in(page, server.url, case.name)
    session = page.context.new_cdp_session(page)
    _, before_mb = open_and_close(page, session, 2)  # what the first opening adds once is no leak
    cycles = 2

    opened_mb = max(open_and_close(page, session, 2)[0] for _ in range(cycles))

    assert opened_mb - before_mb < HEAP_LIMIT_MB * np.prod(shape_zyx) / np.prod(MEASURED_ZYX)
    volume_mb = 2 * np.prod(shape_zyx) / 1e6
    eventually("memory given back", lambda: read_heap(session) - before_mb < 0.1 * cycles * volume_mb)


@pytest.mark.parametrize("blinding", ["open", "until_all_submitted"])
def test_a_blinded_readers_network_log_names_no_other_reader(
    server: Running, admin: Client, page: Page, complaints: Complaints, blinding: str
) -> None:
    """The same words are looked for in an open project, where they must be found: else nothing was looked for."""
    other = f"Other {blinding}"
    case = make_case(server, admin, f"reader-{blinding}", blinding=blinding, others={other: ball()})
    secrets = [expert["id"] for expert in admin.every("/experts") if expert["name"] == other] + [other]
    heard: list[str] = []

    def overhear(route: Route) -> None:
        if "/events" in route.request.url or route.request.method != "GET":
            route.continue_()  # a stream never ends, and what is sent names only me
            return
        answer = route.fetch()
        heard.append(f"{answer.url} {answer.text() if 'json' in answer.headers.get('content-type', '') else ''}")
        route.fulfill(response=answer)

    page.route("**/api/v1/**", overhear)
    with page.expect_response(lambda answer: "/segmentations?" in answer.url):
        open_case(page, server.url, case)
    page.unroute_all(behavior="wait")

    found = [secret for secret in secrets if any(secret in words for words in heard)]
    assert len(secrets) == 2 and len(heard) > 10
    assert found == (secrets if blinding == "open" else []), heard
    assert complaints.none(), complaints


TALL_ZYX = (400, 128, 128)  # with its drawing 19.7 MB
LEAST_MB = "16"


def test_an_image_larger_than_the_memory_allowed_is_drawn_on_plane_by_plane(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    """First, middle and last slice lie further apart than what is held; 20 MB of voxels stand for a gigabyte."""
    others = np.zeros(TALL_ZYX, np.uint8)
    others[[3, 200, 399], 100:110, 20:40] = 1
    case = make_case(server, admin, "tall", others={"Exp1": others})
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/slabs/" in request.url else None)
    predict(page, case)
    sign_in(page, server.url, case.name)
    page.goto(f"{server.url}/account")
    with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        page.get_by_label("Memory for one case").fill(LEAST_MB)
        page.keyboard.press("Enter")
    open_case(page, server.url, case)

    expect(page.get_by_test_id("view-axial")).to_be_visible()
    assert page.get_by_test_id("view-sagittal").count() == page.get_by_test_id("view-coronal").count() == 0
    page.get_by_test_id("partly-held").hover()
    expect(page.get_by_role("tooltip").filter(has_text="Missing: the other planes")).to_be_visible()
    if folder := os.environ.get("CONSILIUM_PICTURES"):
        page.screenshot(path=Path(folder) / "partly-held.png")
    page.get_by_label("3D view").hover()
    expect(page.get_by_role("tooltip").filter(has_text="Needs the whole image")).to_be_visible()
    expect(page.get_by_label("3D view")).to_be_disabled()

    expected = np.zeros(TALL_ZYX, np.uint8)
    for key, k in (("Home", 0), ("End", TALL_ZYX[0] - 1)):
        page.get_by_test_id("view-axial").focus()
        page.keyboard.press(key)
        dot(page, 5 * 18 + 5)
        expect(page.get_by_test_id("cursor")).to_contain_text(f", {k}]")
        expect(page.get_by_test_id("cursor")).not_to_contain_text("…")
        value, i, j = read_voxel(page)
        assert value == int(300 * np.exp(-((j - 24) ** 2 + (i - 24) ** 2) / 200.0) + 10 * k)
        expected[k, j, i] = 1
    wait_saved(page)
    assert np.array_equal(case.labels(), expected)
    page.get_by_label("Slices to accept").select_option("This axial slice")
    page.get_by_label("What accepting may do").select_option("Only add")
    page.get_by_test_id("accept-all").click()
    expect_depth(page, 3)
    wait_saved(page)
    assert np.array_equal(case.labels(), expected | (others * (np.arange(400) == 399)[:, None, None]).astype(np.uint8))

    open_case(page, server.url, case)
    expect(page.get_by_role("button", name="Hide Prediction")).to_be_visible()  # the rest of it is still on offer
    page.get_by_label("Slices to accept").select_option("All slices")
    page.get_by_label("What accepting may do").select_option("Add and remove")
    page.get_by_test_id("view-axial").focus()
    page.keyboard.press("Shift+Enter")
    page.get_by_role("dialog", name="Replace what you drew?").get_by_role(
        "button", name="Accept the prediction"
    ).click()
    expect_depth(page, 4)
    wait_saved(page)
    assert np.array_equal(case.labels(), others)

    open_case(page, server.url, case)
    expect(page.get_by_role("button", name="Show Prediction")).to_be_visible()
    for depth in (3, 2, 1, 0):
        page.keyboard.press("Control+z")
        expect_depth(page, depth)
    wait_saved(page)
    assert not case.labels().any()
    for depth in (1, 2, 3, 4):
        page.keyboard.press("Control+y")
        expect_depth(page, depth)
    page.keyboard.press("Control+Enter")
    expect(page).not_to_have_url(re.compile(case.assignment["id"]), timeout=30_000)
    page.unroute_all(behavior="ignoreErrors")

    revision = admin.get("/segmentations", image_id=case.image["id"], project_id=case.assignment["project_id"])["items"]
    mine = next(one for one in revision if one["expert_name"] == "Dr tall")
    assert np.array_equal(case.doctor.labels(mine["head_revision_id"], case.image), others)
    assert len({url for url in fetched if "/images/" in url}) < case.image["slab_count"]
    assert complaints.none(), complaints


def read_voxel(page: Page) -> tuple[int, int, int]:
    """Value, i and j under the pointer, as the cursor line says them."""
    found = re.match(r"(\d+) · .*\[(\d+), (\d+), \d+\]", page.get_by_test_id("cursor").text_content() or "")
    assert found, page.get_by_test_id("cursor").text_content()
    value, i, j = map(int, found.groups())
    return value, i, j


# Reviews


def expect_region(page: Page, place: str, decision: str, decided: int) -> None:
    """Which region of how many is looked at, what was decided on it, and on how many something was."""
    expect(page.get_by_test_id("review-place")).to_contain_text(place)
    expect(page.get_by_test_id("review-decision")).to_have_attribute("data-act", decision)
    expect(page.get_by_test_id("review-progress")).to_have_text(f"{decided} of {place[-1]} regions decided")


def test_disputed_regions_are_settled_undone_redone_submitted_and_begun_anew_with_a_further_reading(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    """Two readers differ in two regions; the reviewer's browser hears letters alone, and what is submitted is what was decided.

    A third one agrees with the first there and draws something else elsewhere: what was decided stays.
    """
    review = make_review(server, admin)
    heard: list[str] = []

    def overhear(route: Route) -> None:
        answer = route.fetch()
        heard.append(f"{answer.url} {answer.text() if 'json' in answer.headers.get('content-type', '') else ''}")
        route.fulfill(response=answer)

    sign_in(page, server.url, "judge")
    page.goto(f"{server.url}/projects/{review.project}?tab=reviews")
    page.route(re.compile(r"/api/v1/(?!events)"), overhear)
    page.get_by_role("link", name="Review: settled-case").click()

    expect_region(page, "Region 1 of 2", "none", 0)
    expect(page.get_by_text("Thin rims, 0.02 ml in all")).to_be_visible()
    page.mouse.move(0, 0)  # off the button: its hint lies beside the page's landmarks until it is gone
    expect(page.get_by_role("tooltip")).to_have_count(0)
    assert axe(page) == []
    page.keyboard.press("1")  # what reader A drew in the larger one
    expect_region(page, "Region 1 of 2", "take", 1)
    page.get_by_label("Reason").select_option(label="Others missed it")
    page.keyboard.press("j")
    expect_region(page, "Region 2 of 2", "none", 1)
    page.get_by_test_id("decide-union").click()
    expect_region(page, "Region 2 of 2", "union", 2)
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect_region(page, "Region 2 of 2", "none", 0)
    for _ in range(2):
        page.keyboard.press("Control+Shift+z")
    expect_region(page, "Region 2 of 2", "union", 2)
    wait_saved(page)
    page.reload()
    expect_region(page, "Region 1 of 2", "take", 2)
    expect_depth(page, 2)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("review-row")).to_have_attribute("data-state", "submitted")
    page.unroute_all(behavior="wait")

    made = review.judge.get("/segmentations", project_id=review.project)["items"]
    settled = next(one for one in made if one["author"] == "consensus")
    path = f"/segmentations/{settled['id']}/readings/A/slabs/0"
    taken = np.frombuffer(review.judge.http.get(path).raise_for_status().content, np.uint8).reshape(SHAPE_ZYX)
    expected = np.minimum(*review.maps)  # of two readings the majority is what both have
    expected[2:4, 12:18, 20:26] = taken[2:4, 12:18, 20:26]
    expected[3, 34:38, 34:37] = 2
    assert np.array_equal(review.judge.labels(settled["head_revision_id"], review.image), expected)
    edits = review.judge.get(f"/segmentations/{settled['id']}/edits")["items"]
    assert [one["tool"] for one in edits if one["undoes"] is None] == ["decide-take-a", "decide-union-missed"]

    further = review.maps[0].copy()
    further[1:3, 30:34, 4:9] = 2
    add_readings(admin, review.project, {"Clara": further})
    page.goto(f"{server.url}/projects/{review.project}?tab=reviews")
    page.route(re.compile(r"/api/v1/(?!events)"), overhear)
    page.get_by_role("link", name="Look: settled-case").click()
    expect(page.get_by_text("A further reading was submitted.")).to_be_visible()
    page.get_by_test_id("begin-anew").click()
    page.get_by_role("dialog").get_by_role("button", name="Begin anew", exact=True).click()
    expect(page.get_by_text("Begun anew: 2 decisions stay.")).to_be_visible()
    expect_region(page, "Region 2 of 3", "none", 2)  # the one that is new
    expect(page.get_by_text("The readings have changed")).to_have_count(0)
    page.unroute_all(behavior="wait")
    begun = review.judge.get(f"/segmentations/{settled['id']}")
    assert (begun["state"], begun["head_revision_id"] == settled["head_revision_id"]) == ("draft", False)
    carried = review.judge.get(f"/segmentations/{settled['id']}/edits")["items"][-2:]
    assert [one["tool"] for one in carried] == ["decide-take-a", "decide-union-missed"]
    assert len(heard) > 20
    assert not [name for name in review.secrets if any(name in words for words in heard)]
    assert complaints.none(), complaints
