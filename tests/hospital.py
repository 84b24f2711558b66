"""A small hospital for tests of the domains: people at browsers of their own, projects, images and readings over HTTP.

Images go in by the rules an import uses, past the parser: what is tested with it is what happens to stored images.
"""

import base64
import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.accounts import rules as accounts
from backend.accounts.rules import SYSTEM, Actor
from backend.imaging import labels as codec
from backend.imaging import slabs
from backend.projects import rules as projects
from backend.studies import rules as studies
from backend.studies.ingest import ParsedImage
from tests.conftest import ORIGIN

API = "/api/v1"
SHAPE_ZYX = (3, 8, 10)


@dataclass
class Person:
    """Somebody signed in at a browser of their own; as an expert they have `expert_id`."""

    browser: TestClient
    user_id: str
    expert_id: str | None = None

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.browser.get(API + path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.browser.post(API + path, json={} if body is None else body, headers=sent)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.browser.request(method, API + path, json=body)


@dataclass
class Reading:
    """A person's own segmentation, as their browser keeps track of it. labels_zyx is what they see."""

    person: Person
    segmentation_id: str
    head: str
    etag: str
    labels_zyx: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(SHAPE_ZYX, np.uint8))

    def edit_body(self, voxels: Mapping[int, int], **more: Any) -> dict[str, Any]:
        """An edit that sets flat voxel index → value."""
        indices = np.array(sorted(voxels), dtype=np.int64)
        values = np.array([voxels[index] for index in sorted(voxels)], dtype=np.uint8)
        runs = base64.b64encode(codec.encode(indices, values)).decode()
        return {
            "base_revision_id": self.head, "edit_id": str(uuid.uuid4()), "tool": "brush", "runs": runs, **more
        }  # fmt: skip

    def send(self, body: dict[str, Any], etag: str | None = None) -> httpx.Response:
        """Post an edit with this etag (default: the one last heard of); remember the answer's."""
        answer = self.person.post(f"/segmentations/{self.segmentation_id}/edits", body, If_Match=etag or self.etag)
        if answer.status_code in (200, 201):
            self.etag = answer.json()["etag"]
        return answer

    def draw(self, voxels: Mapping[int, int], **more: Any) -> str:
        """Set voxels, on the server and in `labels_zyx`; returns the edit's id."""
        body = self.edit_body(voxels, **more)
        answer = self.send(body)
        assert answer.status_code == 201, answer.text
        for index, value in voxels.items():
            self.labels_zyx.reshape(-1)[index] = value
        edit_id: str = body["edit_id"]
        return edit_id

    def submit(self, checksums: list[dict[str, int]] | None = None) -> httpx.Response:
        """Submit from the state last heard of."""
        path = f"/segmentations/{self.segmentation_id}/submit"
        answer = self.person.post(path, {"checksums": checksums or []}, If_Match=self.etag)
        if answer.status_code == 200:
            self.head, self.etag = answer.json()["id"], answer.headers["etag"]
        return answer


