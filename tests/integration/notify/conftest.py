"""A small hospital, real servers on loopback, and short ways to send, run and look."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope, hospital_scope
from core.notify.domain import NoticeKind, contacts, register_kind, send, switches
from core.notify.kinds import forget_kind
from core.notify.models import Delivery, Receipt
from core.org.models import Hospital
from core.testing.world import World
from tests.integration.notify.servers import MailSink, WeCom

BY = Actor.system("test")
BACKEND = "core.accounts.backends.SignIn"
#: 10:00 on a working Tuesday in Shanghai.
MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KIND = "test.plain"


@pytest.fixture
def world(db: None) -> World:
    """Two hospitals with every role."""
    cache.clear()
    return World.small()


@pytest.fixture
def house(world: World, plain: NoticeKind) -> "House":
    """binjiang."""
    return House(world)


@pytest.fixture
def plain() -> Iterator[NoticeKind]:
    """A kind of the tests' own: everything may be switched, closes when read."""
    yield register_kind(
        NoticeKind(
            key=KIND,
            label="试验消息",
            title="关于{what}",
            template="请看{what}。",
            slots={"what": 2},
            locked=frozenset(),
        )
    )
    forget_kind(KIND)


@pytest.fixture
def sink(settings: Any) -> Iterator[MailSink]:
    """A mail server that the platform is told of."""
    with MailSink() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.DEFAULT_FROM_EMAIL = "qinglian@hospital.example"
        yield server


@pytest.fixture
def wecom(settings: Any, house: "House") -> Iterator[WeCom]:
    """WeCom as its documents describe it, and the hospital's application in it."""
    with WeCom() as server:
        settings.WECOM_URL = server.url
        settings.PUBLIC_URL = "https://qinglian.example.cn"
        house.set_wecom(server)
        yield server


class House:
    """One hospital, looked at from outside."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hospital: Hospital = world.hospital()

    def person(self, role: str, department: str = "") -> int:
        """The person behind an account."""
        return int(self.world.user(role, department=department).person_id)

    def reach(self, person: int, **values: str) -> None:
        """How the person is reached: mail=, mobile=, wecom=."""
        contacts.keep(self.hospital, {person: values}, by=BY)

    def set_wecom(self, server: WeCom) -> None:
        """The hospital's application."""
        with hospital_scope(self.hospital), acting(BY):
            row = switches.of_hospital(self.hospital)
            row.wecom_corp, row.wecom_agent, row.wecom_secret = server.corp, server.agent, server.secret
            row.save()

    def send(
        self, *people: int, kind: str = KIND, key: str = "1", what: str = "今年的工作", **more: Any
    ) -> Any:
        """One notice, as a room of the core sends it."""
        more.setdefault("subject", ("test.thing", key))
        with acting(BY):
            return send(
                kind,
                people,
                hospital=self.hospital,
                slots={"what": what},
                href=f"/h/binjiang/r/x/{key}",
                key=key,
                **more,
            )

    def at(self, moment: datetime, *, again: int = 1) -> list[Any]:
        """The worker at that moment: queued jobs, then the look at what is due."""
        from core.jobs.domain import submit
        from core.notify.jobs import DUE

        with clock.turned(moment):
            ended = run_pending()
            for _ in range(again):
                submit(DUE, {}, by=BY, hospital=None)
                ended += run_pending()
        assert [job.error for job in ended if job.state == "failed"] == []
        return ended

    def deliveries(self, **where: Any) -> list[Delivery]:
        """Rows as they lie."""
        with hospital_scope(self.hospital):
            return list(Delivery.objects.filter(**where).order_by("pk"))

    def receipts(self, **where: Any) -> list[Receipt]:
        """Rows as they lie."""
        with hospital_scope(self.hospital):
            return list(Receipt.objects.filter(**where).select_related("notice").order_by("pk"))

    def client(self, role: str, department: str = "", slug: str = "binjiang") -> Client:
        """Signed in as that role, CSRF enforced."""
        client = Client(enforce_csrf_checks=True)
        with actor_scope(BY):
            client.force_login(self.world.user(role, slug, department), BACKEND)
        client.get("/api/v1/session")
        return client


def ask(client: Client, method: str, path: str, body: Any = None, slug: str = "binjiang") -> Any:
    """A request below the hospital's API."""
    return client.generic(
        method,
        f"/api/v1/h/{slug}{path}",
        b"" if body is None else json.dumps(body).encode(),
        content_type="application/json",
        headers={"X-CSRFToken": client.cookies["csrftoken"].value},
    )


@pytest.fixture
def asked() -> Callable[..., Any]:
    """`ask`, for tests that need no import."""
    return ask
