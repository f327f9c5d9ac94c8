"""The app in production settings between two proxies, started once for the suites that need it."""

from collections.abc import Iterator

import pytest

from tests.faults import outage


@pytest.fixture(scope="session")
def place() -> Iterator[outage.Place]:
    """PostgreSQL, Redis, web and worker; ended with the run."""
    with outage.place() as found:
        yield found
