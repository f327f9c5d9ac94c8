"""Bring the rows of a raw file into a working table as text, filtered, each with its row number."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from django.conf import settings

from core.kernel.disk import FULL, disk_full, ensure_folder
from core.kernel.errors import FieldError, Problem
from core.lake.datasets import DataSet
from core.lake.faults import point
from core.lake.lock import is_dead, me
from core.lake.readers import Shape, Sheet, bad_file, excel, letter, text
from core.lake.readers.sniff import damaged
from core.lake.where import Condition, parse, to_sql

#: Landing must stay below 1 GB in all: the engine gets this much, the rest is Python and Arrow.
MEMORY = "400MB"
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288)"


@dataclass
class Staged:
    """The working table `raw` (file_row, c<i> text): counts and rows of the wrong width."""

    rows_in: int
    rows_filtered: int
    used: dict[str, str]  # column key → raw column (c<i>)
    skipped: text.Skipped = field(default_factory=text.Skipped)
    cut_off: bool = False


@contextmanager
def workspace(name: str) -> Iterator[tuple[Path, Any]]:
    """A folder of its own and an engine that spills into it; both are gone afterwards. `name` identifies the attempt."""
    folder = settings.HOME / "lake" / ".work" / name
    _sweep_work(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    ensure_folder(folder)
    (folder / "owner").write_text(me(), "utf-8")
    con = None
    try:
        with engine_errors(""):
            # A file, because its compressed columns make every expression run once per distinct value.
            con = duckdb.connect(
                str(folder / "work.duckdb"),
                config={
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "memory_limit": MEMORY,
                    "temp_directory": str(folder / "spill"),
                    "threads": "2",
                    "preserve_insertion_order": "false",
                },
            )
            con.execute("PRAGMA disable_checkpoint_on_shutdown")
        yield folder, con
    finally:
        point("before_cleanup")
        if con is not None:
            con.close()
        shutil.rmtree(folder, ignore_errors=True)
        point("after_cleanup")


def _sweep_work(parent: Path) -> None:
    """Delete work folders whose process has ended: a killed import leaves raw rows there."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        try:
            owner = (folder / "owner").read_text("utf-8")
        except OSError:
            continue  # being made or deleted this moment
        if is_dead(owner):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def engine_errors(file: str) -> Iterator[None]:
    """A full disk inside DuckDB, as everywhere else, is Problem disk_full."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(file) from error
        raise
    except (duckdb.Error, pa.ArrowException) as error:
        said = str(error).lower()
        if any(
            t in said
            for t in ("no space left", "disk quota", "file too large", "failed to write", "could not write")
        ):
            raise disk_full(file) from error
        raise


def check_mapping(
    dataset: DataSet, shape: Shape, sheet: Sheet, mapping: dict[str, str], where: str
) -> list[Condition]:
    """The parsed filter, once mapping and filter fit the file. Raises Problem naming each wrong column."""
    errors = []
    header = sheet.header_row or None
    names = sheet.columns

    def wrong(message: str, cure: str, cell: str | None = None, pointer: str = "") -> None:
        errors.append(
            FieldError(
                file=shape.file,
                sheet=sheet.name or None,
                row=header,
                cell=cell,
                message=message,
                cure=cure,
                pointer=pointer,
            )
        )

    conditions = parse(where)
    for key in mapping:
        if key not in dataset.keys:
            wrong(
                f"数据集“{dataset.label}”没有“{key}”这一项。",
                "请刷新页面后重新选择列的对应。",
                pointer=f"/mapping/{key}",
            )
    for column in dataset.columns:
        name = mapping.get(column.key, "")
        if not name:
            if column.required:
                wrong(
                    f"缺少“{column.label}”列。",
                    f"请在文件中补上这一列，或指明哪一列是“{column.label}”。文件现有：{_listed(names)}。",
                    pointer=f"/mapping/{column.key}",
                )
        elif name not in names:
            wrong(
                f"文件中没有名为“{name}”的列。",
                f"请从这些列中选择：{_listed(names)}。",
                pointer=f"/mapping/{column.key}",
            )
    for condition in conditions:
        if condition.column not in names:
            wrong(
                f"筛选条件中的列“{condition.column}”不在文件里。",
                f"请从这些列中选择：{_listed(names)}。",
                pointer="/where",
            )
    for name in dict.fromkeys([*mapping.values(), *(c.column for c in conditions)]):
        places = [i for i, n in enumerate(names) if n == name]
        if name and len(places) > 1:
            cells = "、".join(f"{letter(i)}{header}" if header else f"第{i + 1}列" for i in places)
            wrong(
                f"列名“{name}”出现了 {len(places)} 次（{cells}）。",
                "请在文件中改成不同的列名，或删去多余的一列。",
                cell=f"{letter(places[1])}{header}" if header else None,
            )
    if errors:
        raise Problem(
            "bad_file",
            f"文件“{shape.file}”的列与数据集“{dataset.label}”对不上：{errors[0].message}",
            422,
            errors,
        )
    return conditions


def stage(
    con: Any,
    folder: Path,
    path: Path,
    sha256: str,
    shape: Shape,
    sheet: Sheet,
    mapping: dict[str, str],
    conditions: list[Condition],
    limit: int | None = None,
) -> Staged:
    """Fill table `raw`. Raises Problem for a file that turns out broken further down."""
    index = {name: i for i, name in reversed(list(enumerate(sheet.columns)))}
    used = {key: f"c{index[name]}" for key, name in mapping.items() if name}
    wanted = sorted({index[n] for n in mapping.values() if n} | {index[c.column] for c in conditions})
    texts = {c.column: f"trim(c{index[c.column]}, {BLANKS})" for c in conditions}
    keep, values = to_sql(conditions, texts)
    with engine_errors(shape.file):
        try:
            if shape.format == "csv":
                made = _stage_csv(con, folder, path, shape, wanted, keep, values)
            elif shape.format == "parquet":
                made = _stage_parquet(con, path, shape, sheet, wanted, keep, values)
            else:
                made = _stage_excel(con, path, sha256, shape, sheet, wanted, keep, values)
        except (duckdb.InvalidInputException, duckdb.IOException, duckdb.SerializationException) as error:
            if "space" in str(error).lower() or "write" in str(error).lower():
                raise
            raise damaged(shape.file, sheet.name or None) from error
    made.used = used
    if made.rows_in == 0:
        raise bad_file(
            shape.file,
            "表头下面没有数据行。",
            "请确认导出是否完成，重新导出后再上传。",
            sheet=sheet.name or None,
        )
    point("after_stage")
    return made


def _stage_csv(
    con: Any, folder: Path, path: Path, shape: Shape, wanted: list[int], keep: str, values: list[str]
) -> Staged:
    skipped = text.Skipped()
    clean = text.to_utf8(path, shape, folder)
    columns = "".join(f", c{i} VARCHAR" for i in wanted)
    con.execute(f"CREATE TABLE raw(file_row BIGINT{columns})")
    filled = " OR ".join(f"trim(c{i}, {BLANKS}) <> ''" for i in wanted)
    rows_in = kept = 0
    for batch in text.batches(clean, shape, wanted, skipped):
        con.register("batch", pa.Table.from_batches([batch]))
        rows_in += con.execute(f"SELECT count(*) FROM batch WHERE {filled}").fetchone()[0]
        kept += con.execute(
            f"INSERT INTO raw SELECT * FROM batch WHERE ({filled}) AND {keep}", values
        ).fetchone()[0]
        con.unregister("batch")
        point("in_stage")
    wrong = len(skipped.numbers)
    return Staged(rows_in + wrong, rows_in - kept, {}, skipped, cut_off=text.ends_without_newline(path))


def _stage_parquet(
    con: Any, path: Path, shape: Shape, sheet: Sheet, wanted: list[int], keep: str, values: list[str]
) -> Staged:
    source = "read_parquet(?, file_row_number = true, hive_partitioning = false)"
    types = {r[0]: r[1] for r in con.execute(f"DESCRIBE SELECT * FROM {source}", [str(path)]).fetchall()}
    picks = []
    for i in wanted:
        name = sheet.columns[i]
        kind = types.get(name, "")
        if kind.startswith(("STRUCT", "MAP", "UNION", "BLOB")) or kind.endswith("]"):
            raise bad_file(
                shape.file, f"列“{name}”的类型不是文字、数字或日期。", "请在导出时把这一列展开成普通的列。"
            )
        quoted = '"' + name.replace('"', '""') + '"'
        picks.append(f"{_as_text(quoted, kind)} AS c{i}")
    rows = f"SELECT file_row_number + 1 AS file_row, {', '.join(picks)} FROM {source}"
    con.execute(f"CREATE TABLE raw AS SELECT * FROM ({rows}) WHERE {keep}", [str(path), *values])
    point("in_stage")
    kept = con.execute("SELECT count(*) FROM raw").fetchone()[0]
    return Staged(sheet.rows or 0, (sheet.rows or 0) - kept, {})


def _stage_excel(
    con: Any,
    path: Path,
    sha256: str,
    shape: Shape,
    sheet: Sheet,
    wanted: list[int],
    keep: str,
    values: list[str],
) -> Staged:
    file = str(excel.sheet_file(path, shape, sheet, sha256))
    columns = ", ".join(f"c{i}" for i in wanted)
    filled = " OR ".join(f"trim(c{i}, {BLANKS}) <> ''" for i in wanted)
    rows = (
        f"SELECT file_row_number + 1 AS file_row, {columns} FROM read_parquet(?, file_row_number = true,"
        f" hive_partitioning = false) WHERE file_row_number >= {sheet.header_row} AND ({filled})"
    )
    rows_in = con.execute(f"SELECT count(*) FROM ({rows})", [file]).fetchone()[0]
    con.execute(f"CREATE TABLE raw AS SELECT * FROM ({rows}) WHERE {keep}", [file, *values])
    point("in_stage")
    kept = con.execute("SELECT count(*) FROM raw").fetchone()[0]
    return Staged(rows_in, rows_in - kept, {})


def _as_text(quoted: str, kind: str) -> str:
    """A typed Parquet column as text; binary fractions with the digits they are sure of."""
    if kind == "DOUBLE":
        return f"printf('%.15g', {quoted})"
    if kind == "FLOAT":
        return f"printf('%.7g', {quoted})"
    return f"CAST({quoted} AS VARCHAR)"


def _listed(names: list[str]) -> str:
    return "、".join(names[:30]) + (f" 等 {len(names)} 列" if len(names) > 30 else "")
