"""Reads a workbook in a process of its own: a hostile file can exhaust this one, never the server.

`python excel_child.py IN OUT_DIR` writes one Parquet of text per sheet (`0.parquet`, …: every row from row 1) and
prints JSON {"sheets": [{name, rows, merged, error}]}. No Django here: it starts in 0.3 s.
"""

import datetime
import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY = 3 * 1024**3
SECONDS = 600
BATCH = 20_000
MAX_COLUMNS = 2000


def main(source: str, out: str) -> None:
    """Convert every sheet."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(source)
    sheets = []
    for index, name in enumerate(book.sheet_names):
        sheet = book.get_sheet_by_name(name)
        about = {"name": name, "rows": 0, "width": 0, "merged": [], "error": ""}
        if sheet.end is not None and sheet.end[1] >= MAX_COLUMNS:
            about["error"], about["width"] = "too_wide", sheet.end[1] + 1
        elif sheet.end is not None:
            about["rows"], about["width"] = sheet.end[0] + 1, sheet.end[1] + 1
            about["merged"] = _merged(sheet)
            _write(sheet, Path(out) / f"{index}.parquet")
        sheets.append(about)
    sys.stdout.write(json.dumps({"sheets": sheets}))


def _write(sheet: Any, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    left, width = sheet.start[1], sheet.end[1] + 1
    schema = pa.schema([(f"c{i}", pa.string()) for i in range(width)])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        rows: list[list[str]] = []
        for row in sheet.iter_rows():
            cells = [_text(cell) for cell in row]
            if len(cells) < width:  # iter_rows leaves out empty columns on the left
                cells = [""] * left + cells
            rows.append((cells + [""] * width)[:width])
            if len(rows) >= BATCH:
                writer.write_batch(_batch(pa, rows, schema))
                rows = []
        if rows:
            writer.write_batch(_batch(pa, rows, schema))


def _batch(pa: Any, rows: list[list[str]], schema: Any) -> Any:
    return pa.record_batch(
        [pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=schema
    )


def _text(cell: object) -> str:
    """A cell as text. Excel keeps 15 digits, so more are noise of the binary form."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    return str(cell)


def _merged(sheet: Any) -> list[list[int]]:
    try:
        ranges = sheet.merged_cell_ranges or []
    except Exception:
        return []
    return [[a[0], a[1], b[0], b[1]] for a, b in ranges][:200]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