@dataclass
class Hospital:
    """The whole application with an admin signed in. It numbers what it makes from 1: images do not depend on other tests."""

    app: FastAPI
    admin: Person
    work: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def person(self, role: str = "expert", *, expert: bool = True) -> Person:
        """A new user with a token of their own (no password: hashing one takes longer than a whole test)."""
        number = next(self._numbers)
        with self.app.state.database.write() as db:
            user = accounts.create_user(db, SYSTEM, f"person-{number}", f"Person {number}", role).user
            actor = Actor(user.id, user.name, role)
            secret = accounts.create_token(db, actor, "test", ["read", "write", "manage"], None, 1).secret
        browser = TestClient(self.app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})
        browser.portal = self.admin.browser.portal  # the application's one event loop, not one for each request
        someone = Person(browser, str(user.id))
        if expert:
            body = {"name": f"Dr {number}", "description": "", "user_id": someone.user_id}
            someone.expert_id = self.admin.post("/experts", body).json()["id"]
        return someone

    def project(self, *, labels: int = 2, **policy: Any) -> str:
        """A project with labels 1 … n, run by the admin."""
        names = [{"value": v, "name": f"Label {v}", "colour": f"#0000{v:02x}"} for v in range(1, labels + 1)]
        body = {"name": f"Project {next(self._numbers)}", "policy": policy, "labels": names}
        answer = self.admin.post("/projects", body)
        assert answer.status_code == 201, answer.text
        project_id: str = answer.json()["id"]
        return project_id

    def images(self, project_id: str, count: int = 1, shape_zyx: tuple[int, int, int] = SHAPE_ZYX) -> list[str]:
        """Stored images of random voxels, attached to the project (and so assigned to its experts)."""
        return [self._image(project_id, shape_zyx) for _ in range(count)]

    def _image(self, project_id: str, shape_zyx: tuple[int, int, int]) -> str:
        number = next(self._numbers)
        nz, ny, nx = shape_zyx
        voxels = np.random.default_rng(number).integers(-1000, 1000, shape_zyx).astype(np.int16)
        paths = []
        for k in range(slabs.slab_count(nz)):
            slices = slabs.slab_slices(k, nz)
            path = self.work / f"image-{number}-{k}.gz"
            path.write_bytes(slabs.encode_slab(voxels[slices.start : slices.stop]))
            paths.append(path)
        original = self.work / f"original-{number}"
        original.write_bytes(voxels.tobytes())
        affine = [1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 2.0, 0]
        parsed = ParsedImage(
            f"case{number}", "image", nx, ny, nz, 1, affine, "regular", [], low=-1000, high=999, window_low=-1000.0,
            window_high=1000.0, slab_paths=paths, files=[original.name], originals=[original],
        )  # fmt: skip
        kept = studies.store_bytes(self.app.state.blobs, parsed)
        with self.app.state.database.write() as db:
            image = studies.keep_image(db, parsed, kept, False)
            projects.attach_images(db, SYSTEM, UUID(project_id), [image.id])
            return str(image.id)

    def reader(self, project_id: str) -> Person:
        """A new expert asked to read every image of the project."""
        someone = self.person()
        self.ask(project_id, someone)
        return someone

    def ask(self, project_id: str, someone: Person) -> None:
        """Add an expert to a project, with an assignment for every image."""
        answer = self.admin.post(f"/projects/{project_id}/experts", {"expert_id": someone.expert_id})
        assert answer.status_code == 200, answer.text

    def open(self, someone: Person, project_id: str, image_id: str | None = None) -> Reading:
        """Open one of a reader's assignments (the first, or that of an image)."""
        items = someone.get("/assignments", project_id=project_id).json()["items"]
        chosen = next(item for item in items if image_id in (None, item["image_id"]))
        opened = someone.post(f"/assignments/{chosen['id']}/open")
        assert opened.status_code == 200, opened.text
        seen = someone.get(f"/segmentations/{opened.json()['segmentation_id']}").json()
        return Reading(someone, seen["id"], seen["head_revision_id"], seen["etag"])

    def labels_of(self, someone: Person, revision_id: str, shape_zyx: tuple[int, int, int] = SHAPE_ZYX) -> Any:
        """A revision's labels as a browser gets them, slab by slab."""
        count = slabs.slab_count(shape_zyx[0])
        parts = [someone.get(f"/revisions/{revision_id}/slabs/{k}").content for k in range(count)]
        return np.frombuffer(b"".join(parts), np.uint8).reshape(shape_zyx)


def checksums(labels_zyx: Any) -> list[dict[str, int]]:
    """The CRC-32 of every slice, as a browser would send it."""
    found = codec.slice_checksums(labels_zyx, range(labels_zyx.shape[0]))
    return [{"z": z, "crc32": crc32} for z, crc32 in found.items()]


def pages(ask: Callable[[str | None], httpx.Response]) -> list[list[dict[str, Any]]]:
    """Follow `next_cursor` to the end; the items of each page."""
    found, cursor = [], None
    while True:
        answer = ask(cursor)
        assert answer.status_code == 200, answer.text
        body = json.loads(answer.content)
        found.append(body["items"])
        cursor = body["next_cursor"]
        if cursor is None:
            return found
