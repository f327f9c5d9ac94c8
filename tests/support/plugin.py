"""Loaded before Django's settings (`-p` in pyproject.toml): data folder per process, no outside network, nothing skipped.

Environment: QINGLIAN_DATABASE_URL, QINGLIAN_REDIS_URL and QINGLIAN_SEARCH_URL choose real servers; QINGLIAN_TEST_STRICT=1 (set by
`make test`) turns a skip into a failure; QINGLIAN_HYPOTHESIS=dev|ci|deep chooses how many examples are drawn.
"""

import contextlib
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support import template

pytest_plugins = ["tests.support.browser", "tests.support.live"]

HOME = Path(tempfile.mkdtemp(prefix="qinglian-test-"))
os.environ["QINGLIAN_HOME"] = str(HOME)  # each xdist worker imports this too and so has its own
os.environ.setdefault("QINGLIAN_SECRET_KEY", "only-for-tests-" * 4)

hypothesis.settings.register_profile("dev", max_examples=30, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("deep", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(
    os.environ.get("QINGLIAN_HYPOTHESIS", "ci" if os.environ.get("QINGLIAN_TEST_STRICT") else "dev")
)


class OutsideNetwork(RuntimeError):
    """A test tried to leave this machine."""


def _block_outside() -> None:
    """Only loopback addresses and local sockets may be reached; names are not looked up at all."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(real: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            _allow(address)
            return real(self, address)

        return call

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host is not None:
            _allow((host.decode() if isinstance(host, bytes) else host, 0))
        return look_up(host, *arguments, **options)

    socket.socket.connect = guarded(connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(connect_ex)  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_look_up


def _allow(address: Any) -> None:
    if not isinstance(address, tuple):
        return  # a local socket's path
    host = address[0]
    if host in {"", "localhost"}:
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host.split("%")[0]).is_loopback:
            return
    raise OutsideNetwork(f"tests stay on this machine; refused: {host}")


_block_outside()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Outside `make test`, leave out what needs a server that was not named; there, such a test fails."""
    if os.environ.get("QINGLIAN_TEST_STRICT"):
        return
    absent = {
        "postgres": "QINGLIAN_DATABASE_URL",
        "redis": "QINGLIAN_REDIS_URL",
        "elasticsearch": "QINGLIAN_SEARCH_URL",
    }
    left_out = [
        item
        for item in items
        if any(item.get_closest_marker(mark) and not os.environ.get(name) for mark, name in absent.items())
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In `make test` a skip is a failure: a missing part must be seen."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("QINGLIAN_TEST_STRICT"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed: {report.longrepr[-1] if report.longrepr else ''}"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Migrations of the test database write rows; the audit triggers want to know who. SQLite starts from a copy."""
    if fixturedef.argname != "django_db_setup":
        yield
        return
    from django.db import connection

    from core.kernel.context import Actor, actor_scope

    with ExitStack() as opened:
        opened.enter_context(actor_scope(Actor.system("test")))
        if connection.vendor != "sqlite":
            yield
            return
        use = opened.enter_context(template.used_for(Path(connection.settings_dict["TEST"]["NAME"])))
        outcome: Any = yield
        use.good = outcome.excinfo is None


def pytest_configure(config: pytest.Config) -> None:
    """The flush after a transactional test is the system's doing, gets its actor, and may remove frozen rows."""
    from django.db import connection
    from django.test import TransactionTestCase

    # a copied database is migrated, not made anew; it goes with the data folder
    config.option.reuse_db = connection.vendor == "sqlite"
    real = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(self: Any) -> None:
        from core.audit.testing import empty_frozen
        from core.kernel.context import Actor, actor_scope

        with actor_scope(Actor.system("test-flush")):
            empty_frozen()
            real(self)
            _plant_wagtail()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]


def _plant_wagtail() -> None:
    """What Wagtail's migrations write and the flush takes: the language, the root of pages and of folders."""
    from wagtail.models import Collection, Locale, Page

    Locale.objects.get_or_create(language_code="zh-hans")
    if not Page.objects.exists():
        Page.add_root(title="Root", slug="root")
    if not Collection.objects.exists():
        Collection.add_root(name="Root")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no data folder behind."""
    shutil.rmtree(HOME, ignore_errors=True)
