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
