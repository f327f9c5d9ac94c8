"""What the chart block offers an editor: the frozen rankings of the own hospitals by name, and their columns."""

import json
from typing import Any

#: Rankings offered to choose from, newest first.
OFFERED = 60
#: Column types whose values can be the length of a bar.
MEASURES = ("money", "number", "percent")
#: Number columns that say a place in the order, not a size.
PLACES = ("rank", "last_rank")


def rankings() -> list[tuple[str, str]]:
    """(uid, title with period, version and audience) of the frozen rankings that the person may use."""
    return [(str(one.uid), described(one)) for one in _snapshots()[:OFFERED]]


def described(one: Any) -> str:
    """A frozen ranking in one line."""
    return f"{one.title}（{one.period}，第 {one.version} 版，{one.get_audience_display()}）"


def columns() -> list[tuple[str, str]]:
    """Every column of the offered rankings, once by key."""
    found: dict[str, str] = {}
    for one in _snapshots()[:OFFERED]:
        found.update(_columns(one))
    return list(found.items())


def columns_of(uid: str) -> dict[str, str]:
    """Key → label of the columns of one ranking; empty for an unknown one."""
    one = _snapshots().filter(uid=uid).first()
    return _columns(one) if one else {}


def usual_column(uid: str, measure: bool) -> str:
    """The column that an editor most likely means: the first that names the rows, or the first that measures them."""
    one = _snapshots().filter(uid=uid).first()
    held = json.loads(one.columns) if one else []
    fit = [
        column["key"]
        for column in held
        if (column.get("type") in MEASURES) == measure and column["key"] not in PLACES
    ]
    if measure:  # money before counts: what the rows are ranked by
        fit.sort(key=lambda key: next(c.get("type") != "money" for c in held if c["key"] == key))
    return fit[0] if fit else ""


def _columns(one: Any) -> dict[str, str]:
    return {column["key"]: column["label"] for column in json.loads(one.columns)}


def _snapshots() -> Any:
    from core.cms.tenancy.reach import current_reach
    from core.publications.models import Snapshot

    reach = current_reach()
    rows = Snapshot.unscoped.order_by("-frozen_at")
    return rows if reach is None else rows.filter(hospital__in=reach.hospitals)
