"""The authorisation matrix: every operation of openapi.json × every kind of caller, each cell asked and judged.

A hospital with two projects: `here` is blinded and holds everything that is asked about, `there` is somebody else's. Who
may do what is written down below a second time, by policy and independently of `accounts.rules.authorisation.MAY`: an
operation whose policy has no line here fails the test, as does one without a body or an object to be asked about.
"""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import save
from sqlalchemy import text

from backend.accounts import rules as accounts
from backend.accounts import store as accounts_store
from backend.accounts.rules import Actor, credentials
from tests.conftest import ORIGIN, PASSWORD, ROOT
from tests.hospital import API, SHAPE_ZYX, Hospital, Person

DOCUMENT: Final = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
METHODS: Final = ("get", "put", "post", "patch", "delete")

# Nobody: no credential, or one that is over. Outsiders: signed in, but nothing of `here` exists for them.
NOBODY: Final = ("anonymous", "locked", "expired", "revoked", "overdue_token", "wrong_token")
OUTSIDERS: Final = ("outsider", "integrator", "manager_bound_there", "admin_bound_there", "left")
MEMBERS: Final = ("manager", "adjudicator", "reader", "peer")
BOUND: Final = ("manager_bound_there", "admin_bound_there")
SIGNED_IN: Final = ("admin", *MEMBERS, *OUTSIDERS, "manager_reads_only")
SEE: Final = ("admin", *MEMBERS, "manager_reads_only")  # who may know that `here` exists
RUN: Final = ("admin", "manager")

# Policy → who may. `reader` owns the reading, the assignment and the expert asked about; `manager` the import.
MAY: Final[dict[str, tuple[str, ...]]] = {
    "public": (*SIGNED_IN, *NOBODY),
    "session:read": SIGNED_IN,
    "session:update": SIGNED_IN,
    "session:delete": SIGNED_IN,
    "session:journal": (),  # a journal belongs to a person at a browser, and everybody here comes with a token
    "event:read": SIGNED_IN,
    "system:read": ("admin",),
    "audit:read": ("admin",),
    "user:list": ("admin", "integrator"),
    "user:create": ("admin",),
    "user:update": ("admin",),
    "user:read": ("admin", "peer"),
    "user:sign_out": ("admin", "peer"),
    "token:list": tuple(who for who in SIGNED_IN if who not in ("manager_reads_only", *BOUND)),
    "token:create": (),  # a token makes no tokens, and everybody here comes with one
    "token:delete": ("admin", "reader"),
    "password:update": (),  # a person at a browser, and everybody here comes with a token
    "preference:read": SIGNED_IN,  # each their own
    "preference:update": tuple(who for who in SIGNED_IN if who not in ("manager_reads_only", *BOUND)),
    "expert:list": SIGNED_IN,
    "expert:create": ("admin", "integrator"),
    "expert:update": ("admin", "integrator"),
    "project:list": SIGNED_IN,
    "project:create": ("admin", "integrator"),
    "project:read": SEE,
    "project:update": RUN,
    "member:list": RUN,
    "member:create": RUN,
    "member:delete": RUN,
    "study:list": SIGNED_IN,
    "image:list": SIGNED_IN,
    "image:read": SEE,
    "image:create": RUN,
    "image:delete": RUN,
    "import:create": RUN,
    "import:read": (*RUN, "manager_reads_only"),
    "import:update": ("manager",),
    "assignment:list": SIGNED_IN,
    "assignment:create": RUN,
    "assignment:withdraw": RUN,
    "progress:read": (*RUN, "manager_reads_only"),
    "assignment:read": ("reader",),  # who runs a blinded project sees counts
    "assignment:open": ("reader",),
    "segmentation:list": SIGNED_IN,
    "segmentation:read": ("reader",),
    "segmentation:update": ("reader",),
    "segmentation:submit": ("reader",),
    "segmentation:reopen": ("reader",),
    "segmentation:compare": ("reader",),
    "review:list": ("adjudicator",),
    "review:create": ("adjudicator",),
    "review:compare": (),  # the segmentation asked about is a reading, not a review; see test_reviews.py
    "opinion:read": (),  # `here` is blinded: not even the reading's owner
    "opinion:create": (),
    "revision:read": ("reader",),
    "revision:export": ("reader",),
    "model:list": SIGNED_IN,
    "model:promote": RUN,
    "style:list": SIGNED_IN,
    "style:read": (*RUN, "reader", "manager_reads_only"),  # a blinded project: who runs it, and whose it is
    "style:promote": (*RUN, "reader"),
    "style:export": (*RUN, "reader", "manager_reads_only"),
    "style:import": RUN,
    "prediction:create": ("manager", "reader"),
    "job:create": RUN,
    "job:list": SIGNED_IN,
    "job:read": (*RUN, "manager_reads_only"),
    "job:cancel": RUN,
}  # fmt: skip

