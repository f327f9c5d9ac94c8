"""Landed data for plugins: pin a snapshot, read it, name its codes, show its lines."""

from typing import Any

import ibis

from core.lake import datasets
from core.lake.codes import labels, resolve
from core.lake.datasets import Column
from core.lake.land import root
from core.lake.models import LakeImport, MonthVersion
from core.lake.query import connect, pins, tables
from core.resources.line_source import LineSource, Pinned

__all__ = [
    "LakeImport",
    "MonthVersion",
    "columns",
    "connect",
    "labels",
    "line_source",
    "pinned",
    "pins",
    "resolve",
    "schema",
    "table",
]


def table(con: Any, dataset: str, found: list[MonthVersion]) -> ibis.Table:
    """One table over the pinned files, in the declared columns; empty without pins."""
    return tables(con, found, dataset)


def pinned(
    hospital_id: int, dataset: str, versions: list[list[Any]], months: set[str] | None = None
) -> list[MonthVersion]:
    """The month versions that a run noted as [month, version], of these months (or all)."""
    wanted = {(month, number) for month, number in versions if months is None or month in months}
    rows = MonthVersion.unscoped.filter(
        hospital_id=hospital_id, dataset=dataset, month__in={month for month, _ in wanted}
    ).order_by("month", "version")
    return [row for row in rows if (row.month, row.version) in wanted]


def schema(dataset: str) -> dict[str, str]:
    """Column → DuckDB type of a data set's landed files."""
    return datasets.get(dataset).schema


def columns(dataset: str) -> dict[str, Column]:
    """The declared columns by key: label, type, kind of code, labels of choices."""
    return {column.key: column for column in datasets.get(dataset).columns}


def line_source(
    dataset: str, versions: list[MonthVersion], label: str, as_of: str | None = None
) -> LineSource:
    """A read-only source over exactly these files."""
    files = tuple(str(root() / version.path) for version in versions)
    return LineSource(lambda hospital_id: Pinned(files, as_of), ibis_schema(dataset), label=label)


def ibis_schema(dataset: str) -> dict[str, str]:
    """Column → Ibis type of a data set's landed files."""
    return {name: _IBIS.get(kind, kind.lower()) for name, kind in schema(dataset).items()}


_IBIS = {"VARCHAR": "string", "INTEGER": "int32", "BIGINT": "int64", "TIMESTAMP": "timestamp(6)"}
