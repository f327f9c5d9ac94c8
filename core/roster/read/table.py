"""A file as rows of text with their numbers, read by the lake's readers; what stands in its way is a finding."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings

from core.kernel.disk import ensure_folder
from core.kernel.errors import Problem
from core.kernel.ids import random_uid
from core.lake.readers import Shape, Sheet, bad_file, excel, letter, look, text
from core.lake.readers.sniff import damaged
from core.roster.difference import Finding
from core.roster.kinds import Kind

MAX_BYTES = 50 * 1024**2
MAX_ROWS = 50_000
TIMEOUT = 150  # s


@dataclass
class Raw:
    """Rows below the header: number in the file and cells by column of the file."""

    sheet: Sheet
    rows: list[tuple[int, list[str]]]
    findings: list[Finding] = field(default_factory=list)
    merged: list[list[int]] = field(default_factory=list)  # top, left, bottom, right from nought
    formulas: set[tuple[int, int]] = field(default_factory=set)  # row, column from nought
    formula_count: int = 0


@dataclass
class Book:
    """What was handed in, seen from outside."""

    shape: Shape
    facts: dict[str, dict[str, Any]]

    def hidden(self, sheet: Sheet) -> bool:
        """Whether a sheet is hidden."""
        return bool(self.facts.get(sheet.name, {}).get("hidden"))

    def choose(self, kind: Kind, name: str) -> Sheet:
        """The named sheet, else the visible one that fits the list best. Raises Problem."""
        if name:
            return self.shape.sheet(name)
        from core.lake.datasets import guess_mapping

        shown = [s for s in self.shape.sheets if s.columns and not self.hidden(s)]
        if not shown:
            raise bad_file(
                self.shape.file,
                "可见的工作表里没有内容。",
                "请取消隐藏要导入的工作表，或把内容复制到可见的工作表后再上传。",
            )
        return max(shown, key=lambda s: len(guess_mapping(kind.dataset, s.columns)))


def open_book(path: Path, name: str, sha256: str, kind: Kind) -> Book:
    """Look at a file. Raises Problem (bad_file, too_large) naming file, place and cure."""
    if path.stat().st_size > MAX_BYTES:
        raise Problem(
            "too_large", f"文件“{name}”超过 {MAX_BYTES // 1024**2} MB。名册不会这么大，请核对后再上传。", 413
        )
    shape = look(path, name, sha256, kind.dataset)
    if shape.format == "parquet":
        raise bad_file(name, "名册不能用 Parquet 文件。", "请上传 Excel（xlsx、xls）或 CSV 文件。")
    return Book(shape, _facts(path, name, sha256) if shape.format in ("xlsx", "xls") else {})


def read_rows(path: Path, book: Book, sheet: Sheet, sha256: str) -> Raw:
    """All rows of a sheet below its header. Raises Problem for a file broken further down, or none or too many rows."""
    raw = (
        _text_rows(path, book.shape, sheet)
        if book.shape.format == "csv"
        else _sheet_rows(path, book, sheet, sha256)
    )
    if not raw.rows:
        raise bad_file(
            book.shape.file,
            "表头下面没有数据行。",
            "请确认填写或导出是否完成，再上传。",
            sheet=sheet.name or None,
        )
    if len(raw.rows) > MAX_ROWS:
        raise Problem("too_large", f"名册有 {len(raw.rows)} 行，最多 {MAX_ROWS} 行。请核对文件。", 413)
    for note in book.shape.notes:
        raw.findings.append(Finding("warning", note, "如果内容不对，请重新导出正确的文件。"))
    skipped = [s.name for s in book.shape.sheets if book.hidden(s) and s.columns and s.name != sheet.name]
    if skipped:
        raw.findings.append(
            Finding(
                "warning",
                f"隐藏的工作表“{'”“'.join(skipped[:5])}”没有读取。",
                "如果数据在里面，请取消隐藏后重新上传。",
                sheet=skipped[0],
                count=len(skipped),
            )
        )
    if book.hidden(sheet):
        raw.findings.append(
            Finding("warning", f"工作表“{sheet.name}”是隐藏的。", "请确认要导入的就是它。", sheet=sheet.name)
        )
    hidden_rows = book.facts.get(sheet.name, {}).get("hidden_rows", 0)
    if hidden_rows:
        raw.findings.append(
            Finding(
                "warning",
                f"工作表里有 {hidden_rows} 行被隐藏或筛选掉，也会一并读取。",
                "如果不要这些行，请删去后重新上传。",
                sheet=sheet.name,
                count=hidden_rows,
            )
        )
    return raw


def forget(sha256: str) -> None:
    """Drop the cached text of a workbook: it names people, and is of no use once the list was applied or lies idle."""
    shutil.rmtree(settings.HOME / "lake" / ".sheets" / sha256, ignore_errors=True)


def _facts(path: Path, name: str, sha256: str) -> dict[str, dict[str, Any]]:
    """Kept beside the lake's cached text of the workbook, so that they are found out once."""
    kept = excel.converted(path, name, sha256) / "roster-facts.json"
    if kept.is_file():
        return json.loads(kept.read_text("utf-8"))
    found = _ask_child(path, name)
    draft = kept.with_suffix(f".{random_uid().hex}")
    draft.write_text(json.dumps(found), "utf-8")
    draft.replace(kept)
    return found


def _ask_child(path: Path, name: str) -> dict[str, dict[str, Any]]:
    child = Path(__file__).with_name("facts_child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), str(path)], capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise damaged(name) from error
    if done.returncode != 0:
        raise damaged(name)
    return {sheet["name"]: sheet for sheet in json.loads(done.stdout)["sheets"]}


def _sheet_rows(path: Path, book: Book, sheet: Sheet, sha256: str) -> Raw:
    file = excel.sheet_file(path, book.shape, sheet, sha256)
    table = pq.read_table(file)
    columns = [column.to_pylist() for column in table.columns]
    first = sheet.header_row
    rows = [
        (number, list(cells))
        for number, cells in enumerate(zip(*columns, strict=True), start=1)
        if number > first and any(cell.strip() for cell in cells)
    ]
    facts = book.facts.get(sheet.name, {})
    return Raw(
        sheet,
        rows,
        merged=[m for m in facts.get("merged", []) if m[2] >= first],
        formulas={(r, c) for r, c in facts.get("formulas", []) if r >= first},
        formula_count=facts.get("formula_count", 0),
    )


def _text_rows(path: Path, shape: Shape, sheet: Sheet) -> Raw:
    skipped = text.Skipped()
    rows: list[tuple[int, list[str]]] = []
    wanted = list(range(len(sheet.columns)))
    with tempfile.TemporaryDirectory(dir=ensure_folder(settings.HOME / "roster")) as folder:
        clean = text.to_utf8(path, shape, Path(folder))
        for batch in text.batches(clean, shape, wanted, skipped):
            columns = [column.to_pylist() for column in batch.columns]
            for number, *cells in zip(*columns, strict=True):
                if any(cell.strip() for cell in cells):
                    rows.append((number, cells))
            if len(rows) > MAX_ROWS:
                break
    width = len(sheet.columns)
    findings = [
        Finding(
            "error",
            f"这一行有 {cells} 列，表头有 {width} 列。",
            "请检查这一行的分隔符和引号，或重新导出。",
            row=number,
            cell=f"{letter(min(cells, width))}{number}",
        )
        for number, cells in list(zip(skipped.numbers, skipped.cells, strict=True))[:200]
    ]
    return Raw(sheet, rows, findings)
