"""What can be run: kinds of job, subscribers of events, recurring work and the gate. Filled at start (AppConfig.ready)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from core.jobs.context import JobContext

Handler = Callable[["JobContext"], dict[str, Any] | None]


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its Chinese label, its function and how it is retried.

    `patience` is how many seconds a handler may stay silent (no progress, checkpoint or commit) before its
    process is taken for hung and ended.
    """

    kind: str
    label: str
    run: Handler
    max_attempts: int = 3
    lease_seconds: int = 30
    patience: int = 900
    resumable: bool = True
    plugin: str | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened and was committed. `uid` is the same on every repeated delivery."""

    uid: UUID
    kind: str
    data: dict[str, Any]
    hospital: Any
    occurred_at: datetime
    actor: str


@dataclass(frozen=True)
class Subscriber:
    """A function called for every event of a kind; `name` is stable over releases."""

    event: str
    name: str
    run: Callable[[Event], None]


@dataclass(frozen=True)
class Recurring:
    """A job submitted every `seconds`, once for the installation or once for each hospital."""

    kind: str
    seconds: int
    per_hospital: bool


#: A closed gate gives the Chinese reason why this kind does not run for this hospital now; open gives None.
Gate = Callable[[JobKind, Any], str | None]

_kinds: dict[str, JobKind] = {}
_subscribers: dict[str, dict[str, Subscriber]] = {}
_recurring: dict[str, Recurring] = {}
_gates: list[Gate] = []


def job(kind: str, *, label: str, **options: Any) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of `kind`. Raises ValueError if another one has it."""

    def register(fn: Handler) -> Handler:
        known = _kinds.get(kind)
        if known is not None and _name(known.run) != _name(fn):
            raise ValueError(f"job kind {kind!r} is already handled by {_name(known.run)}")
        _kinds[kind] = JobKind(kind=kind, label=label, run=fn, **options)
        return fn

    return register


def subscribe(
    event: str, *, name: str | None = None
) -> Callable[[Callable[[Event], None]], Callable[[Event], None]]:
    """Register the decorated function for events of a kind: called at least once each, in a job of its own.

    The function must bear repetition: `event.uid` is the same each time. `name` defaults to module and function.
    """

    def register(fn: Callable[[Event], None]) -> Callable[[Event], None]:
        subscriber = Subscriber(event, name or _name(fn), fn)
        _subscribers.setdefault(event, {})[subscriber.name] = subscriber
        return fn

    return register


def every(seconds: int, kind: str, *, per_hospital: bool = False) -> None:
    """Submit a job of `kind` every `seconds` (≥ 10, the loop's own step), unless the former one is still open."""
    if seconds < 10:
        raise ValueError("recurring jobs run every 10 s at the most")
    _recurring[kind] = Recurring(kind, seconds, per_hospital)


def add_gate(gate: Gate) -> None:
    """Ask `gate(kind, hospital)` before a job starts; a reason pauses the job until someone resumes it."""
    _gates.append(gate)


def get_kind(kind: str) -> JobKind | None:
    """The registered kind, or None if the program for it is not installed."""
    return _kinds.get(kind)


def kinds() -> list[JobKind]:
    """All kinds, by name."""
    return [_kinds[key] for key in sorted(_kinds)]


def subscribers(event: str) -> list[Subscriber]:
    """Who wants events of this kind, in a fixed order."""
    found = _subscribers.get(event, {})
    return [found[name] for name in sorted(found)]


def get_subscriber(event: str, name: str) -> Subscriber | None:
    """One subscriber by its name, or None if it is gone."""
    return _subscribers.get(event, {}).get(name)


def recurring() -> list[Recurring]:
    """All recurring work, by kind."""
    return [_recurring[key] for key in sorted(_recurring)]


def closed_reason(kind: JobKind, hospital: Any) -> str | None:
    """The first reason any gate gives against running `kind` for `hospital`, or None."""
    for gate in _gates:
        reason = gate(kind, hospital)
        if reason:
            return reason
    return None


def _name(fn: Callable[..., Any]) -> str:
    return f"{fn.__module__}.{fn.__qualname__}"
