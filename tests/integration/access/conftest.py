"""One world for the whole module, written in a transaction that is rolled back at its end."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from core.testing.world import World
from tests.integration.access.things import Things, make_things


@pytest.fixture(scope="module")
def _scope(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        scope = transaction.atomic()
        scope.__enter__()
        try:
            yield
        finally:
            transaction.set_rollback(True)
            scope.__exit__(None, None, None)


@pytest.fixture(scope="module")
def world(_scope: None) -> World:
    """Two hospitals with every role."""
    return World.small()


@pytest.fixture(scope="module")
def things(world: World) -> Things:
    """One thing of each sort in the first hospital."""
    return make_things(world)
