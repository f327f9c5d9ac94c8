"""Who acts and for which hospital: context variables, mirrored on the database session for the triggers.

`acting(by)` opens a transaction and is what every command of ours uses. `actor_scope(by)` opens none; it is for
library code that writes in autocommit (sign-in, admin, worker tasks, commands). Without an actor the audit
triggers refuse a write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction


@dataclass(frozen=True)
class Actor:
    """Who does it: a person's account, or a part of the system."""

    kind: str  # user | system | job | command
    id: str
    label: str

    @classmethod
    def user(cls, user: Any) -> "Actor":
        """The signed-in account."""
        return cls("user", str(user.uid), user.get_full_name() or user.get_username())

    @classmethod
    def system(cls, part: str) -> "Actor":
        """A part of the platform acting by itself, such as `migrate` or `relay`."""
        return cls("system", part, "系统")

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class HospitalRef:
    """The hospital in context: database id and slug."""

    id: int
    slug: str


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)
_hospital: ContextVar[HospitalRef | None] = ContextVar("hospital", default=None)


def current_actor() -> Actor | None:
    """Who acts now, or None."""
    return _actor.get()


def current_hospital() -> HospitalRef | None:
    """The hospital in context, or None."""
    return _hospital.get()


@contextmanager
def hospital_scope(hospital: Any) -> Iterator[None]:
    """Put a hospital (model instance or `HospitalRef`; None clears) into context for the block."""
    ref = None if hospital is None else HospitalRef(hospital.id, hospital.slug)
    token = _hospital.set(ref)
    try:
        yield
    finally:
        _hospital.reset(token)


def enter_hospital(hospital: Any) -> None:
    """Put a hospital into context for the rest of a surrounding `hospital_scope` (a request)."""
    _hospital.set(HospitalRef(hospital.id, hospital.slug))


@contextmanager
def actor_scope(by: Actor | None) -> Iterator[None]:
    """Name the actor for the block, without a transaction."""
    token = _actor.set(by)
    _tell_databases(by)
    try:
        yield
    finally:
        _actor.reset(token)
        _tell_databases(_actor.get())


@contextmanager
def acting(by: Actor) -> Iterator[None]:
    """A command: one transaction with a named actor; both end together, the former actor comes back."""
    with actor_scope(by), transaction.atomic():
        yield


def bind_session(connection: Any) -> None:
    """Give the actor to a new database session: called on connect.

    SQLite reads the context variable through a function of its own; PostgreSQL has a session setting. On SQLite
    `recursive_triggers` lets INSERT OR REPLACE run the delete trigger of the row it removes.
    """
    if connection.vendor == "sqlite":
        connection.connection.create_function("qinglian_actor", 0, _actor_text)
        connection.connection.execute("PRAGMA recursive_triggers=ON")
    elif connection.vendor == "postgresql":
        _set_pg(connection, _actor.get())


def _actor_text() -> str | None:
    actor = _actor.get()
    return str(actor) if actor else None


def _tell_databases(by: Actor | None) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.vendor == "postgresql" and connection.connection is not None:
            _set_pg(connection, by)


def _set_pg(connection: Any, by: Actor | None) -> None:
    """Straight to the driver: it is no query of the caller's, and Django refuses one while a rollback is due.

    A failed transaction takes no statement, so nothing is said: its rollback restores the setting of before, which
    is the outer actor's. A lost connection is told when it is made anew.
    """
    raw = connection.connection
    if raw.closed or raw.info.transaction_status.name in ("INERROR", "UNKNOWN", "ACTIVE"):
        return
    with raw.cursor() as cursor:
        cursor.execute("SELECT set_config('qinglian.actor', %s, false)", [str(by) if by else ""])
