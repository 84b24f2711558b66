"""Strokes on the running server, in a real browser: undo on another computer, cut cables, kills, two windows, what is left behind.

The network between browser and server is a proxy that can be cut (`tests/faults/wire.py`); the server is the real one.
`python -m tests.faults.cuts` is the long form of the cuts.
"""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.acceptance.conftest import FLAGS, Complaints, chromium_path
from tests.acceptance.one_case import (
    SECRET_WORDS,
    OneCase,
    draw,
    expect_depth,
    make_case,
    open_case,
)
from tests.acceptance.screens import wait_saved
from tests.faults.wire import Wire
from tests.running import Client, Running, eventually, free_port, running

# Everything of ours in this browser's storage, as text: bytes as latin letters, so that readable words would show.
STORAGE = """async () => {
  const readable = (value) => {
    if (value instanceof ArrayBuffer) value = new Uint8Array(value);
    if (value instanceof Uint8Array) return String.fromCharCode(...value);
    if (value && typeof value === "object") return Object.entries(value).map(([k, v]) => `${k}=${readable(v)}`).join(" ");
    return String(value);
  };
  const found = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage})];
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((done) => { const r = indexedDB.open(name); r.onsuccess = () => done(r.result); });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      found.push(readable(await new Promise((done) => { all.onsuccess = () => done(all.result); })));
    }
    db.close();
  }
  return found.join("\\n");
}"""
ENTRIES = """async () => {
  const db = await new Promise((done) => { const r = indexedDB.open("consilium-journal"); r.onsuccess = () => done(r.result); });
  const asked = db.transaction("entries").objectStore("entries").count();
  const count = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  db.close();
  return count;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("edits") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def admin(server: Running) -> Client:
    return Client(server.url).redeem(str(server.link))


@pytest.fixture
def wire(server: Running) -> Iterator[Wire]:
    with Wire(server.port) as one:
        yield one


@pytest.fixture
def case(server: Running, admin: Client, request: pytest.FixtureRequest) -> OneCase:
    return make_case(server, admin, f"doctor-{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """Another computer."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def test_undo_reaches_back_past_a_reload_and_on_another_computer(
    server: Running, case: OneCase, page: Page, elsewhere: Page, complaints: Complaints
) -> None:
    open_case(page, server.url, case)
    draw(page, range(6))
    page.keyboard.press("2")
    draw(page, range(6, 10))
    page.keyboard.press("Control+z")
    expect_depth(page, 9)
    wait_saved(page)
    drawn = case.labels()
    assert set(drawn[drawn > 0]) == {1, 2}

    page.reload()
    expect_depth(page, 9)
    for _ in range(4):
        page.keyboard.press("Control+z")
    expect_depth(page, 5)
    wait_saved(page)
    open_case(elsewhere, server.url, case)
    expect_depth(elsewhere, 5)
    for _ in range(5):
        elsewhere.keyboard.press("Control+z")
    wait_saved(elsewhere)

    eventually("an empty map", lambda: not case.labels().any())
    elsewhere.reload()
    expect_depth(elsewhere, 0)
    expect(elsewhere.get_by_role("button", name="Redo")).to_be_enabled()  # the case is there, not only its page
    for _ in range(9):
        elsewhere.keyboard.press("Control+y")
    expect_depth(elsewhere, 9)
    wait_saved(elsewhere)
    assert (case.labels() == drawn).all()
    assert complaints.none(), complaints


