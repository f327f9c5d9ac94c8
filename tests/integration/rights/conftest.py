"""Two hospitals with every role, and clients signed in as their accounts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.kernel.context import Actor, actor_scope
from core.testing.world import World

BY = Actor.system("test")


@pytest.fixture(scope="module")
def _written(module_scope: None) -> World:
    return World.small()


@pytest.fixture
def world(_written: World, db: None) -> World:
    """Two small hospitals, written once for a module; what a test changes is undone."""
    return _written


@pytest.fixture
def as_(world: World) -> Callable[..., Client]:
    """A client signed in as the account of a role; `ask(path, body)` posts with the token."""

    def sign_in(role: str, department: str = "", slug: str = "binjiang") -> Client:
        client = Client()
        with actor_scope(BY):
            client.force_login(world.user(role, slug, department))
        return client

    return sign_in


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    """POST JSON below the first hospital."""
    return client.post(f"/api/v1/h/binjiang/{path}", body or {}, content_type="application/json")


def get(client: Client, path: str, **query: Any) -> Any:
    """GET below the first hospital."""
    return client.get(f"/api/v1/h/binjiang/{path}", query)
