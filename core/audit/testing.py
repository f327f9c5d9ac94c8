"""For tests: a log of one's own, and the actor that test machinery writes under."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections, transaction
from django.test.utils import override_settings

from core.audit.models import Change, Event, Head, Leaf, Sealer
from core.audit.triggers import DIALECTS, watched
from core.kernel.context import Actor, actor_scope


@contextmanager
def named_actor(part: str = "test") -> Iterator[None]:
    """For database set-up, factories outside `acting()` and the flush: each writes as `system:<part>`."""
    with actor_scope(Actor.system(part)):
        yield


@contextmanager
def own_log(home: Path) -> Iterator[None]:
    """An empty log with its keys and head file in `home`. A flush empties the tables, never the file: a test that
    verifies must not share it."""
    for model in (Sealer, Head, Leaf, Event, Change):
        model._base_manager.all().delete()
    with override_settings(HOME=home):
        yield


@contextmanager
def thawed(using: str = "default") -> Iterator[None]:
    """Without the triggers that keep frozen rows: to stand for a hand in the database."""
    dialect, frozen = DIALECTS[connections[using].vendor], [one for one in watched(using) if one.frozen]
    _run(dialect.thawing(frozen), using)
    try:
        yield
    finally:
        _run(dialect.freezing(frozen), using)


def empty_frozen(using: str = "default") -> None:
    """Remove all frozen rows, before the flush that a trigger would refuse. The flush itself makes missing triggers
    again, all of them, so they must be there when it starts."""
    tables = [one.table for one in watched(using) if one.frozen]
    with connections[using].cursor() as cursor:
        full = []
        for table in tables:
            cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
            full += [table] if cursor.fetchone() else []
    if full:
        with thawed(using):
            _run([f'DELETE FROM "{table}"' for table in full], using)


def _run(statements: list[str], using: str) -> None:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
