"""Find out by content, never by name, what a file is."""

import zipfile
from pathlib import Path

from core.kernel.errors import Problem
from core.lake.readers.shape import bad_file

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NAMES = {
    "csv": "文本表格（CSV）",
    "xlsx": "Excel 工作簿",
    "xls": "Excel 97–2003 工作簿",
    "parquet": "Parquet 文件",
}
SUFFIXES = {
    "csv": {".csv", ".txt", ".tsv"},
    "xlsx": {".xlsx", ".xlsm"},
    "xls": {".xls"},
    "parquet": {".parquet", ".pq"},
}

#: Limits of an Excel file, bytes: a sheet of a million rows and fifteen columns is about 700 MB unpacked.
MAX_UNPACKED = 1024**3
MAX_RATIO = 200
RATIO_FLOOR = 20 * 1024**2
MAX_PARTS = 2000


def sniff(path: Path, name: str) -> str:
    """csv, xlsx, xls or parquet. Raises Problem for an empty file or anything else."""
    size = path.stat().st_size
    if size == 0:
        raise bad_file(name, "文件是空的。", "请确认导出是否完成，重新导出后再上传。")
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:8] == OLE:
        return "xls"
    if head[:4] == b"PK\x03\x04":
        _check_zip(path, name)
        return "xlsx"
    if head[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff") or (
        b"\x00" in head and head[:2] not in (b"\xff\xfe", b"\xfe\xff")
    ):
        raise bad_file(name, "这不是表格文件。", "请上传 CSV、Excel（xlsx、xls）或 Parquet 文件。")
    if head[:4] in (b"%PDF", b"Rar!", b"7z\xbc\xaf") or head[:2] == b"\x1f\x8b":
        raise bad_file(name, "这不是表格文件。", "请先解压或转换为 CSV、Excel（xlsx、xls）或 Parquet 文件。")
    return "csv"


def misnamed(kind: str, name: str) -> str:
    """A note if the name's ending says something else than the content, or nothing."""
    suffix = Path(name).suffix.lower()
    told = next((k for k, endings in SUFFIXES.items() if suffix in endings), None)
    if told is None or told == kind:
        return ""
    return f"文件名以 {suffix} 结尾，内容其实是{NAMES[kind]}，已按内容读取。"


def _check_zip(path: Path, name: str) -> None:
    """Refuse a bomb before anything is unpacked, and a file cut or damaged: each part is read once, its sum compared."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            _check_sizes(parts, name)
            if not any(p.filename == "xl/workbook.xml" for p in parts):
                raise bad_file(name, "这是压缩包，不是 Excel 文件。", "请解压后逐个上传其中的表格。")
            for part in parts:
                with archive.open(part) as stream:
                    while stream.read(1024 * 1024):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError, ValueError) as error:
        raise damaged(name) from error
    except Exception as error:
        if type(error).__module__ in {"zlib", "lzma", "struct"}:
            raise damaged(name) from error
        raise


def damaged(name: str, sheet: str | None = None) -> Problem:
    """The problem for a file cut in the middle or damaged."""
    return bad_file(
        name, "文件不完整或已损坏，可能在传输中被截断。", "请重新导出，并核对文件大小后再上传。", sheet=sheet
    )


def _check_sizes(parts: list[zipfile.ZipInfo], name: str) -> None:
    unpacked = sum(p.file_size for p in parts)
    packed = max(sum(p.compress_size for p in parts), 1)
    if (
        len(parts) > MAX_PARTS
        or unpacked > MAX_UNPACKED
        or (unpacked > RATIO_FLOOR and unpacked / packed > MAX_RATIO)
    ):
        raise bad_file(
            name,
            f"解压后约 {unpacked // 1024**2} MB，是文件大小的 {unpacked // packed} 倍，超出安全限度，没有读取。",
            "请改为导出 CSV，或拆分成较小的工作簿后再上传。",
        )
