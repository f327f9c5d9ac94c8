"""From a landed line back to the row of the raw file it came from."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from core.files import domain as files
from core.kernel.errors import NotFound
from core.lake import codes, datasets, query
from core.lake.models import LakeImport
from core.lake.readers import Shape, Sheet, excel, look

STEP = 1000  # rows between two offsets of the index
BLOCK = 16 * 1024 * 1024
LAST = 2**31  # no file has so many rows; a number beyond 64 bits would not even bind


def source_row(lake_import: LakeImport, n: int) -> dict[str, Any]:
    """File, sheet, row number, the raw cells by column name, and the values landed from it.

    Raises NotFound for a row the file does not have.
    """
    path = files.path(lake_import.file)
    shape = _shape(lake_import, path)
    sheet = shape.sheet(lake_import.sheet or None)
    if not sheet.header_row < n < LAST:
        raise NotFound("文件中没有这一行。")
    if shape.format == "csv":
        cells = _csv_row(path, shape, sheet, n, lake_import.row_index)
    else:
        file = path if shape.format == "parquet" else excel.sheet_file(path, shape, sheet, lake_import.sha256)
        cells = _parquet_row(file, n)
    if cells is None:
        raise NotFound("文件中没有这一行。")
    names = sheet.columns
    values = [
        {"name": names[i] if i < len(names) else f"第{i + 1}列", "value": cell}
        for i, cell in enumerate(cells)
    ]
    return {
        "file": lake_import.file_name,
        "sheet": lake_import.sheet,
        "row": n,
        "columns": values,
        "landed": _landed(lake_import, n),
    }


def build_index(path: Path, shape: Shape) -> dict[str, Any]:
    """Byte offset of every 1,000th row of a CSV file, so that any row is found at once; empty if it cannot be trusted."""
    if shape.format != "csv" or shape.encoding == "utf-16":
        return {}
    offsets, quotes, rows, base = [0], 0, 0, 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            data = np.frombuffer(block, dtype=np.uint8)
            ends = np.flatnonzero(data == 10)
            if shape.encoding and (marks := np.flatnonzero(data == 34)).size:
                open_before = (np.searchsorted(marks, ends) + quotes) % 2 == 1
                ends = ends[~open_before]
                quotes += marks.size
            first = (-rows - 1) % STEP
            offsets += [int(e) + base + 1 for e in ends[first::STEP]]
            rows += ends.size
            base += len(block)
    return {"step": STEP, "offsets": offsets, "rows": rows} if quotes % 2 == 0 else {}


def _shape(lake_import: LakeImport, path: Path) -> Shape:
    kept = lake_import.row_index.get("shape")
    if kept:
        return Shape.from_json(kept)
    return look(path, lake_import.file_name, lake_import.sha256, datasets.get(lake_import.dataset))


def _csv_row(path: Path, shape: Shape, sheet: Sheet, n: int, index: dict[str, Any]) -> list[str] | None:
    step, offsets = index.get("step"), index.get("offsets") or [0]
    slot = (n - 1) // step if step else 0
    if slot >= len(offsets):
        return None
    skip = (n - 1) - slot * step if step else n - 1
    with path.open("rb") as stream:
        stream.seek(offsets[slot])
        block = stream.read(offsets[slot + 1] - offsets[slot]) if slot + 1 < len(offsets) else stream.read()
    text = block.decode(shape.encoding, "replace").removeprefix("\ufeff")
    return _nth(text, skip, shape.delimiter, len(sheet.columns))


def _nth(text: str, skip: int, delimiter: str, width: int) -> list[str] | None:
    """Record `skip` of a piece of CSV, by the parser that landed it; a row of another width as it is."""
    seen: dict[int, str] = {}

    def odd(row: pacsv.InvalidRow) -> str:
        seen[row.number] = row.text
        return "skip"

    table = pacsv.read_csv(
        io.BytesIO(text.encode()),
        read_options=pacsv.ReadOptions(
            column_names=[f"c{i}" for i in range(width)], use_threads=False, block_size=2**30
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=odd
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={f"c{i}": pa.string() for i in range(width)}, strings_can_be_null=False
        ),
    )
    if skip + 1 in seen:
        return seen[skip + 1].rstrip("\r\n").split(delimiter)
    at = skip - sum(number <= skip for number in seen)
    if at >= table.num_rows:
        return None
    return [str(v) for v in table.slice(at, 1).to_pylist()[0].values()]


def _parquet_row(path: Path, n: int) -> list[str] | None:
    found = (
        query.connect("web")
        .con.cursor()
        .execute(
            "SELECT * EXCLUDE (file_row_number) FROM read_parquet(?, file_row_number = true, hive_partitioning = false)"
            " WHERE file_row_number = ?",
            [str(path), n - 1],
        )
        .fetchone()
    )
    return None if found is None else ["" if v is None else str(v) for v in found]


def _landed(lake_import: LakeImport, n: int) -> dict[str, Any]:
    """The line as it landed, in the versions this import made; codes with their labels; empty if it was kept out."""
    made = list(lake_import.versions.all())
    if not made:
        return {}
    dataset = datasets.get(lake_import.dataset)
    table = query.tables(query.connect("web"), made)
    found = (
        table.filter((table.import_id == lake_import.pk) & (table.file_row == n))
        .limit(1)
        .to_pyarrow()
        .to_pylist()
    )
    if not found:
        return {}
    line = found[0]
    values: dict[str, Any] = {}
    for column in dataset.columns:
        value = line[column.key]
        if column.type == "code" and value is not None:
            value = codes.labels(lake_import.hospital, column.kind, [value]).get(value, str(value))
        elif column.labels and value is not None:
            value = column.labels.get(value, value)
        values[column.key] = value if value is None or isinstance(value, (bool, int, str)) else str(value)
    return values
