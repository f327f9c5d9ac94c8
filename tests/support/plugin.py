"""Loaded before Django's settings (`-p` in pyproject.toml): data folder per process, no outside network, nothing skipped.

Environment: QINGLIAN_DATABASE_URL and QINGLIAN_REDIS_URL choose real servers; QINGLIAN_TEST_STRICT=1 (set by
`make test`) turns a skip into a failure; QINGLIAN_HYPOTHESIS=dev|ci|deep chooses how many examples are drawn.
"""

import contextlib
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

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
    absent = {"postgres": "QINGLIAN_DATABASE_URL", "redis": "QINGLIAN_REDIS_URL"}
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
    """Migrations of the test database write rows; the audit triggers want to know who."""
    if fixturedef.argname == "django_db_setup":
        from core.kernel.context import Actor, actor_scope

        with actor_scope(Actor.system("test")):
            yield
    else:
        yield


def pytest_configure(config: pytest.Config) -> None:
    """The flush after a transactional test is the system's doing, and gets its actor."""
    from django.test import TransactionTestCase

    real = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def teardown(self: Any) -> None:
        from core.kernel.context import Actor, actor_scope

        with actor_scope(Actor.system("test-flush")):
            real(self)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no data folder behind."""
    shutil.rmtree(HOME, ignore_errors=True)
