"""Shared by all tests. The early part (settings, sockets, strictness, browser) is tests/support/plugin.py."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction


@pytest.fixture(scope="module")
def module_scope(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A transaction around a whole module: what its fixtures write once is rolled back at its end."""
    with django_db_blocker.unblock():
        scope = transaction.atomic()
        scope.__enter__()
        try:
            yield
        finally:
            transaction.set_rollback(True)
            scope.__exit__(None, None, None)


def _registries() -> list[Any]:
    """What is declared in this process: a test may add to it, and the next test must not find that."""
    from core.accounts.domain import tokens
    from core.flow import declare, notices
    from core.jobs import registry as jobs
    from core.notify import kinds
    from core.org.domain import changes
    from core.policy import types
    from core.resources import exporters, registry, searchable

    return [
        types._types,
        registry._known,
        searchable._known,
        exporters._known,
        tokens._scopes,
        declare._flows,
        notices._followed,
        kinds._kinds,
        changes._listeners,
        jobs._kinds,
        jobs._recurring,
        *jobs._subscribers.values(),
    ]


@pytest.fixture(autouse=True)
def declared_alike() -> Iterator[None]:
    """What a test declares (types, resources, jobs, notices …) is gone after it, so that order does not matter."""
    kept = [(registry, dict(registry)) for registry in _registries()]
    yield
    for registry, before in kept:
        if registry != before:
            registry.clear()
            registry.update(before)
