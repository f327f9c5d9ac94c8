"""The one clock: instants are UTC, business dates belong to the hospital's zone, tests turn it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_turned: ContextVar[datetime | None] = ContextVar("turned", default=None)


def now() -> datetime:
    """The present instant, aware, in UTC (the instant a test turned the clock to, inside `turned`)."""
    return _turned.get() or datetime.now(UTC)


def today(zone: str = "Asia/Shanghai") -> date:
    """The business date in `zone`, an IANA name."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def turned(to: datetime) -> Iterator[None]:
    """Hold the clock at `to` (aware) for the block: tests and replays only."""
    if to.tzinfo is None:
        raise ValueError("turned() takes an aware datetime")
    token = _turned.set(to.astimezone(UTC))
    try:
        yield
    finally:
        _turned.reset(token)
