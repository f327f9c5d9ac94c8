"""The world and the things of the walk through all routes."""

from tests.integration.access.conftest import things, world

__all__ = ["things", "world"]