GONE_AFTERWARDS: Final = ("member:delete", "token:delete", "session:delete", "user:sign_out", "assignment:withdraw")


@dataclass
class World:
    """Callers by name, and what stands for each parameter and body. secrets: what an outsider may never be told."""

    browsers: dict[str, TestClient]
    ids: dict[str, str]
    bodies: dict[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()


def token_of(
    hospital: Hospital, person: Person, role: str, scopes: list[str], project: str | None, **state: str
) -> str:
    with hospital.app.state.database.write() as db:
        actor = Actor(uuid.UUID(person.user_id), "x", role)
        new = accounts.create_token(db, actor, "matrix", scopes, uuid.UUID(project) if project else None, 1)
        for column, value in state.items():
            db.execute(
                text(f"UPDATE api_tokens SET {column} = {value} WHERE id = :id"), {"id": new.token.id}
            )  # columns and values are ours
        return new.secret


def browser_of(hospital: Hospital, secret: str | None = None, cookie: str | None = None) -> TestClient:
    headers = {"Origin": ORIGIN} if secret is None else {"Authorization": f"Bearer {secret}"}
    browser = TestClient(hospital.app, base_url=ORIGIN, headers=headers, raise_server_exceptions=False)
    browser.portal = hospital.admin.browser.portal
    if cookie:
        browser.cookies.set("consilium_session_8000", cookie)
    return browser


def add_member(hospital: Hospital, project: str, person: Person, role: str) -> None:
    answer = hospital.admin.post(f"/projects/{project}/members", {"user_id": person.user_id, "role": role})
    assert answer.status_code == 200, answer.text


def make_world(hospital: Hospital) -> World:
    every = ["read", "write", "manage"]
    here, there = hospital.project(blinding="until_all_submitted"), hospital.project(blinding="until_all_submitted")
    (image,), _ = hospital.images(here), hospital.images(there)
    reader, peer, outsider = hospital.reader(here), hospital.reader(here), hospital.reader(there)
    admin, manager, adjudicator, left, locked = (
        hospital.person(role, expert=False) for role in ("admin", "expert", "expert", "expert", "expert")
    )
    integrator = hospital.person("integrator", expert=False)
    for project in (here, there):
        add_member(hospital, project, manager, "manager")
    for person, role in ((adjudicator, "adjudicator"), (left, "manager"), (locked, "manager")):
        add_member(hospital, here, person, role)
    reading = hospital.open(reader, here)
    reading.draw({3: 1})
    prompt = {
        "prompt_id": str(uuid.uuid4()), "round_id": str(uuid.uuid4()), "type": "point", "points": [[1, 1, 1]], "label": 1,
        "sign": "include", "slice_axis": "k",
    }  # fmt: skip
    assert reader.post(f"/segmentations/{reading.segmentation_id}/prompts", prompt).status_code == 202
    begun = manager.post("/imports", {"project_id": here}).json()
    lefts_own = left.post("/imports", {"project_id": here}).json()
    with hospital.app.state.database.write() as db:
        for owner in (manager, left):  # the second only exists so that `left` has a job of its own in the lists
            db.execute(
                text(
                    "INSERT INTO jobs (kind, queue, project_id, owner_id, params, state)"
                    " VALUES ('pretrain', 'training', :project, :owner, '{}', 'queued')"
                ),
                {"project": here, "owner": owner.user_id},
            )
        job, lefts_job = (
            str(db.scalar(text("SELECT id FROM jobs WHERE owner_id = :owner"), {"owner": owner.user_id}))
            for owner in (manager, left)
        )
        cookie = credentials.make_secret()
        expired = accounts_store.add_session(
            db, uuid.UUID(manager.user_id), credentials.keep(cookie), hours=1, user_agent=None
        )
        db.execute(text("UPDATE sessions SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": expired.id})
        sign_in = accounts_store.add_session(db, uuid.UUID(peer.user_id), "4" * 64, hours=1, user_agent=None)
        spare = accounts.create_token(db, Actor(uuid.UUID(reader.user_id), "x", "expert"), "spare", every, None, 1)
    model, style, drawn = add_model(hospital, here, image, str(reader.expert_id))
    assert hospital.admin.call("DELETE", f"/projects/{here}/members/{left.user_id}").status_code == 204
    assert hospital.admin.call("PATCH", f"/users/{locked.user_id}", {"locked": True}).status_code == 200
    browsers = {
        "anonymous": browser_of(hospital),
        "locked": locked.browser,
        "expired": browser_of(hospital, cookie=cookie),
        "revoked": browser_of(hospital, token_of(hospital, manager, "expert", every, None, revoked_at="now()")),
        "overdue_token": browser_of(hospital, token_of(hospital, manager, "expert", every, None, expires_at="now()")),
        "wrong_token": browser_of(hospital, "cons_" + "0" * 40, cookie=None),
        "outsider": outsider.browser,
        "left": left.browser,
        "integrator": integrator.browser,
        "manager_bound_there": browser_of(hospital, token_of(hospital, manager, "expert", every, there)),
        "admin_bound_there": browser_of(hospital, token_of(hospital, admin, "admin", every, there)),
        "manager_reads_only": browser_of(hospital, token_of(hospital, manager, "expert", ["read"], None)),
        "peer": peer.browser,
        "reader": reader.browser,
        "adjudicator": adjudicator.browser,
        "manager": manager.browser,
        "admin": admin.browser,
    }
    assert set(browsers) == {*SIGNED_IN, *NOBODY}
    assignment = reader.get("/assignments", project_id=here).json()["items"][0]["id"]
    ids = {
        "project_id": here, "image_id": image, "assignment_id": assignment, "segmentation_id": reading.segmentation_id,
        "revision_id": drawn, "import_id": begun["id"], "job_id": job, "user_id": peer.user_id,
        "expert_id": str(reader.expert_id), "model_id": model, "style_id": style, "token_id": str(spare.token.id),
        "session_id": str(sign_in.id),
        "slab": "0", "letter": "A", "v": reader.get(f"/images/{image}").json()["sha256"], "path": "images/a.nii.gz",
        "etag": reading.etag, "browser_id": str(uuid.uuid4()), "prompt_id": str(prompt["prompt_id"]),
    }  # fmt: skip
    bodies = {
        "AssignmentsIn": {"project_id": here, "expert_ids": [ids["expert_id"]]},
        "ComparisonIn": {"revision_a": reading.head, "revision_b": reading.head},
        "EditIn": reading.edit_body({4: 1}),
        "ForkIn": {"runs": reading.edit_body({4: 1})["runs"]},
        "GestureIn": {"seconds_ago": 1},
        "ExpertIn": {"name": "Somebody"},
        "ExpertChangeIn": {"description": "changed"},
        "ImportIn": {"project_id": here},
        "JobIn": {"kind": "pretrain", "project_id": here},
        "LabelSetIn": {"labels": [{"value": v, "name": f"L{v}", "colour": "#000001"} for v in (1, 2)]},
        "MemberIn": {"user_id": peer.user_id, "role": "reader"},
        "PasswordChangeIn": {"present": PASSWORD, "new": "green tractor violin 31"},
        "PredictionIn": {"project_id": here, "expert_id": ids["expert_id"]},
        "PreferencesIn": {"theme": "light"},
        "PropagationIn": {"axis": "k"},
        "PromptIn": {
            "round_id": str(uuid.uuid4()), "type": "point", "points": [[1, 1, 1]], "label": 1, "sign": "include",
            "slice_axis": "k",
        },
        "ProjectChangeIn": {"description": "changed"},
        "ProjectExpertIn": {"expert_id": ids["expert_id"], "assign": False},
        "ProjectImagesIn": {"image_ids": [image]},
        "ProjectIn": {"name": "given a new name each time"},
        "PromoteIn": {"reason": "because"},
        "LookIn": {"secret": "nonsense"},
        "RedeemIn": {"secret": "nonsense", "password": "correct horse battery 7"},
        "RestoreIn": {"revision_id": reading.head},
        "SignInIn": {"name": "nobody", "password": "x"},
        "SubmitIn": {"checksums": []},
        "TokenIn": {"name": "one more", "scopes": ["read"]},
        "UserChangeIn": {"display_name": "Changed"},
        "WithdrawalIn": {"project_id": here, "expert_ids": [ids["expert_id"]]},
        "UserIn": {"name": "given a new name each time", "role": "expert"},
    }  # fmt: skip
    told = ("project_id", "image_id", "assignment_id", "segmentation_id", "revision_id", "import_id", "job_id")
    secrets = {*(ids[name] for name in told), lefts_own["id"], lefts_job, model, style, ids["v"]}
    return World(browsers, ids, bodies, frozenset(secrets))


def add_model(hospital: Hospital, project: str, image: str, expert: str) -> tuple[str, str, str]:
    """A live model version with one style, and the revision it drew; of their files the style's alone is asked for."""
    from backend.models import store
    from backend.segmentations import rules as segmentations

    blank = np.zeros(SHAPE_ZYX, np.uint8)
    row = hospital.app.state.blobs.put(save({"row": np.ones(4, np.float32)}, {"card": "{}"}))
    kept = segmentations.keep_prediction(hospital.app.state.blobs, blank, blank, ())
    with hospital.app.state.database.write() as db:
        version = store.add_version(
            db, project_id=uuid.UUID(project), method="matrix", state="live", parent_id=None, job_id=None, config={},
            config_sha256="0" * 64, weights_sha256="1" * 64, metrics={}, card={"consensus_sha256": "2" * 64},
        )  # fmt: skip
        style = store.add_style(
            db, model_version_id=version.id, project_id=version.project_id, expert_id=uuid.UUID(expert),
            state="candidate", origin="pretrained", parent_id=None, weights_sha256=row, metrics={}, gate=None,
            job_id=None, lineage=(),
        )  # fmt: skip
        drawn = segmentations.put_prediction(db, version.project_id, uuid.UUID(image), style.expert_id, style.id, kept)
        return str(version.id), str(style.id), str(drawn)


@dataclass(frozen=True)
class Operation:
    """One operation of the document; `in_project`: a second way to ask it, with ?project_id= of `here`."""

    method: str
    path: str
    policy: str
    body: str | None
    media_type: str | None
    query: tuple[str, ...]
    in_project: bool = False

    @property
    def names_an_object(self) -> bool:
        return "{" in self.path and not self.path.startswith(
            (f"{API}/users", f"{API}/experts", f"{API}/session")
        )  # of no project


def operations() -> list[Operation]:
    """Every operation, those that act on something last, those that take it away at the very end."""
    found = []
    for path, methods in DOCUMENT["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            one = methods[method]
            content = one.get("requestBody", {}).get("content", {})
            media_type = next(iter(content), None)
            schema = content.get(media_type, {}).get("schema", {})
            reference = re.search(r"schemas/(\w+)", json.dumps(schema))
            query = tuple(p["name"] for p in one.get("parameters", []) if p["in"] == "query")
            operation = Operation(
                method.upper(), path, one["x-consilium-policy"], reference and reference.group(1), media_type, query
            )
            found.append(operation)
            if "project_id" in query:
                found.append(Operation(**{**vars(operation), "in_project": True}))
    return sorted(found, key=lambda one: (one.policy in GONE_AFTERWARDS, one.method != "GET"))


def ask(world: World, who: str, operation: Operation, ids: dict[str, str]) -> httpx.Response:
    """This operation as this caller, about the objects of `ids`."""
    address = operation.path.format(**ids)
    query = {name: ids[name] for name in ("v", "path") if name in operation.query}
    if operation.in_project:
        query["project_id"] = ids["project_id"]
    options: dict[str, Any] = {"params": query, "headers": {"If-Match": ids["etag"], "Last-Event-ID": "0"}}
    if operation.media_type == "application/octet-stream":
        options["content"] = b"bytes"
        options["headers"]["Content-Type"] = operation.media_type
    elif operation.media_type == "multipart/form-data":
        options["data"], options["files"] = {"project_id": ids["project_id"]}, {"files": ("a.nii.gz", b"bytes")}
    elif operation.body is not None:
        body = dict(world.bodies[operation.body])
        if operation.body in ("ProjectIn", "UserIn"):
            body["name"] = uuid.uuid4().hex
        if operation.body == "EditIn":
            body["edit_id"] = str(uuid.uuid4())
        if operation.body == "PromptIn":
            body["prompt_id"] = str(uuid.uuid4())
        options["json"] = body
    elif operation.method == "POST":
        options["json"] = {}
    return world.browsers[who].request(operation.method, address, **options)


def faults_of(world: World, who: str, operation: Operation, answer: httpx.Response) -> str | None:
    """What is wrong with this answer, or None."""
    status, allowed = answer.status_code, MAY[operation.policy]
    if status >= 500:
        return f"{status}, the server's own mistake"
    if operation.policy == "public":
        return None
    if who in NOBODY:
        return None if status == 401 else f"{status} instead of 401"
    if who in OUTSIDERS:
        leaked = [secret for secret in world.secrets if secret in answer.text]
        if leaked:
            return f"{status} tells an outsider of {leaked}"
        if operation.names_an_object and who not in allowed:
            return None if status == 404 else f"{status} instead of 404 about what must not exist"
    if operation.policy == "segmentation:list" and who == "admin" and operation.in_project:
        return None if status == 404 else f"{status}: an admin who is no member sees no readings"
    if who in allowed and not (operation.in_project and who in OUTSIDERS):
        fine = status not in (401, 403) and (status != 404 or operation.policy in GONE_AFTERWARDS)
        return None if fine else f"{status} for somebody who may: {answer.text[:200]}"
    if status < 400 and not (operation.in_project and who in allowed):
        return f"{status} for somebody who may not"
    return None if status < 400 or status in (403, 404) else f"{status} before the right was looked at"


def test_nobody_does_what_they_may_not(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    monkeypatch.setattr("backend.jobs.api.jobs.STREAM_SECONDS", 0.0)  # the stream replays and ends
    monkeypatch.setattr("backend.accounts.rules.signing_in.FAILURES_PER_ADDRESS", 100_000)
    world, asked, wrong = make_world(hospital), Counter[str](), []
    listed = operations()
    unlisted = sorted({one.policy for one in listed} - set(MAY))
    assert not unlisted, f"say in MAY who may do {unlisted}"
    for operation in listed:
        if operation.policy == "session:delete":
            continue  # a token cannot sign out; tests/integration/test_accounts.py does
        for who in world.browsers:
            answer = ask(world, who, operation, world.ids)
            asked[who] += 1
            fault = faults_of(world, who, operation, answer)
            where = f"{operation.method} {operation.path}{'?project_id=' if operation.in_project else ''}"
            if fault:
                wrong.append(f"{who}: {where} ({operation.policy}): {fault}")
    assert not wrong, f"{len(wrong)} of {asked.total()} cells:\n" + "\n".join(wrong)
    assert asked.total() >= 500
    tell(f"{asked.total()} cells, {len(listed)} operations × {len(asked)} callers, 0 leaks")


def test_what_must_not_exist_answers_like_a_random_id(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.jobs.api.jobs.STREAM_SECONDS", 0.0)
    world = make_world(hospital)
    random_ids = {name: value if name in ("slab", "letter", "v", "path", "etag") else str(uuid.uuid4())
                  for name, value in world.ids.items()}  # fmt: skip
    wrong = []
    for operation in operations():
        if not operation.names_an_object:
            continue
        for who in OUTSIDERS:
            real, imagined = (ask(world, who, operation, ids) for ids in (world.ids, random_ids))
            told = [{k: v for k, v in json.loads(one.content or b"{}").items() if k != "instance"}
                    for one in (real, imagined)]  # fmt: skip
            if real.status_code != 404 or told[0] != told[1]:
                wrong.append(f"{who}: {operation.method} {operation.path}: {told[0]} but for nothing {told[1]}")
    assert not wrong, "\n".join(wrong)
