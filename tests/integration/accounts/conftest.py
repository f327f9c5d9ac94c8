"""One world for a module, rolled back at its end, and browsers that speak to the server as the web app does."""

import base64
import hmac
import struct
from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.kernel.context import Actor, actor_scope
from core.org.models import User
from core.testing import factories
from core.testing.world import World

PASSWORD = "青莲-清风徐来-2026"
NEW = "荷花-出淤泥不染-2027"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
)
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; ALN-AL00) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50"
)
ALLAUTH = "/_allauth/browser/v1"
HERE = "/api/v1/h/binjiang"


class Browser:
    """A browser on the sign-in page: it holds the token, and CSRF is enforced."""

    def __init__(self, agent: str = EDGE, address: str = "10.1.2.3") -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"User-Agent": agent}, REMOTE_ADDR=address)
        self.get("/api/v1/session")

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.client.get(path, headers=headers)

    def send(
        self, path: str, body: dict[str, Any] | None = None, method: str = "post", **headers: str
    ) -> Any:
        """A JSON request with the token."""
        token = self.client.cookies["csrftoken"].value
        ask: Callable[..., Any] = getattr(self.client, method)
        sent = {"X-CSRFToken": token, **{key.replace("_", "-"): value for key, value in headers.items()}}
        return ask(path, body or {}, content_type="application/json", headers=sent)

    def sign_in(self, user: User, password: str = PASSWORD) -> Any:
        """The first step, which is all of it for an account without a second factor."""
        return self.send(f"{ALLAUTH}/auth/login", {"username": user.username, "password": password})

    def session(self) -> dict[str, Any]:
        """What GET session answers."""
        return dict(self.get("/api/v1/session").json())

    def inside(self) -> int:
        """Status of an ordinary address of the hospital."""
        return int(self.get(f"{HERE}/menu").status_code)

    def act(
        self, verb: str, uid: Any = None, values: Any = None, key: str = "accounts.account", **more: str
    ) -> Any:
        """A command of a resource."""
        body = {"uid": str(uid) if uid else None, "values": values or {}}
        if key == "accounts.token" and uid:
            body["expected_version"] = 1
        return self.send(f"{HERE}/resources/{key}/commands/{verb}", body, **more)


@pytest.fixture(scope="module")
def world(module_scope: None) -> World:
    """Two hospitals."""
    return World.small()


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def make(world: World) -> Callable[..., User]:
    """An account with a post of a role: `make("doctor")`, `make("inspector", "yunling", person)`."""

    def one(role: str, slug: str = "binjiang", *, user: User | None = None, **post: Any) -> User:
        made = user or factories.user(password=PASSWORD)
        assert made.person is not None
        factories.post(world.hospital(slug), role, made.person, **post)
        return made

    return one


@pytest.fixture
def signed_in(make: Callable[..., User]) -> Callable[..., Browser]:
    """A browser of a new account with that role: `signed_in("security_admin")`."""

    def one(role: str, agent: str = EDGE) -> Browser:
        browser, user = Browser(agent), make(role)
        with actor_scope(Actor.system("test")):
            answer = browser.sign_in(user)
        assert answer.status_code == 200, answer.content
        browser.user = user  # type: ignore[attr-defined]
        return browser

    return one


def totp(secret: str, at: float, digits: int = 6) -> str:
    """RFC 6238 with SHA-1 and 30 s, written here from the RFC; its test vectors are in test_factors.py."""
    counter = struct.pack(">Q", int(at) // 30)
    mac = hmac.new(base64.b32decode(secret), counter, sha1).digest()
    start = mac[-1] & 15
    value = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(value % 10**digits).zfill(digits)
