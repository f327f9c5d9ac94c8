"""Django's PostgreSQL backend, with an end to every wait: a server that is gone, slow or black-holed holds no thread.

libpq knows limits for connecting and for data that is not acknowledged, none for an answer that never comes (a firewall
that forgot the connection, a proxy that swallows). Here each question waits `answer_seconds` at most, counted on this side;
then its connection is closed and OperationalError raised. With `probe_seconds` a wait may be long, but every so many
seconds a second connection asks the server whether it is still at work on the question; if not, the answer was lost on
the way. After a failure the next `rest_seconds` fail at once, so that
requests do not queue up behind a server that is away; the first question after that tries again.

Options of the settings beside libpq's own: `answer_seconds` (0 or absent: no end), `probe_seconds` (0: no second
connection), `rest_seconds` (0: always try).
Only the alias `default` is bound so: a backup's own session asks long questions.
"""

import threading
import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import OperationalError


class Breaker:
    """Remembers that the server did not answer, for a few seconds; one for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def trip(self, seconds: float) -> None:
        """Fail at once for so long."""
        with self._lock:
            self._until = time.monotonic() + seconds

    def reset(self) -> None:
        """It answers again."""
        self._until = 0.0

    def resting(self) -> bool:
        """Whether to fail without trying. When the rest is over one caller tries, the others still fail at once."""
        if not self._until:
            return False
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return True
            self._until = now + 1.0  # this caller is the one that tries
            return False


BREAKER = Breaker()
AWAY = "the database server did not answer a moment ago; not tried again yet"


class Connection(psycopg.Connection[Any]):
    """Waits for an answer `answer_seconds` at most, and no longer than the server works on it."""

    answer_seconds: float | None = None
    probe_seconds: float = 0.0
    rest_seconds: float = 0.0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with an end. Raises OperationalError, the connection closed."""
        limit = self.answer_seconds
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        if limit is None:
            return super().wait(gen, interval)
        try:
            watched = self._watched(gen) if self.probe_seconds else gen
            return super().wait(watched, min(interval, 0.1), limit)
        except (psycopg.errors._WaitTimeout, _Lost):
            with suppress(Exception):
                self.pgconn.finish()
            if self.rest_seconds:
                BREAKER.trip(self.rest_seconds)
            raise psycopg.OperationalError(f"no answer from the database server within {limit:g} s") from None

    def _watched(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same generator; each empty tick looks whether it is time to ask if the server still works on it."""
        asked = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() - asked > self.probe_seconds:
                    if not self._at_work():
                        raise _Lost
                    asked = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _at_work(self) -> bool:
        """Whether the server, asked on another connection, says that our session is busy."""
        given: dict[str, Any] = {**self.info.get_parameters(), "password": self.info.password or None}
        try:
            with psycopg.connect(**given) as other:
                row = other.execute(
                    "SELECT state FROM pg_stat_activity WHERE pid = %s", [self.info.backend_pid]
                ).fetchone()
        except psycopg.Error:
            return False
        return row is not None and row[0] == "active"


class _Lost(Exception):
    """The server is not at work on our question: the question or its answer was lost."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, connecting with the class above."""

    def get_connection_params(self) -> dict[str, Any]:
        """Without our own options, which libpq does not know."""
        given = super().get_connection_params()
        own = {
            name: float(given.pop(name, 0) or 0)
            for name in ("answer_seconds", "probe_seconds", "rest_seconds")
        }
        if self.alias != "default":
            given.pop("options", None)
            own = dict.fromkeys(own, 0.0)
        self._answer, self._probe, self._rest = own.values()
        return given

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A bound connection. Raises OperationalError at once while the server rests."""
        if not self._answer and not self._rest:
            return super().get_new_connection(conn_params)
        if self._rest and BREAKER.resting():
            raise OperationalError(AWAY)
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        try:
            made = Connection.connect(**conn_params)
        except psycopg.OperationalError:
            if self._rest:
                BREAKER.trip(self._rest)
            raise
        BREAKER.reset()
        made.answer_seconds = self._answer or None
        made.probe_seconds, made.rest_seconds = self._probe, self._rest
        return made
