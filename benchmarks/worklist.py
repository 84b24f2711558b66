"""How fast a doctor's worklist answers while it grows to 100,000 reads: filters, searches, sorts, later pages, counts, and the page itself.

`python -m benchmarks.worklist [--small | --full]`: one small image goes through the real import and is then multiplied in the
database to 1,000, 10,000 and 100,000 cases of one doctor. At each size every question is asked 8 (small) or 40 (full) times over
HTTP, interleaved; the limit holds for each of them at the largest. The page's own time runs from the search's last key to the
filtered rows on the screen, in a real Chromium; it contains the pause after typing. Thumbnails are those of its fifty rows.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from playwright.sync_api import Page, expect, sync_playwright

from backend.embedded.postgres import OWNER, PostgresServer
from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import LABEL, nifti
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.screens import welcome
from tests.running import Client, running

SIZES, LIST_LIMIT_MS = (1_000, 10_000, 100_000), 200.0

MULTIPLY = """
WITH source AS (SELECT images AS one FROM images LIMIT 1),
made AS (
  INSERT INTO images (SELECT copy.* FROM source, generate_series(%(first)s::int, %(last)s) n,
    jsonb_populate_record(one, jsonb_build_object(
      'id', gen_random_uuid(), 'name', 'case ' || md5(n::text), 'modality', (ARRAY['CT', 'MR', 'US'])[1 + n %% 3])) copy)
  RETURNING id),
placed AS (
  INSERT INTO project_images (project_id, image_id, position)
  SELECT %(project)s, id, %(first)s + row_number() OVER (ORDER BY id) FROM made RETURNING project_id, image_id, position)
INSERT INTO assignments (project_id, image_id, expert_id, position, state, updated_at)
SELECT project_id, image_id, %(expert)s, position, (ARRAY['assigned', 'submitted'])[1 + position %% 2],
  now() - position * interval '1 s' FROM placed
"""


def main() -> int:
    """Fill, ask, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    rounds = 40 if parser.parse_args().full else 8
    figures: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="consilium-worklist-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        link, project, expert = prepare(Client(server.url).redeem(str(server.link)))
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        welcome(page, link)
        token = page.evaluate(
            "async () => (await (await fetch('/api/v1/tokens', {method: 'POST', headers: {'Content-Type': 'application/json'},"
            " body: JSON.stringify({name: 'benchmark', scopes: ['read']})})).json()).secret"
        )
        doctor = Client(server.url, token)
        for before, size in zip((1, *SIZES), SIZES, strict=False):
            fill(server.data, project, expert, before, size)
            figures += measure(doctor, page, server.url, project, size, rounds)
        browser.close()
    return report("worklist", figures)


def measure(doctor: Client, page: Page, url: str, project: str, size: int, rounds: int) -> list[Figure]:
    """The figures of a worklist of this size; the largest one's are held against the limit, question by question."""
    lists, counts = ask(doctor, project, rounds)
    shown = [search(page, url, f"{number:x}{number:x}") for number in range(1, 6)]
    every = [one for times in lists.values() for one in times]
    reads, limit = f"{size:,} reads", LIST_LIMIT_MS if size == SIZES[-1] else None
    figures = [Figure(f"list of 50 of {reads}: all questions, p95", round(percentile(every, 0.95), 1), "ms", limit)]
    if limit is not None:
        figures += [
            Figure(f"list of 50 of {reads}: {name}, p95", round(percentile(times, 0.95), 1), "ms", limit)
            for name, times in lists.items()
        ]
    return [
        *figures,
        Figure(f"counts of {reads}, p95", round(percentile(counts, 0.95), 1), "ms", limit),
        Figure(f"thumbnail in a list of {reads}, p95", round(percentile(thumbnails(doctor), 0.95), 1), "ms", limit),
        Figure(f"the page over {reads}: last key of a search to its rows, median", round(percentile(shown, 0.5)), "ms"),
    ]


