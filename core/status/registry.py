"""Parts of the installation that can say how they are. Filled at start (AppConfig.ready)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a part is: well, wants attention, or does not work."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


#: Order of severity.
RANK = {State.OK: 0, State.WARN: 1, State.BAD: 2}


#: Name (without `qinglian_`), labels, number.
Metric = tuple[str, dict[str, str], float]


@dataclass(frozen=True)
class Said:
    """What a part says of itself: a Chinese sentence, what to do next (empty when well), figures to show and to measure.

    `figures` are label and text for people; `metrics` are name (without `qinglian_`), labels and number for machines.
    """

    state: State
    text: str
    next_step: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Part:
    """A registered part. `needs_database`: without the database it cannot answer and is not asked."""

    key: str
    label: str
    ask: Callable[[], Said]
    order: int
    needs_database: bool = True


@dataclass
class _Parts:
    known: dict[str, Part] = field(default_factory=dict)


_parts = _Parts()


def register_part(
    key: str, label: str, ask: Callable[[], Said], *, order: int = 500, needs_database: bool = True
) -> None:
    """Add a part to the status page; the same key replaces. `ask` reads only, and answers within a few seconds."""
    _parts.known[key] = Part(key, label, ask, order, needs_database)


def parts() -> list[Part]:
    """All parts in the order of the page."""
    return sorted(_parts.known.values(), key=lambda one: (one.order, one.key))


def ok(text: str, **more: Any) -> Said:
    """A part that is well."""
    return Said(State.OK, text, **more)


def warn(text: str, next_step: str, **more: Any) -> Said:
    """A part that wants attention; `next_step` says what to do."""
    return Said(State.WARN, text, next_step, **more)


def bad(text: str, next_step: str, **more: Any) -> Said:
    """A part that does not work; `next_step` says what to do."""
    return Said(State.BAD, text, next_step, **more)
