"""Landing: merge good rows into whole new month files, publish them in one transaction, sweep what no row names."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max

from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.kernel.disk import ensure_folder, fsync_file, fsync_folder, full_disk_is_a_problem
from core.lake import codes
from core.lake.datasets import DataSet
from core.lake.faults import point
from core.lake.lock import Held
from core.lake.models import LakeImport, LakeLock, MonthVersion
from core.lake.stage import engine_errors

ROW_GROUP = 122_880


@dataclass
class MonthFile:
    """A new month file, renamed into place but not yet published."""

    month: str
    version: int
    path: str
    rows: int
    size: int
    sha256: str


def land(
    con: Any,
    dataset: DataSet,
    lake_import: LakeImport,
    held: Held,
    *,
    by: Actor,
    tick: Callable[[int, int, str], None],
) -> list[MonthFile]:
    """Write the new versions of every month that changes; none when nothing does. Nothing is visible before `publish`."""
    sweep(lake_import.hospital, dataset.key)
    point("after_sweep")
    _code(con, dataset, lake_import, by=by, tick=tick)
    point("after_coded")
    newest = newest_versions(lake_import.hospital_id, dataset.key)
    months = [m for (m,) in con.execute("SELECT DISTINCT month FROM landing ORDER BY month").fetchall()]
    touched = sorted(set(months) | _moved_from(con, dataset, newest))
    made: list[MonthFile] = []
    for number, month in enumerate(touched):
        tick(number, len(touched), f"写入 {'全部' if month == 'all' else month}")
        held.renew()
        old = newest.get(month)
        _merge(con, dataset, month, old, lake_import.mode)
        if old and _same(con, dataset, old):
            continue
        made.append(_write(con, dataset, lake_import, month, old))
    point("after_all_renamed")
    for folder in sorted({(root() / f.path).parent for f in made}):
        fsync_folder(folder)
    return made


def publish(
    lake_import: LakeImport, made: list[MonthFile], held: Held, *, by: Actor, **ledger: Any
) -> datetime:
    """One transaction: month versions and ledger line together, or neither. Raises Refused if the lease was lost."""
    point("before_publish")
    with acting(by):
        held.confirm()
        observed = _later_than_all(lake_import)
        for file in made:
            MonthVersion.unscoped.create(
                hospital_id=lake_import.hospital_id,
                dataset=lake_import.dataset,
                month=file.month,
                version=file.version,
                observed_at=observed,
                lake_import=lake_import,
                rows=file.rows,
                size=file.size,
                sha256=file.sha256,
                path=file.path,
            )
        for name, value in ledger.items():
            setattr(lake_import, name, value)
        lake_import.save()
        held.release()
        point("in_publish")
    point("after_publish")
    return observed


def newest_versions(hospital_id: int, dataset: str) -> dict[str, MonthVersion]:
    """Month → its newest version."""
    found: dict[str, MonthVersion] = {}
    rows = MonthVersion.unscoped.filter(hospital_id=hospital_id, dataset=dataset).order_by("month", "version")
    for version in rows:
        found[version.month] = version
    return found


def sweep(hospital: Any, dataset: str) -> int:
    """Delete files of the data set that no month version names: leavings of killed imports. Only under its lease."""
    folder = root() / hospital.slug / dataset
    named = set(
        MonthVersion.unscoped.filter(hospital_id=hospital.id, dataset=dataset).values_list("path", flat=True)
    )
    gone = 0
    for file in folder.rglob("*"):
        if file.is_file() and str(file.relative_to(root())) not in named:
            file.unlink()
            gone += 1
    return gone


def sweep_alone(hospital: Any, dataset: str, *, by: Actor) -> int:
    """`sweep` while no import runs into the data set; 0 if one does (it sweeps by itself)."""
    busy = LakeLock.objects.filter(hospital_id=hospital.id, dataset=dataset, token__isnull=False).exists()
    return 0 if busy else sweep(hospital, dataset)


def root() -> Path:
    """The folder of the lake, rights 0700."""
    return ensure_folder(settings.HOME / "lake")


def _code(
    con: Any, dataset: DataSet, lake_import: LakeImport, *, by: Actor, tick: Callable[[int, int, str], None]
) -> None:
    """Table `landing`: the good rows in the columns and types of the landed file, and their month."""
    joins, picks = [], []
    for column in dataset.columns:
        if column.type == "code":
            values = con.sql(
                f"SELECT DISTINCT v_{column.key} AS code FROM good WHERE v_{column.key} IS NOT NULL ORDER BY code"
            ).fetchall()
            total = len(values)
            table = codes.assign(
                lake_import.hospital,
                column.kind,
                [v for (v,) in values],
                by=by,
                tick=partial(tick, 0, total, f"登记{column.label}编号"),
            )
            con.register(f"codes_{column.key}_arrow", table)
            con.execute(f"CREATE TABLE codes_{column.key} AS SELECT * FROM codes_{column.key}_arrow")
            con.unregister(f"codes_{column.key}_arrow")
            joins.append(
                f"LEFT JOIN codes_{column.key} j_{column.key} ON good.v_{column.key} = j_{column.key}.code"
            )
    point("after_codes")
    coded = {c.key for c in dataset.columns if c.type == "code"}
    for name, kind in dataset.schema.items():
        if name in coded:
            value = f"j_{name}.number"
        elif name in dataset.keys:
            value = f"v_{name}"
        else:
            value = {
                "import_id": str(lake_import.pk),
                "file_row": "file_row",
                "source_key": _landed_key(dataset, coded),
            }[name]
        picks.append(f'CAST({value} AS {kind}) AS "{name}"')
    con.execute(f"CREATE TABLE landing AS SELECT month, {', '.join(picks)} FROM good {' '.join(joins)}")


def _landed_key(dataset: DataSet, coded: set[str]) -> str:
    """The key on landed lines: a coded part as its number, so that no patient code is written in clear."""
    if not coded & set(dataset.natural_key):
        return "good.source_key"
    parts = [
        f"CAST(j_{k}.number AS VARCHAR)"
        if k in coded
        else f"replace(coalesce(CAST(v_{k} AS VARCHAR), ''), '|', '||')"
        for k in dataset.natural_key
    ]
    return "concat_ws('|', " + ", ".join(parts) + ")"


def _moved_from(con: Any, dataset: DataSet, newest: dict[str, MonthVersion]) -> set[str]:
    """Months that hold a key which this import puts into another month."""
    if not dataset.natural_key or not newest:
        return set()
    parts = " UNION ALL ".join(
        f"SELECT '{v.month}' AS month, source_key FROM {_file(v)} WHERE source_key IS NOT NULL"
        for v in newest.values()
        if v.rows
    )
    if not parts:
        return set()
    rows = con.execute(
        f"SELECT DISTINCT o.month FROM ({parts}) o JOIN landing l USING (source_key) WHERE o.month <> l.month"
    ).fetchall()
    return {month for (month,) in rows}


def _merge(con: Any, dataset: DataSet, month: str, old: MonthVersion | None, mode: str) -> None:
    """View `merged`: the whole month as it will be."""
    names = ", ".join(f'"{n}"' for n in dataset.schema)
    fresh = f"SELECT {names} FROM landing WHERE month = '{month}'"
    replaced = (
        mode == LakeImport.Mode.REPLACE
        and con.execute("SELECT count(*) FROM landing WHERE month = ?", [month]).fetchone()[0]
    )
    if old is None or replaced:
        con.execute(f"CREATE OR REPLACE VIEW merged AS {fresh}")
        return
    kept = f"SELECT {_old_columns(con, dataset, old)} FROM {_file(old)} o WHERE NOT EXISTS (SELECT 1 FROM landing l WHERE l.source_key = o.source_key)"
    con.execute(f"CREATE OR REPLACE VIEW merged AS {kept} UNION ALL {fresh}")


def _same(con: Any, dataset: DataSet, old: MonthVersion) -> bool:
    """Whether the merged month says what the old one says, whatever import and row each line came from."""
    if con.execute("SELECT count(*) FROM merged").fetchone()[0] != old.rows:
        return False
    names = ", ".join(f'"{n}"' for n in dataset.schema if n not in {"import_id", "file_row"})
    before = f"SELECT {names} FROM (SELECT {_old_columns(con, dataset, old)} FROM {_file(old)} o)"
    return not con.execute(
        f"SELECT count(*) FROM (SELECT {names} FROM merged EXCEPT ALL {before})"
    ).fetchone()[0]


def _old_columns(con: Any, dataset: DataSet, old: MonthVersion) -> str:
    """Select list that reads an older file in today's declaration: a column it lacks is NULL."""
    there = {r[0] for r in con.execute(f"DESCRIBE SELECT * FROM {_file(old)}").fetchall()}
    return ", ".join(
        f'CAST(o."{n}" AS {kind}) AS "{n}"' if n in there else f'CAST(NULL AS {kind}) AS "{n}"'
        for n, kind in dataset.schema.items()
    )


