"""A small hospital with the plugin on, the mini set on its shelf, and short ways to import, run, sign in and read."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from core.kernel.context import Actor, actor_scope, hospital_scope
from core.lake import domain as lake
from core.lake.models import LakeImport
from core.org.models import Hospital
from core.plugin_host import service
from core.testing.world import World
from plugins.warning.domain.run import Asked, run
from plugins.warning.models import Warning, WarningRun
from tests.support.lines import LAST, Mini, as_csv, mini

BY = Actor.system("test")
API = "/api/v1/h/binjiang"
BACKEND = "core.accounts.backends.SignIn"
TABLES = ("items", "departments", "doctors", "patients", "dept_month", "access_log", "rep_visits")


class House:
    """binjiang with every account; 骨0 and 骨1 are real doctors with posts, so that their names can be shown or masked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World.small()
        self.hospital: Hospital = self.world.hospital()
        codes = self.world.sites["binjiang"].doctors
        self.doctors = dict(
            zip(("骨0", "骨1", "心0", "心1"), [*codes["骨科"], *codes["心内科"]], strict=True)
        )
        self._number = itertools.count(1)
        self._clients: dict[tuple[str, str, str], Client] = {}

    def set(self, months: list[str] | None = None) -> Mini:
        """The mini set with this hospital's doctors."""
        return mini(self.doctors, months) if months else mini(self.doctors)

    def bring(
        self, text: str, dataset: str = "prescription_lines", name: str = "", **options: Any
    ) -> LakeImport:
        """Import a CSV text; Problems pass through."""
        path = self.folder / (name or f"{dataset}{next(self._number)}.csv")
        path.write_text(text, encoding="utf-8")
        upload = lake.receive_path(path, dataset=dataset, hospital=self.hospital, by=BY)
        return lake.run_import(lake.start_import(upload, by=BY, **options), by=BY)

    def bring_lines(self, rows: list[dict[str, Any]], **options: Any) -> LakeImport:
        """Import prescription lines."""
        return self.bring(as_csv("prescription_lines", rows), **options)

    def bring_all(self, made: Mini, tables: tuple[str, ...] = TABLES) -> None:
        """Import the whole set."""
        for dataset in (*tables, "prescription_lines"):
            self.bring(made.csv(dataset), dataset)

    def run(self, *rules: str, months: list[str] | None = None, live: bool = True, **more: Any) -> WarningRun:
        """Evaluate now."""
        stopped = more.pop("stopped", lambda: False)
        asked = Asked(rules=list(rules) or None, months=months, live=live, **more)
        return run(self.hospital, asked, by=BY, progress=lambda *said: None, stopped=stopped)

    def cli(self, *arguments: str) -> Any:
        """`manage.py warning … --hospital binjiang --json`, its output parsed."""
        return json.loads(self.cli_text(*arguments, "--json"))

    def cli_text(self, *arguments: str) -> str:
        """The same, as printed."""
        out = io.StringIO()
        with actor_scope(Actor("command", "test", "命令行")):
            call_command("warning", *arguments, "--hospital", "binjiang", stdout=out)
        return out.getvalue()

    def client(self, role: str, slug: str = "binjiang", department: str = "") -> Client:
        """Signed in as that role, cookies and CSRF check as in a browser."""
        key = (role, slug, department)
        if key not in self._clients:
            client = Client(enforce_csrf_checks=True)
            with actor_scope(BY):
                client.force_login(self.world.user(role, slug, department), BACKEND)
            client.get("/api/v1/session")
            self._clients[key] = client
        return self._clients[key]

    def get(self, role: str, path: str, department: str = "", **query: Any) -> Any:
        """GET below the hospital's API; the response."""
        return self.client(role, department=department).get(API + path, query)

    def post(self, role: str, path: str, body: Any, department: str = "", key: str = "") -> Any:
        """POST JSON below the hospital's API; the response."""
        client = self.client(role, department=department)
        headers = {"X-CSRFToken": client.cookies["csrftoken"].value} | (
            {"Idempotency-Key": key} if key else {}
        )
        return client.post(API + path, json.dumps(body), content_type="application/json", headers=headers)

    def upload(self, role: str, name: str, content: bytes, department: str = "") -> str:
        """Hand in a file; its uid."""
        client = self.client(role, department=department)
        stream = io.BytesIO(content)
        stream.name = name
        headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
        answer = client.post(API + "/files", {"file": stream}, headers=headers)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["uid"])

    def do(
        self,
        role: str,
        verb: str,
        warning: Warning,
        values: dict[str, Any],
        department: str = "",
        **more: Any,
    ) -> Any:
        """A step of the flow over HTTP; the response."""
        body = {
            "uid": str(warning.uid),
            "expected_version": more.pop("version", self.fresh(warning).version),
            "values": values,
            "files": more.pop("files", []),
        }
        return self.post(role, f"/resources/warning.warning/commands/{verb}", body, department, **more)

    def lines(self, role: str, warning: Warning, department: str = "", **query: Any) -> Any:
        """The lines behind a warning over HTTP; the response."""
        return self.get(role, f"/p/warning/warnings/{warning.uid}/lines", department, **query)

    def all_lines(self, role: str, warning: Warning) -> list[dict[str, Any]]:
        """Every page of them."""
        rows: list[dict[str, Any]] = []
        page = self.lines(role, warning, limit=200).json()
        while True:
            rows += page["rows"]
            if not page["next"]:
                return rows
            page = self.lines(role, warning, limit=200, after=page["next"]).json()

    def detail(self, role: str, warning: Warning, department: str = "") -> Any:
        """The page of a warning; the response."""
        return self.get(role, f"/resources/warning.warning/rows/{warning.uid}", department)

    def fresh(self, warning: Warning) -> Warning:
        """The warning as stored now."""
        return Warning.unscoped.select_related("flow", "finding").get(pk=warning.pk)

    def only(self, rule: str, **subject: str) -> Warning:
        """The one warning of a rule whose subject has these source codes."""
        found = [
            w
            for w in Warning.unscoped.select_related("flow", "finding__run").filter(rule_code=rule)
            if subject.items() <= w.finding.subject.items()
        ]
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def house(db: None, settings: Any, tmp_path: Path) -> Iterator[House]:
    """The hospital in context, with an actor and a data folder of its own; nothing imported yet."""
    settings.HOME = tmp_path / "home"
    settings.HOME.mkdir(mode=0o700)
    with actor_scope(BY):
        made = House(tmp_path)
        service.enable("warning", made.hospital, by=BY)
        with hospital_scope(made.hospital):
            yield made


@pytest.fixture
def small(house: House) -> House:
    """Only the last month imported: enough for the exact rules, quick to run."""
    house.bring_all(house.set([LAST]))
    return house
