"""One stack and one browser for all end-to-end tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The pages are looked at first, on the demonstration as it was loaded; then house and thread change it."""
    items.sort(key=lambda item: "test_thread" in item.nodeid or "test_house" in item.nodeid)