def _write(
    con: Any, dataset: DataSet, lake_import: LakeImport, month: str, old: MonthVersion | None
) -> MonthFile:
    """Write beside, fsync, rename."""
    version = (old.version if old else 0) + 1
    folder = ensure_folder(root() / lake_import.hospital.slug / dataset.key / f"month={month}")
    final, draft = folder / f"v{version:04d}.parquet", folder / f".v{version:04d}.{lake_import.uid.hex}.tmp"
    order = ", ".join(f'"{n}"' for n in dict.fromkeys([*dataset.sort, "source_key", "import_id", "file_row"]))
    point("before_write")
    try:
        with engine_errors(lake_import.file_name), full_disk_is_a_problem(lake_import.file_name):
            con.execute(
                f"COPY (SELECT * FROM merged ORDER BY {order}) TO '{_quoted(draft)}'"
                f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
            )
            point("after_write")
            os.chmod(draft, 0o600)
            fsync_file(draft)
            point("after_fsync")
            rows = con.execute(
                f"SELECT count(*) FROM read_parquet('{_quoted(draft)}', hive_partitioning = false)"
            ).fetchone()[0]
            digest, size = _digest(draft)
            os.rename(draft, final)
    finally:
        draft.unlink(missing_ok=True)
    point("after_rename")
    return MonthFile(month, version, str(final.relative_to(root())), rows, size, digest)


def _file(version: MonthVersion) -> str:
    return f"read_parquet('{_quoted(root() / version.path)}', hive_partitioning = false)"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size


def _later_than_all(lake_import: LakeImport) -> datetime:
    """Now, but later than every version of the data set, so that as-of order is order of publishing."""
    last = MonthVersion.unscoped.filter(
        hospital_id=lake_import.hospital_id, dataset=lake_import.dataset
    ).aggregate(last=Max("observed_at"))["last"]
    return max(now(), last + timedelta(microseconds=1)) if last else now()
