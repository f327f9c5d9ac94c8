"""The same world and things as the walker's."""

from tests.integration.access.conftest import _scope, things, world

__all__ = ["_scope", "things", "world"]
