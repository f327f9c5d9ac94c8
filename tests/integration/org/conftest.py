"""Two hospitals, and people who do things over HTTP as the site does."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from core.kernel.context import Actor, actor_scope
from core.testing.world import World

BY = Actor.system("test")


@dataclass
class Browser:
    """One signed-in person in one hospital."""

    client: Client
    slug: str

    def get(self, path: str) -> Any:
        """Ask below the hospital's path."""
        return self.client.get(f"/api/v1/h/{self.slug}{path}")

    def rows(self, key: str, **asked: str) -> list[dict[str, Any]]:
        """The first rows of a list; must be allowed."""
        answer = self.client.get(f"/api/v1/h/{self.slug}/resources/{key}/rows", {"limit": "200", **asked})
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()["rows"]

    def row(self, key: str, uid: Any) -> dict[str, Any]:
        """One row as its page shows it."""
        return self.get(f"/resources/{key}/rows/{uid}").json()["row"]

    def do(self, key: str, verb: str, uid: Any = None, **values: Any) -> Any:
        """Do a verb on a row as it is now, or on the list."""
        body: dict[str, Any] = {"values": values}
        if uid is not None:
            body |= {"uid": str(uid), "expected_version": self.row(key, uid)["version"]}
        return self.client.post(
            f"/api/v1/h/{self.slug}/resources/{key}/commands/{verb}",
            body,
            content_type="application/json",
            headers={"X-CSRFToken": self.client.cookies["csrftoken"].value},
        )

    def done(self, key: str, verb: str, uid: Any = None, **values: Any) -> dict[str, Any]:
        """Do a verb that must succeed."""
        answer = self.do(key, verb, uid, **values)
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()

    def refused(
        self, key: str, verb: str, uid: Any = None, status: int = 422, **values: Any
    ) -> dict[str, Any]:
        """Do a verb that must be refused; the problem, whose every place has a cure."""
        answer = self.do(key, verb, uid, **values)
        assert answer.status_code == status, answer.content.decode()
        return answer.json()


@pytest.fixture
def world(db: None) -> World:
    return World.small()


@pytest.fixture
def browser(world: World) -> Any:
    """`browser("hospital_admin")`: that role's account in a browser."""

    def open_(role: str, slug: str = "binjiang", department: str = "") -> Browser:
        client = Client(enforce_csrf_checks=True)
        with actor_scope(BY):
            client.force_login(world.user(role, slug, department))
        client.get("/api/v1/session")
        return Browser(client, slug)

    return open_
