"""Reading landed lines: pin the versions, open the engine, get one typed table."""

import hashlib
import os
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb
import ibis
from django.conf import settings

from core.kernel.disk import ensure_folder
from core.kernel.errors import Unavailable
from core.lake import datasets
from core.lake.land import root
from core.lake.models import MonthVersion

MEMORY = {"web": "512MB", "worker": "3GB"}

_guard = threading.Lock()
_instances: dict[tuple[int, str], Any] = {}
_local = threading.local()


def pins(
    hospital: Any, dataset: str, as_of: datetime | None = None, months: Iterable[str] | None = None
) -> list[MonthVersion]:
    """The newest version of each month observed at or before `as_of` (now if None), by month: a run's snapshot."""
    rows = MonthVersion.unscoped.filter(hospital_id=hospital.id, dataset=dataset)
    if as_of is not None:
        rows = rows.filter(observed_at__lte=as_of)
    if months is not None:
        rows = rows.filter(month__in=list(months))
    found = {version.month: version for version in rows.order_by("month", "version")}
    return list(found.values())


def connect(role: str = "web") -> Any:
    """The Ibis backend of this thread: a cursor of the process's one DuckDB instance, opened after the fork."""
    key = (os.getpid(), role)
    mine: tuple[int, dict[str, Any]] | None = getattr(_local, "backends", None)
    if mine is None or mine[0] != key[0]:
        mine = _local.backends = (key[0], {})
    if role not in mine[1]:
        with _guard:
            if key not in _instances:
                _instances[key] = _open(role)
            cursor = _instances[key].cursor()
        mine[1][role] = ibis.duckdb.from_connection(cursor)
    return mine[1][role]


def tables(con: Any, pinned: list[MonthVersion], dataset: str | None = None) -> Any:
    """One Ibis table over the pinned files in the declared columns and types.

    A column that an older file lacks is NULL. No pins give an empty table; then `dataset` names its columns.
    Raises Unavailable when a pinned file is gone.
    """
    declared = datasets.get(pinned[0].dataset if pinned else dataset or "")
    paths = [root() / v.path for v in pinned]
    for path in paths:
        if not path.is_file():
            raise Unavailable("部分已入库的数据文件无法读取，请联系系统管理员从备份恢复。")
    name = _view_name(declared.key, [str(p) for p in paths])
    if not paths:
        columns = ", ".join(f'CAST(NULL AS {kind}) AS "{n}"' for n, kind in declared.schema.items())
        con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} WHERE false")
        return con.table(name)
    listed = ", ".join("'" + str(p).replace("'", "''") + "'" for p in paths)
    source = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
    there = {r[0]: r[1] for r in con.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    columns = ", ".join(_column(n, kind, there.get(n)) for n, kind in declared.schema.items())
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} FROM {source}")
    return con.table(name)


def _column(name: str, kind: str, there: str | None) -> str:
    if there is None:
        return f'CAST(NULL AS {kind}) AS "{name}"'
    return f'"{name}"' if there == kind else f'CAST("{name}" AS {kind}) AS "{name}"'


def _view_name(dataset: str, paths: list[str]) -> str:
    return f"{dataset}_{hashlib.sha256('|'.join(paths).encode()).hexdigest()[:16]}"


def _open(role: str) -> Any:
    spill = ensure_folder(
        ensure_folder(ensure_folder(settings.HOME / "tmp") / "duckdb") / f"{role}-{os.getpid()}"
    )
    return duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY[role],
            "temp_directory": str(spill),
        },
    )
