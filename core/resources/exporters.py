"""Who can make the rows of an export: one function for lists, others for frozen tables and plugins' own files.

All of them go through `export_asks.ask` and the one job: purpose, class, approval, limits, watermark, number and the
single download are the same for each.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.resources.spec import Field, Row


@dataclass(frozen=True)
class Offer:
    """What would be exported, if it may be. `subject`: the resource's key; `about`: the filter in words."""

    subject: str
    label: str
    data_class: int
    about: str = ""
    uid: str = "*"
    plugin: str = "core"


@dataclass(frozen=True)
class Sheet:
    """The rows. `said`: one line of what they are; `facts`: for the record, codes only."""

    title: str
    columns: tuple[Field, ...]
    rows: Iterator[Row]
    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exporter:
    """`offer(principal, asked)` raises Problem unless the person may have it now. `sheet(principal, asked, limit, ctx)`
    gives the rows masked as this person sees them, and raises Problem refused when they are more than `limit`.

    `at_once` (instead of `sheet`) is for secrets, which must lie in no file: called at the one download, inside its
    transaction, it gives the rows and destroys what they were made of. Such a request is made by `lay_ready` alone.
    """

    name: str
    offer: Callable[[Any, dict[str, Any]], Offer]
    sheet: Callable[[Any, dict[str, Any], int, Any], Sheet] | None = None
    at_once: Callable[[Any, dict[str, Any]], Sheet] | None = None


_known: dict[str, Exporter] = {}


def register_exporter(exporter: Exporter) -> Exporter:
    """Make it known; again under the same name replaces it."""
    _known[exporter.name] = exporter
    return exporter


def get(name: str) -> Exporter | None:
    """The exporter of that name, or None when its program is gone."""
    return _known.get(name)
