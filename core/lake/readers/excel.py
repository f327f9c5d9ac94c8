"""Excel workbooks, read by a child process into Parquet of text and kept beside the lake by content."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from django.conf import settings

from core.kernel.disk import disk_full, ensure_folder
from core.kernel.errors import Problem
from core.kernel.ids import random_uid
from core.lake.datasets import fold
from core.lake.readers.shape import (
    HEADER_SEARCH,
    SAMPLES,
    Shape,
    Sheet,
    bad_file,
    clean_names,
    find_header,
    letter,
)
from core.lake.readers.sniff import damaged

TIMEOUT = 600  # s


def look(path: Path, name: str, kind: str, sha256: str, known: frozenset[str]) -> Shape:
    """Sheets with header and samples. Raises Problem."""
    folder = converted(path, name, sha256)
    listed = json.loads((folder / "sheets.json").read_text("utf-8"))["sheets"]
    sheets = [_sheet(folder / f"{i}.parquet", about, name, known) for i, about in enumerate(listed)]
    if not any(s.columns for s in sheets):
        raise bad_file(
            name,
            "工作簿里没有内容。",
            "请确认数据所在的工作表，重新导出后再上传。",
            sheet=sheets[0].name if sheets else None,
        )
    return Shape(file=name, format=kind, size=path.stat().st_size, sheets=sheets)


def converted(path: Path, name: str, sha256: str) -> Path:
    """The folder with the workbook's sheets as Parquet, made at first use (a cache: it may be deleted at any time)."""
    folder = settings.HOME / "lake" / ".sheets" / sha256
    if (folder / "sheets.json").is_file():
        return folder
    draft = ensure_folder(ensure_folder(folder.parent) / f"{sha256}.{random_uid().hex}.tmp")
    try:
        listed = _convert(path, name, draft)
        (draft / "sheets.json").write_text(json.dumps(listed), "utf-8")
        try:
            os.rename(draft, folder)
        except OSError:
            if not (folder / "sheets.json").is_file():
                raise
        return folder
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def sheet_file(path: Path, shape: Shape, sheet: Sheet, sha256: str) -> Path:
    """The Parquet of text for one sheet; row n of the sheet is its n-th row."""
    return converted(path, shape.file, sha256) / f"{shape.sheets.index(sheet)}.parquet"


def _convert(path: Path, name: str, draft: Path) -> dict:
    child = Path(__file__).with_name("excel_child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), str(path), str(draft)],
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_heavy(name) from error
    if done.returncode == 0:
        return json.loads(done.stdout)
    said = done.stderr.decode("utf-8", "replace")
    if "No space left" in said or "Disk quota" in said:
        raise disk_full(name)
    if "PasswordError" in said:
        raise bad_file(name, "工作簿有密码保护。", "请去掉密码，另存后再上传。")
    if done.returncode < 0 or "MemoryError" in said or "alloc" in said.lower() or "capacity overflow" in said:
        raise _too_heavy(name)
    raise damaged(name)


def _too_heavy(name: str) -> Problem:
    return bad_file(
        name, "工作簿展开后过大，超出安全限度，没有读取。", "请改为导出 CSV，或拆分成较小的工作簿后再上传。"
    )


def _sheet(file: Path, about: dict, name: str, known: frozenset[str]) -> Sheet:
    if about["error"] == "too_wide":
        raise bad_file(
            name,
            f"表头有 {about['width']} 列，最多支持 2000 列。",
            "请删去多余的列后再上传。",
            sheet=about["name"],
            row=1,
        )
    if not about["rows"]:
        return Sheet(name=about["name"], rows=0)
    rows = _head(file, HEADER_SEARCH + SAMPLES + 1)
    at = find_header(rows, known, fold)
    body = rows[at + 1 : at + 1 + SAMPLES]
    merged = [
        f"{letter(left)}{top + 1}:{letter(right)}{bottom + 1}"
        for top, left, bottom, right in about["merged"]
        if top <= at <= bottom
    ]
    return Sheet(
        name=about["name"],
        rows=max(about["rows"] - at - 1, 0),
        header_row=at + 1,
        columns=clean_names(rows[at]),
        samples=[[row[i][:60] for row in body] for i in range(len(rows[at]))],
        merged=merged,
    )


def _head(file: Path, count: int) -> list[list[str]]:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=count):
        return [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
    return []
