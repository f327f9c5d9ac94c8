"""CSV and other delimited text: encoding, delimiter, header, rows in order with their numbers."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from core.kernel.disk import full_disk_is_a_problem
from core.kernel.errors import Problem
from core.lake.datasets import fold
from core.lake.faults import point
from core.lake.readers.shape import (
    HEADER_SEARCH,
    MAX_COLUMNS,
    MAX_HEADER_BYTES,
    SAMPLES,
    Shape,
    Sheet,
    bad_file,
    clean_names,
    find_header,
)

LOOK = 4 * 1024 * 1024
BLOCK = 8 * 1024 * 1024  # bytes parsed at once; no row may be longer
KEPT_TEXTS = 1000


@dataclass
class Skipped:
    """Rows whose number of cells differs from the header's."""

    numbers: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    records: int = 0  # records in the file, header and blank ones included


def look(path: Path, name: str, known: frozenset[str]) -> Shape:
    """Encoding, delimiter, header and samples from the first 4 MB. Raises Problem."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(LOOK)
    whole = len(head) == size
    encoding = detect(head, name, whole)
    text = _decode(head if whole else head[: head.rfind(b"\n") + 1] or head, encoding)
    first_end = text.find("\n", next((i for i, c in enumerate(text) if c not in "\r\n"), 0))
    if first_end > MAX_HEADER_BYTES or (first_end < 0 and len(text) > MAX_HEADER_BYTES):
        raise _too_wide(name)
    delimiter = _delimiter(text)
    rows = _first_rows(text, delimiter, HEADER_SEARCH + SAMPLES + 1, name)
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise bad_file(name, "文件中没有内容。", "请确认导出是否完成，重新导出后再上传。")
    at = find_header(rows, known, fold)
    header = rows[at]
    if len(header) > MAX_COLUMNS:
        raise _too_wide(name, len(header))
    body = rows[at + 1 : at + 1 + SAMPLES]
    samples = [[row[i][:60] if i < len(row) else "" for row in body] for i in range(len(header))]
    sheet = Sheet(name="", rows=None, header_row=at + 1, columns=clean_names(header), samples=samples)
    return Shape(file=name, format="csv", size=size, encoding=encoding, delimiter=delimiter, sheets=[sheet])


def detect(head: bytes, name: str, whole: bool) -> str:
    """utf-8, gb18030 or utf-16. Raises Problem with the first row in another encoding."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    cut = head if whole else head[: head.rfind(b"\n") + 1] or head
    cut = cut.removeprefix(b"\xef\xbb\xbf")
    try:
        text = cut.decode("utf-8")
    except UnicodeDecodeError:
        return _by_line(cut, name)
    # “女” in GB18030 is valid UTF-8 by chance: two-byte characters alone prove nothing.
    if head[:3] == b"\xef\xbb\xbf" or text.isascii() or any(c >= "\u0800" for c in text):
        return "utf-8"
    try:
        other = cut.decode("gb18030")
    except UnicodeDecodeError:
        return "utf-8"
    return (
        "gb18030"
        if all(c.isascii() or "\u3000" <= c <= "\u9fff" or c >= "\uff00" for c in other)
        else "utf-8"
    )


def to_utf8(path: Path, shape: Shape, work: Path) -> Path:
    """The file as UTF-8, checked to its end: itself, or a copy in `work`. Raises Problem naming the first wrong row."""
    target = work / "utf8.csv"
    with path.open("rb") as source:
        if shape.encoding == "utf-8":
            if _all_utf8(source):
                return path
            source.seek(0)
            _by_line(source.read().removeprefix(b"\xef\xbb\xbf"), shape.file)
            raise _mixed(shape.file, 1)
        try:
            with full_disk_is_a_problem(shape.file), target.open("w", encoding="utf-8", newline="") as out:
                reader = io.TextIOWrapper(source, encoding=shape.encoding, newline="")
                while piece := reader.read(BLOCK):
                    out.write(piece)
        except UnicodeError as error:
            if shape.encoding != "gb18030":
                raise bad_file(
                    shape.file, "文字编码有误，文件可能被截断。", "请另存为 UTF-8 编码的 CSV 后再上传。"
                ) from error
            _by_line(path.read_bytes(), shape.file)
            raise _mixed(shape.file, 1) from error
    if shape.encoding == "gb18030":
        _check_one_encoding(path, shape.file)
    point("after_transcode")
    return target


