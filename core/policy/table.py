"""The policy table: rows of CSV, core's own and each plugin's, checked when read."""

import csv
from dataclasses import dataclass
from pathlib import Path

RELATIONS = frozenset({"hospital", "department", "campus", "party", "own"})
EFFECTS = frozenset({"allow", "mask", "approve", "deny"})


class BadTable(ValueError):
    """A policy row that cannot be used: names the file, the line and the cell."""


@dataclass(frozen=True)
class TableRow:
    """role × type × action × relation × state → effect, showing fields up to `max_class`."""

    role: str
    type: str
    action: str
    relation: str
    states: frozenset[str]  # empty: any state
    max_class: int
    effect: str
    note: str
    source: str
    line: int


_rows: dict[str, list[TableRow]] = {}


def load_table(path: Path, source: str) -> list[TableRow]:
    """Read one CSV (role,type,action,relation,state,max_class,effect,note) under the name `source`, replacing it."""
    found = []
    with path.open(encoding="utf-8", newline="") as stream:
        for number, cells in enumerate(csv.DictReader(stream), start=2):
            found.append(_row(cells, source, f"{path.name}:{number}", number))
    _rows[source] = found
    return found


def table() -> list[TableRow]:
    """All rows in force."""
    if "core" not in _rows:
        load_table(Path(__file__).with_name("table.csv"), "core")
    return [row for rows in _rows.values() for row in rows]


def rows_for(roles: frozenset[str], action: str, type_key: str) -> list[TableRow]:
    """Rows that speak of any of these roles doing `action` to the type."""
    return [
        row
        for row in table()
        if row.type == type_key and row.action == action and (row.role in roles or row.role == "*")
    ]


def _row(cells: dict[str, str], source: str, place: str, number: int) -> TableRow:
    if cells["relation"] not in RELATIONS:
        raise BadTable(f"{place}: relation {cells['relation']!r} is not one of {sorted(RELATIONS)}")
    if cells["effect"] not in EFFECTS:
        raise BadTable(f"{place}: effect {cells['effect']!r} is not one of {sorted(EFFECTS)}")
    if cells["max_class"] not in {"1", "2", "3", "4"}:
        raise BadTable(f"{place}: max_class must be 1 to 4")
    states = frozenset() if cells["state"] == "*" else frozenset(cells["state"].split("|"))
    return TableRow(
        cells["role"],
        cells["type"],
        cells["action"],
        cells["relation"],
        states,
        int(cells["max_class"]),
        cells["effect"],
        cells["note"],
        source,
        number,
    )
