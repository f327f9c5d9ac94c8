"""The same world and things as the walker's."""

from tests.integration.access.conftest import things, world

__all__ = ["things", "world"]