def batches(path: Path, shape: Shape, wanted: list[int], skipped: Skipped) -> Iterator[pa.RecordBatch]:
    """Rows below the header as text, columns `file_row` and c<i>; rows of another width go to `skipped`.

    Raises Problem where a row never ends (an open quotation mark).
    """
    sheet = shape.sheets[0]
    width = len(sheet.columns)
    every = [f"c{i}" for i in range(width)]

    def odd(row: pacsv.InvalidRow) -> str:
        if row.number > sheet.header_row and row.text.strip():
            skipped.numbers.append(row.number)
            skipped.cells.append(row.actual_columns)
            skipped.texts.append(row.text[:400] if len(skipped.texts) < KEPT_TEXTS else "")
        else:
            blank.append(row.number)
        return "skip"

    blank: list[int] = []
    last = 0
    try:
        reader = pacsv.open_csv(
            path,
            read_options=pacsv.ReadOptions(column_names=every, block_size=BLOCK, use_threads=False),
            parse_options=pacsv.ParseOptions(
                delimiter=shape.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=odd,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={c: pa.string() for c in every},
                include_columns=[f"c{i}" for i in wanted],
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            numbers = _numbers(last + 1, batch.num_rows, skipped.numbers + blank)
            last = int(numbers[-1]) if batch.num_rows else last
            keep = numbers > sheet.header_row
            made = pa.record_batch(
                [pa.array(numbers), *batch.columns], names=["file_row", *batch.schema.names]
            )
            yield made if keep.all() else made.filter(pa.array(keep))
        skipped.records = max([last, *skipped.numbers[-1:], *blank[-1:]])
    except pa.ArrowInvalid as error:
        raise bad_file(
            shape.file,
            "从这一行起读不下去，多半是引号没有成对，或文件被截断。",
            "请检查这一行及其后的双引号，或重新导出后再上传。",
            row=last + 1 if last else sheet.header_row + 1,
        ) from error


def ends_without_newline(path: Path) -> bool:
    """Whether the last line lacks its end, as in a file cut off."""
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) not in (b"\n", b"\r", b"\x00")


def _numbers(first: int, count: int, gone: list[int]) -> np.ndarray:
    """`count` record numbers from `first`, those in `gone` left out."""
    if not gone:
        return np.arange(first, first + count, dtype=np.int64)
    missing = np.array([g for g in gone if g >= first], dtype=np.int64)
    every = np.arange(first, first + count + len(missing), dtype=np.int64)
    return every[~np.isin(every, missing)][:count]


def _all_utf8(source: io.BufferedReader) -> bool:
    reader = io.TextIOWrapper(source, encoding="utf-8", newline="")
    try:
        while reader.read(BLOCK):
            pass
        return True
    except UnicodeDecodeError:
        return False
    finally:
        reader.detach()


def _by_line(data: bytes, name: str) -> str:
    """The encoding most lines have. Raises Problem at the first line of another one."""
    kinds: dict[str, list[int]] = {"utf-8": [], "gb18030": [], "": []}
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.isascii():
            continue
        kind = _line_kind(line)
        if kind != "either":
            kinds[kind].append(number)
    if kinds[""]:
        raise _mixed(name, kinds[""][0])
    if kinds["utf-8"] and kinds["gb18030"]:
        minority = min(("utf-8", "gb18030"), key=lambda k: len(kinds[k]))
        raise _mixed(name, kinds[minority][0])
    return "utf-8" if kinds["utf-8"] else "gb18030"


def _line_kind(line: bytes) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        try:
            line.decode("gb18030")
        except UnicodeDecodeError:
            return ""
        return "gb18030"
    return "utf-8" if any(c >= "\u0800" for c in text) else "either"


def _check_one_encoding(path: Path, name: str) -> None:
    """GB18030 takes most UTF-8 text for (wrong) characters: look line by line."""
    with path.open("rb") as stream:
        if _by_line(stream.read(), name) != "gb18030":
            raise _mixed(name, 1)


def _decode(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="replace").removeprefix("\ufeff")


def _delimiter(text: str) -> str:
    line = next((part for part in text[:MAX_HEADER_BYTES].splitlines() if part.strip()), "")
    bare = "".join(part for i, part in enumerate(line.split('"')) if i % 2 == 0)
    counts = {d: bare.count(d) for d in (",", "\t", ";", "|")}
    return max(counts, key=lambda d: counts[d]) if any(counts.values()) else ","


def _first_rows(text: str, delimiter: str, count: int, name: str) -> list[list[str]]:
    csv.field_size_limit(MAX_HEADER_BYTES)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) >= count:
                break
    except csv.Error as error:
        raise bad_file(
            name,
            "这一行读不下去，多半是引号没有成对。",
            "请检查双引号是否成对，或重新导出。",
            row=len(rows) + 1,
        ) from error
    return rows


def _too_wide(name: str, count: int | None = None) -> Problem:
    found = f"有 {count} 列，" if count else "特别长，"
    return bad_file(
        name,
        f"表头{found}最多支持 {MAX_COLUMNS} 列。",
        "请确认分隔符和换行是否正确，只导出需要的列后再上传。",
        row=1,
    )


def _mixed(name: str, row: int) -> Problem:
    return bad_file(
        name,
        "这一行的文字编码与其他行不同，文件里混用了多种编码。",
        "请在来源系统重新导出，或用同一种编码（UTF-8 或 GB18030）另存后再上传。",
        row=row,
    )
