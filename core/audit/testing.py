"""For tests: a log of one's own, and the actor that test machinery writes under."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.test.utils import override_settings

from core.audit.models import Change, Event, Head, Leaf, Sealer
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
