"""Two hospitals with people, and a findable type whose things a test lays out; the index in a file of the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.jobs.testing import run_pending
from core.kernel.context import Actor, acting, actor_scope, current_hospital
from core.org.models import Hospital, Post
from core.policy.table import TableRow
from core.policy.types import TypePolicy
from core.resources import searchable
from core.resources.searchable import Document, register_searchable, touch
from core.testing import factories
from core.testing.probe import policy_rows, registered
from search import engines, index, query

KIND = "probe.note"
BY = Actor.system("test")


def row(role: str, relation: str, states: set[str], max_class: int, kind: str = KIND) -> TableRow:
    """A line of the policy table."""
    return TableRow(role, kind, "view", relation, frozenset(states), max_class, "allow", "", "probe", 1)


ROWS = [
    row("inspector", "hospital", set(), 3),
    row("leader", "hospital", set(), 2),
    row("department_head", "department", {"waiting"}, 2),
    row("visitor", "hospital", {"public"}, 1),
    row("*", "hospital", {"public"}, 2),
    row("inspector", "hospital", set(), 2, "org.person"),
    row("inspector", "hospital", set(), 2, "org.department"),
]


@dataclass
class World:
    """What is there, who asks, and the shortest ways to do so."""

    here: Hospital
    there: Hospital
    posts: dict[str, Post]
    clients: dict[str, Client]
    notes: dict[str, Document] = field(default_factory=dict)

    def put(self, uid: str, title: str, at: Hospital | None = None, **more: Any) -> None:
        """A note in the source; told to search, and delivered."""
        at = at or self.here
        given = {"type": KIND, "hospital_id": at.id, "href": f"/n/{uid}", **more}
        one = Document(uid=uid, title=title, **given)
        self.notes[one.key] = one
        with acting(BY):
            touch(KIND, [uid], hospital=at)
        run_pending()

    def ask(self, who: str, q: str, path: str = "search", at: Hospital | None = None, **more: Any) -> Any:
        """The answer of the endpoint, which must be 200."""
        answer = self.clients[who].get(f"/api/v1/h/{(at or self.here).slug}/{path}", {"q": q, **more})
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()

    def titles(self, who: str, q: str, **more: Any) -> list[str]:
        """Titles found, without marks, in alphabetical order."""
        hits = self.ask(who, q, **more)["hits"]
        return sorted(hit["title_html"].replace("<mark>", "").replace("</mark>", "") for hit in hits)


@pytest.fixture
def world(db: None, tmp_path: Path, settings: Any) -> Iterator[World]:
    """Two hospitals whose indexes are complete and empty of notes."""
    settings.HOME, settings.SEARCH_URL = tmp_path, ""
    query._resting.clear()
    here, there = factories.hospital(name="清河医院"), factories.hospital(name="望江医院")
    inner = factories.department(here, name="骨科", code="GK")
    outer = factories.department(here, name="眼科", code="YK")
    held = {
        "inspector": factories.post(here, "inspector"),
        "leader": factories.post(here, "leader"),
        "head": factories.post(here, "department_head", department=inner),
        "eye_head": factories.post(here, "department_head", department=outer),
        "foreign": factories.post(there, "inspector"),
    }
    clients = {"visitor": Client()}
    for name, post in held.items():
        clients[name] = Client()
        with actor_scope(BY):
            clients[name].force_login(factories.user(post.person))
    made = World(here, there, held, clients)

    def build(uids: list[str]) -> list[Document]:
        at = current_hospital()
        assert at is not None
        return [one for one in made.notes.values() if one.uid in uids and one.hospital_id == at.id]

    def everything(at: Hospital) -> list[str]:
        return [one.uid for one in made.notes.values() if one.hospital_id == at.id]

    policy = TypePolicy(KIND, "便笺", 2, {"department": "department", "state": "state"})
    with policy_rows(ROWS), registered(policy):
        register_searchable(KIND, label="便笺", build=build, all_uids=everything)
        for hospital in (here, there):
            index.reconcile(hospital, engines.embedded())
        yield made
        searchable.forget(KIND)
    engines.embedded().close()
