"""Reading an archive from one end to the other: every chunk opened, every file hashed and held against the list."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from core.keeping import contents
from core.keeping.archive import CHUNK, Header, Open, newer_program, read_header
from core.keeping.database import MEMBERS
from core.kernel.errors import FieldError, Problem
from core.vault.keys import Key, KeyUnavailable, key_by_id

Keyring = Mapping[str, Key]
MAX_TEXT = 512 * 1024 * 1024


@dataclass
class Found:
    """What an archive holds, once it has been read to its end."""

    about: dict[str, Any]
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    @property
    def vendor(self) -> str:
        """Kind of database."""
        return str(self.about["database"]["vendor"])


def verify(path: Path, keyring: Keyring | None = None, *, tick: Callable[[], None] = lambda: None) -> Found:
    """Read everything, write nothing. Raises Problem bad_file or refused saying what is wrong and what to do."""

    def drop(name: str, pieces: Iterator[bytes]) -> None:
        for _ in pieces:
            tick()

    return walk(path, keyring or {}, lambda about: None, drop)


def walk(
    path: Path,
    keyring: Keyring,
    first: Callable[[dict[str, Any]], None],
    take: Callable[[str, Iterator[bytes]], None],
) -> Found:
    """`first(about)` before any file, `take(name, pieces)` for each; then the whole is held against its own list.

    `take` writes where nothing reads yet: only after `walk` has returned is anything of it true.
    """
    with _opened(path, keyring) as stream:
        try:
            return _walk(stream, first, take)
        except (tarfile.TarError, EOFError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise _inside(f"里面的结构读不通（{error}）") from error
        except OSError as error:
            if error.errno is None:  # the decompressor's
                raise _inside(f"里面的结构读不通（{error}）") from error
            raise


def key_for(header: Header, keyring: Keyring) -> Key:
    """The key an archive names: from the ring, else from this machine. Raises Problem refused without it."""
    if found := keyring.get(header.key):
        return found
    try:
        return key_by_id(header.key)
    except KeyUnavailable as error:
        raise Problem(
            "refused",
            f"这份备份用密钥 {header.key} 加密，本机没有能用的这把密钥（{error}）。"
            "请用 KEYS=密钥备份文件 指明密钥备份，或把这把密钥放回数据目录的 keys/ 后重试；现有数据没有改动。",
            409,
        ) from error


def _walk(
    stream: Any, first: Callable[[dict[str, Any]], None], take: Callable[[str, Iterator[bytes]], None]
) -> Found:
    found: Found | None = None
    manifest: dict[str, Any] | None = None
    seen: dict[str, dict[str, Any]] = {}
    with tarfile.open(mode="r|", fileobj=stream, bufsize=CHUNK) as tar:
        for member in tar:
            body = tar.extractfile(member) if member.isreg() else None
            if body is None or member.name in seen or manifest is not None:
                raise _inside(f"不应有的内容 {member.name!r}")
            digest = hashlib.sha256()
            pieces = _pieces(body, digest)
            if found is None:
                if member.name != contents.ABOUT:
                    raise _inside("缺少说明")
                found = Found(_known(json.loads(_text(member, pieces))))
                first(found.about)
            elif member.name == contents.MANIFEST:
                manifest = json.loads(_text(member, pieces))
            elif member.name in (MEMBERS[found.vendor], contents.HEADS) or contents.is_safe(member.name):
                take(member.name, pieces)
                for _ in pieces:
                    pass
            else:
                raise _inside(f"不应有的内容 {member.name!r}")
            seen[member.name] = {"size": member.size, "sha256": digest.hexdigest()}
    while stream.read(CHUNK):
        pass
    if found is None or manifest is None:
        raise _inside("缺少文件清单")
    listed = {one["name"]: {"size": one["size"], "sha256": one["sha256"]} for one in manifest["files"]}
    seen.pop(contents.MANIFEST)
    if listed != seen:
        raise _inside("内容与文件清单不符")
    if seen.get(MEMBERS[found.vendor], {}).get("sha256") != found.about["database"]["sha256"]:
        raise _inside("数据库与说明不符")
    found.files, found.gaps = seen, list(manifest["gaps"])
    return found


def _known(about: dict[str, Any]) -> dict[str, Any]:
    """Refuse what this program cannot take."""
    if about.get("format") != 1:
        raise newer_program(f"备份内容是第 {about.get('format')} 版")
    if unknown := contents.unknown_migrations(about["migrations"]):
        more = f" 等 {len(unknown)} 项" if len(unknown) > 3 else ""
        raise newer_program(
            f"本程序（{contents.program_version()}）没有数据表版本 {'、'.join(unknown[:3])}{more}，"
            f"备份由 {about['program']} 版制作；若是少装了插件，请先装上"
        )
    if about["database"]["vendor"] not in MEMBERS:
        raise newer_program("数据库种类不认得")
    return about


@contextmanager
def _opened(path: Path, keyring: Keyring) -> Iterator[Any]:
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise Problem(
            "bad_file", f"备份文件 {path} 打不开：{error.strerror}。请检查路径和读取权限。", 422
        ) from error
    with file:
        header = read_header(file)
        opened = Open(file, header, key_for(header, keyring), size=path.stat().st_size)
        # The decompressor may stop before the last chunk: what is left is read through, too.
        with pa.CompressedInputStream(pa.PythonFile(_Kept(opened), mode="r"), "zstd") as stream:
            yield stream
            opened.drain()


class _Kept(io.RawIOBase):
    """Passes reads on; the decompressor closes this one only."""

    def __init__(self, source: Open) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """From the opening stream."""
        return self._source.read(size)


def _pieces(body: Any, digest: Any) -> Iterator[bytes]:
    while piece := body.read(CHUNK):
        digest.update(piece)
        yield piece


def _text(member: tarfile.TarInfo, pieces: Iterator[bytes]) -> str:
    if member.size > MAX_TEXT:
        raise _inside("说明过大")
    return b"".join(pieces).decode()


def _inside(what: str) -> Problem:
    detail = f"备份文件的密文完好，但{what}。"
    cure = "请换用另一份备份，并把这份保留给系统管理员检查。"
    return Problem(
        "bad_file", f"{detail}{cure}现有数据没有改动。", 422, [FieldError(message=detail, cure=cure)]
    )
