"""One world for the whole module, written in a transaction that is rolled back at its end."""

import pytest

from core.testing.world import World
from tests.integration.access.things import Things, make_things


@pytest.fixture(scope="module")
def world(module_scope: None) -> World:
    """Two hospitals with every role."""
    return World.small()


@pytest.fixture(scope="module")
def things(world: World) -> Things:
    """One thing of each sort in the first hospital."""
    return make_things(world)