def test_lost_answers_and_a_cut_cable_are_no_conflict(wire: Wire, case: OneCase, page: Page) -> None:
    open_case(page, wire.url, case)
    wire.lose_answers(2)
    draw(page, range(3))
    wait_saved(page)
    wire.cut()
    draw(page, range(3, 8))
    waiting = page.get_by_test_id("save-state")
    expect(waiting).to_have_text("5 strokes waiting: offline, trying again", timeout=15_000)
    assert page.evaluate("() => !window.dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    wire.mend()

    wait_saved(page)

    assert wire.lost_answers == 2
    runs = [edit["runs"] for edit in case.edits()]
    assert len(runs) == len(set(runs)) == 8
    expect(page.get_by_test_id("merge-note")).to_have_count(0)


def test_a_stroke_whose_answer_never_comes_is_sent_again(server: Running, case: OneCase, page: Page) -> None:
    """A connection that is lost without a word: nothing refuses, nothing answers. The page's minute of patience is made 3 s."""
    open_case(page, server.url, case)
    unanswered: list[str] = []

    def swallow_the_first(route: Route) -> None:
        if route.request.method == "POST" and not unanswered:
            unanswered.append(route.request.url)
        else:
            route.continue_()

    page.route("**/edits", swallow_the_first)
    page.evaluate(
        "() => { const patient = AbortSignal.timeout; AbortSignal.timeout = () => patient.call(AbortSignal, 3000); }"
    )
    draw(page, range(2))

    wait_saved(page)

    assert len(unanswered) == 1
    assert len(case.edits()) == 2


def test_two_windows_merge_with_a_note_and_mine_stays(
    server: Running, wire: Wire, case: OneCase, page: Page, elsewhere: Page
) -> None:
    open_case(page, wire.url, case)
    open_case(elsewhere, server.url, case)
    wire.cut()
    page.keyboard.press("2")
    draw(page, range(40, 43))
    draw(elsewhere, range(42, 46))
    wait_saved(elsewhere)
    wire.mend()

    note = page.get_by_test_id("merge-note")
    expect(note).to_contain_text("4 strokes merged in", timeout=30_000)
    expect(note).to_contain_text(re.compile(r"Where both changed a voxel \(\d+\), yours was kept"))
    wait_saved(page)
    labels = case.labels()

    assert (labels == 2).any() and (labels == 1).any()
    assert len(case.edits()) == 7
    page.keyboard.press("Home")
    expect(page.get_by_text("Axial 1 / 6")).to_be_visible()
    note.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Axial 4 / 6")).to_be_visible()
    expect(elsewhere.get_by_test_id("merge-note")).to_contain_text("3 strokes merged in", timeout=15_000)
    page.get_by_test_id("submit").click()  # carries the checksums of what this window shows
    eventually(
        "the submission", lambda: case.doctor.get(f"/assignments/{case.assignment['id']}")["state"] == "submitted"
    )


def test_a_restore_elsewhere_reaches_the_open_window_with_what_waits_on_top(
    wire: Wire, case: OneCase, page: Page
) -> None:
    open_case(page, wire.url, case)
    draw(page, range(4))
    wait_saved(page)
    now = case.doctor.get(f"/segmentations/{case.segmentation_id}")
    wire.cut()
    draw(page, range(20, 22))
    path = f"/segmentations/{case.segmentation_id}/restore"
    case.doctor.post(path, {"revision_id": now["head_revision_id"]}, headers={"If-Match": now["etag"]})
    wire.mend()

    expect(page.get_by_test_id("merge-note")).to_contain_text("set to another revision", timeout=30_000)
    wait_saved(page)

    expect_depth(page, 2)
    labels = case.labels()
    draw(page, range(30, 31))
    wait_saved(page)
    assert 0 < (labels > 0).sum() < (case.labels() > 0).sum()


def test_the_history_goes_back_and_undo_takes_that_back(server: Running, case: OneCase, page: Page) -> None:
    open_case(page, server.url, case)
    draw(page, range(3))
    wait_saved(page)
    first = case.labels()
    case.doctor.submit(case.segmentation_id)
    case.doctor.post(f"/segmentations/{case.segmentation_id}/reopen")
    open_case(page, server.url, case)
    draw(page, range(50, 55))
    wait_saved(page)
    second = case.labels()

    page.get_by_role("button", name="History of this reading").click()
    rows = page.get_by_test_id("history-row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text(f"Dr {case.name}")
    page.get_by_role("button", name="Show revision 1 over the image").click()
    expect(page.get_by_role("button", name="Hide revision 1")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download revision 1 as NIfTI").click()
    assert downloading.value.suggested_filename.endswith(".nii.gz")
    page.get_by_role("button", name="Restore revision 1").click()
    wait_saved(page)
    eventually("the restored map", lambda: bool((case.labels() == first).all()))
    page.keyboard.press("Control+z")
    wait_saved(page)

    eventually("the undone restoration", lambda: bool((case.labels() == second).all()))
    expect(rows).to_have_count(2)

    open_case(page, server.url, case)  # both stacks come from the server's journal now
    page.keyboard.press("Control+Shift+Z")
    wait_saved(page)
    eventually("the restoration again", lambda: bool((case.labels() == first).all()))
    page.keyboard.press("Control+z")
    wait_saved(page)
    eventually("the restoration undone again", lambda: bool((case.labels() == second).all()))
    for _ in range(5):
        page.keyboard.press("Control+z")
    wait_saved(page)
    eventually("the map before the last five strokes", lambda: bool((case.labels() == first).all()))


def test_a_mismatch_folds_nothing_and_mine_can_be_kept_as_a_revision(
    server: Running, case: OneCase, page: Page
) -> None:
    open_case(page, server.url, case)
    draw(page, range(3))
    wait_saved(page)

    def falsify(route: object) -> None:
        sent = json.loads(route.request.post_data)
        for check in sent["checksums"]:
            check["crc32"] ^= 1
        route.continue_(post_data=json.dumps(sent))

    page.route("**/submit", falsify)
    page.get_by_test_id("submit").click()
    page.get_by_test_id("save-as-revision").click(timeout=15_000)
    expect(page.get_by_test_id("save-as-revision")).to_have_count(0, timeout=15_000)
    page.unroute("**/submit")
    wait_saved(page)

    revisions = case.doctor.every(f"/segmentations/{case.segmentation_id}/revisions")
    assert [revision["origin"] for revision in revisions] == ["blank", "fold", "fork"]
    held, mine = (case.doctor.labels(revision["id"], case.image) for revision in revisions[1:])
    assert mine.any() and (held == mine).all()
    assert case.segmentation_id in [a["segmentation_id"] for a in case.admin.get("/system")["checksum_alarms"]]
    draw(page, range(3, 5))
    expect_depth(page, 2)
    wait_saved(page)


def test_storage_is_noise_and_signing_out_leaves_nothing(
    wire: Wire, case: OneCase, page: Page, complaints: Complaints
) -> None:
    open_case(page, wire.url, case)
    draw(page, range(2))
    wait_saved(page)
    wire.cut()
    draw(page, range(2, 6))
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-kind", "offline", timeout=15_000)
    assert page.evaluate(ENTRIES) == 4
    stored = page.evaluate(STORAGE)
    wire.mend()
    wait_saved(page)
    eventually("an empty journal", lambda: page.evaluate(ENTRIES) == 0)

    assert case.segmentation_id in stored
    for word in (*SECRET_WORDS, case.name, *(str(edit["runs"]) for edit in case.edits())):
        assert word not in stored
    page.goto(wire.url)
    page.get_by_role("button", name=re.compile(f"Dr {case.name}")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/login"))
    assert (
        page.evaluate("async () => (await indexedDB.databases()).length + localStorage.length + sessionStorage.length")
        == 0
    )
    assert complaints.none(), complaints


def test_signing_out_asks_about_strokes_that_cannot_be_sent(wire: Wire, case: OneCase, page: Page) -> None:
    open_case(page, wire.url, case)
    page.route("**/edits", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    draw(page, range(3))
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-kind", "offline", timeout=15_000)
    page.get_by_role("link", name="Back to my reads").click()
    page.get_by_role("button", name=re.compile(f"Dr {case.name}")).click()
    page.get_by_role("menuitem", name="Sign out").click()

    asked = page.get_by_test_id("sign-out-unsent")
    expect(asked).to_contain_text("3 strokes are only in this browser", timeout=20_000)
    page.unroute("**/edits")
    page.get_by_role("button", name="Try to send again").click()

    expect(page).to_have_url(re.compile(r"/login"), timeout=30_000)
    assert len(case.edits()) == 3


def test_on_plain_http_it_says_that_strokes_do_not_survive_a_crash(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> None:
    name = "consilium.test"
    data = tmp_path_factory.mktemp("plain") / "data"
    port = free_port()
    server = Running(
        data, port, {"CONSILIUM_PUBLIC_URL": f"http://{name}:{port}", "CONSILIUM_ALLOW_PLAIN_HTTP": "true",
                     "CONSILIUM_TRUSTED_HOSTS": "127.0.0.1"},
    )  # fmt: skip
    server.start()
    mapped = browser.browser_type.launch(
        executable_path=chromium_path(), args=[*FLAGS, f"--host-resolver-rules=MAP {name} 127.0.0.1"]
    )
    try:
        admin = Client(server.url, origin=server.origin).redeem(str(server.link))
        case = make_case(server, admin, "plain")
        page = mapped.new_page()
        open_case(page, server.origin, case)
        draw(page, range(3))
        wait_saved(page)

        expect(page.get_by_test_id("unprotected")).to_have_text(
            "Unsent strokes do not survive a crash on this connection"
        )
        assert len(case.edits()) == 3
    finally:
        mapped.close()
        server.stop()
