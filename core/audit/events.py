"""Business events, readings of sensitive data, and who has read something."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, router
from django.db.models import Count, Max, Min

from core.audit.models import Event
from core.kernel import clock
from core.kernel.context import Actor, current_actor, current_hospital

READ = "read"


class NoActor(RuntimeError):
    """An event was recorded outside `acting()`: a fault in our code, never the user's."""


@dataclass(frozen=True)
class Viewer:
    """One who has read something: for 谁看过."""

    actor: str
    label: str
    first_at: datetime
    last_at: datetime
    times: int


def record(
    kind: str,
    subject_type: str,
    subject_uid: Any,
    data: dict[str, Any] | None = None,
    *,
    hospital: Any = None,
) -> Event:
    """Write a business event in the command's own transaction. Raises NoActor outside `acting()`.

    `hospital` (instance, HospitalRef or id) defaults to the one in context. `data` is JSON: names and ids.
    """
    actor = current_actor()
    if actor is None or not connections[router.db_for_write(Event)].in_atomic_block:
        raise NoActor(f"record({kind!r}) needs acting(by): an actor and a transaction")
    return _write(kind, subject_type, subject_uid, data or {}, actor, _hospital_id(hospital))


def read_event(principal: Any, subject_type: str, uid: Any, reason: str | None = None, **facts: Any) -> Event:
    """Record that a person is about to be shown sensitive data: one INSERT, before the answer. No transaction needed.

    `reason` is what the person said; `facts`: `what` (list, page, file) and `rows`, how many things were shown.
    """
    actor = (
        getattr(principal, "viewer", None) or current_actor()
    )  # who looks with another's eyes is the one who looks
    if actor is None or actor.kind != "user":
        actor = Actor("user", str(getattr(principal, "user_uid", "") or principal.user_id), principal.label)
    data = {"user": principal.user_id, "person": principal.person_id, **facts}
    if reason:
        data["reason"] = reason
    return _write(READ, subject_type, uid, data, actor, principal.hospital_id)


def viewers(subject_type: str, uid: Any) -> list[Viewer]:
    """Who has read this thing, last reader first. The caller asks policy whether it may be told."""
    rows = (
        Event.objects.filter(subject_type=subject_type, subject_uid=str(uid), kind=READ)
        .values("actor")
        .annotate(name=Max("label"), first_at=Min("at"), last_at=Max("at"), times=Count("id"))
        .order_by("-last_at", "actor")
    )
    return [Viewer(row["actor"], row["name"], row["first_at"], row["last_at"], row["times"]) for row in rows]


def record_migrations(names: list[str], using: str = "default") -> Event:
    """Record which migrations ran while the triggers were off."""
    actor = current_actor() or Actor.system("migrate")
    return _write("database.migrated", "database", using, {"migrations": names}, actor, None, using)


def _write(
    kind: str,
    subject_type: str,
    uid: Any,
    data: dict[str, Any],
    actor: Actor,
    hospital: int | None,
    using: str | None = None,
) -> Event:
    return Event.objects.using(using).create(
        kind=kind,
        subject_type=subject_type,
        subject_uid=str(uid),
        hospital=hospital,
        at=clock.now(),
        actor=str(actor),
        label=actor.label,
        data=data,
    )


def _hospital_id(hospital: Any) -> int | None:
    if hospital is None:
        hospital = current_hospital()
    return getattr(hospital, "id", hospital)