def prepare(admin: Client) -> tuple[str, str, str]:
    """A project with one small image and a doctor asked to read it; returns their link, the project and the expert."""
    project = admin.post("/projects", {
        "name": "Many", "description": "made up", "labels": [LABEL],
        "policy": {"blinding": "open", "prefill": "before", "reads_per_image": 1, "personalise": False},
    })  # fmt: skip
    admin.upload(project["id"], {"one.nii": nifti(np.arange(4096, dtype=np.int16).reshape(1, 64, 64))})
    made = admin.post("/users", {"name": "doctor", "display_name": "Doctor", "role": "expert"})
    expert = admin.post("/experts", {"name": "Doctor", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    return made["link"]["url"], project["id"], expert["id"]


def fill(data: Path, project: str, expert: str, present: int, wanted: int) -> None:
    """Multiply the one image until the doctor has so many reads, every second of them submitted."""
    began = time.monotonic()
    with psycopg.connect(PostgresServer(data).url(OWNER), autocommit=True) as db:
        db.execute(MULTIPLY, {"first": present + 1, "last": wanted, "project": project, "expert": expert})
        db.execute("VACUUM ANALYZE")  # as autovacuum does within a minute of so many new rows
        (found,) = db.execute("SELECT count(*) FROM assignments").fetchone() or (0,)
    assert found == wanted, f"{found} reads instead of {wanted}"
    say(f"{wanted:,} reads after {time.monotonic() - began:.1f} s")


def questions(doctor: Client, project: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a worklist is asked, by name."""
    yield "first page", {}
    for name, query in (("by name", {"sort": "name"}), ("last changed first", {"sort": "updated"})):
        yield name, query
        yield f"{name}, second page", {**query, "cursor": doctor.get("/assignments", limit=50, **query)["next_cursor"]}
    deep = {"project_id": project, "state": "submitted"}
    yield (
        "submitted ones of a project, after 500",
        {
            **deep,
            "cursor": doctor.get("/assignments", limit=500, **deep)["next_cursor"],
        },
    )
    yield "part of a name", {"name": "CAFE"}
    yield "a name that is nowhere", {"name": "nowhere at all"}
    yield "one modality", {"modality": "US"}


def ask(doctor: Client, project: str, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    """Milliseconds of each question and of the counts; one unmeasured round warms up."""
    asked = dict(questions(doctor, project))
    lists: dict[str, list[float]] = {name: [] for name in asked}
    counts: list[float] = []
    for number in range(rounds + 1):
        for name, query in asked.items():
            took = timed(doctor, "/assignments", limit=50, **query)
            if number > 0:
                lists[name].append(took)
        took = timed(doctor, "/assignments/counts")
        if number > 0:
            counts.append(took)
    return lists, counts


def thumbnails(doctor: Client) -> list[float]:
    """Milliseconds of each picture that a page of fifty rows shows."""
    took = []
    for row in doctor.get("/assignments", limit=50)["items"]:
        began = time.monotonic()
        picture = doctor.http.get(f"/images/{row['image_id']}/thumbnail", params={"v": row["image_sha256"]})
        took.append(1000 * (time.monotonic() - began))
        assert picture.status_code == 200, picture.text
    return took


def timed(doctor: Client, path: str, **query: Any) -> float:
    began = time.monotonic()
    doctor.get(path, **query)
    return 1000 * (time.monotonic() - began)


def search(page: Page, url: str, name: str) -> float:
    """Milliseconds from the last key of a search to rows that all match it."""
    page.goto(url)
    field = page.get_by_role("searchbox")
    expect(page.get_by_test_id("read-row").first).to_be_visible()
    began = time.monotonic()
    field.fill(name)
    rows = page.get_by_test_id("read-row")
    while page.evaluate(
        "(name) => [...document.querySelectorAll('[data-testid=read-row]')].some((row) => !row.textContent.includes(name))",
        name,
    ):
        assert time.monotonic() - began < 30, "no rows for half a minute"
    assert rows.count() > 0
    return 1000 * (time.monotonic() - began)


if __name__ == "__main__":
    raise SystemExit(main())
