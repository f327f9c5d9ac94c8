"""A list of class 3 that the inspector may export, in a world written once for the module."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from core.files.domain import path as blob
from core.files.models import StoredFile
from core.jobs.testing import run_pending
from core.kernel.context import Actor, acting, actor_scope
from core.org.models import Person
from core.policy.table import load_table
from core.policy.types import TypePolicy, register_type
from core.resources import registry
from core.resources.model_source import ModelSource
from core.resources.models import ExportRequest
from core.resources.spec import Field, ResourceSpec
from core.resources.specs_org import persons_of
from core.testing.world import World

KEY = "exports.probe"
HEAD = "role,type,action,relation,state,max_class,effect,note\n"
POLICY = "".join(
    f"{role},{KEY},{action},hospital,*,3,allow,test\n"
    for role in ("inspector", "pharmacy")
    for action in ("view", "export")
)
BY = Actor.system("test")
HERE = "/api/v1/h/binjiang"
WHY = {"purpose": "inspection", "purpose_text": "核对人员与任职"}


class Desk:
    """Accounts of the world over HTTP."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients: dict[str, Client] = {}

    def client(self, role: str) -> Client:
        """Signed in as the role's account."""
        if role not in self.clients:
            self.clients[role] = Client()
            with actor_scope(BY):
                self.clients[role].force_login(self.world.user(role))
        return self.clients[role]

    def get(self, role: str, path: str) -> Any:
        """GET below the hospital."""
        return self.client(role).get(f"{HERE}{path}")

    def post(self, role: str, path: str, body: Any = None, **headers: str) -> Any:
        """POST JSON below the hospital."""
        return self.client(role).post(
            f"{HERE}{path}", json.dumps(body or {}), content_type="application/json", headers=headers
        )

    def ask(self, role: str = "inspector", **more: Any) -> ExportRequest:
        """A request that waits for approval."""
        answer = self.post(role, f"/resources/{KEY}/export", {"where": None, "order": "", **WHY, **more})
        assert answer.status_code == 200, answer.content
        return ExportRequest.unscoped.get(uid=answer.json()["request"]["uid"])

    def decide(self, role: str, request: ExportRequest, verb: str = "approve", **values: Any) -> Any:
        """Approve, refuse or withdraw over HTTP."""
        sent = {"uid": str(request.uid), "expected_version": request.version, "values": values}
        return self.post(role, f"/resources/exports.export/commands/{verb}", sent)

    def made(self, role: str = "inspector", **more: Any) -> ExportRequest:
        """A request that was approved by the leader and whose file is made."""
        request = self.ask(role, **more)
        assert self.decide("leader", request).status_code == 200
        run_pending()
        request.refresh_from_db()
        assert request.state == "ready", request.note
        return request

    def take(self, role: str, request: ExportRequest) -> Any:
        """The download."""
        return self.get(role, f"/exports/{request.uid}/download")


def bytes_of(request: ExportRequest) -> bytes:
    """The kept file, past the download."""
    return blob(StoredFile.unscoped.get(uid=request.file_uid)).read_bytes()


def parts(content: bytes) -> dict[str, str]:
    """Name → text of the parts of a workbook."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}


@pytest.fixture(scope="module")
def scope(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """One transaction for the module."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        try:
            yield
        finally:
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)


@pytest.fixture(scope="module")
def world(scope: None) -> World:
    """Two hospitals with every role."""
    return World.small()


@pytest.fixture
def desk(world: World, db: None, tmp_path: Path, settings: Any) -> Iterator[Desk]:
    """The probe registered, a data folder of its own."""
    settings.HOME = tmp_path
    (tmp_path / "p.csv").write_text(HEAD + POLICY, encoding="utf-8")
    (tmp_path / "none.csv").write_text(HEAD, encoding="utf-8")
    register_type(TypePolicy(KEY, "样表", 3))
    load_table(tmp_path / "p.csv", "exports-test")
    spec = ResourceSpec(
        key=KEY,
        label="样表",
        data_class=3,
        fields=(Field("name", "姓名", "person", filterable=True, sortable=True, order_path="sort_key"),),
        export=True,
        default_order="name",
    )
    registry.register(spec, ModelSource(Person, label="name", base=persons_of))
    try:
        yield Desk(world)
    finally:
        registry.forget(KEY)
        load_table(tmp_path / "none.csv", "exports-test")


def rename(world: World, role: str, name: str) -> None:
    """Another name for the person behind a role."""
    with acting(BY):
        Person.objects.filter(pk=world.user(role).person_id).update(name=name)
