"""Making a backup while web and worker go on: copy of the database first, then exactly the files that it names."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from django.conf import settings

from core.audit.events import record
from core.keeping import contents, database, read, shelf
from core.keeping.archive import CHUNK, Seal
from core.keeping.contents import Wanted
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.disk import FULL, ensure_folder, fsync_folder
from core.kernel.errors import FieldError, Problem, Unavailable
from core.vault.keys import Key, KeyUnavailable, current_key, key_ids

Tick = Callable[[int, int, str], None]
#: An archive is as large as the files in it at most, and a little for itself (bytes).
MARGIN = 16 * 1024 * 1024


@dataclass
class Made:
    """A finished backup. `gaps` are files that the database names and the disk does not have as they were."""

    file: str
    size: int
    seconds: float
    files: int
    rows: int
    tables: int
    head: dict[str, Any] | None
    key: str
    keys: list[str]
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the job's result."""
        return asdict(self)


def make(
    folder: Path, *, kind: str = "manual", by: Actor, tick: Tick = lambda done, total, note: None
) -> Made:
    """A new archive in `folder`, read back before it gets its name.

    Raises Problem disk_full, refused (another one is at work) or unavailable; nothing is left behind then.
    """
    began, at = time.monotonic(), clock.now()
    key = _key()
    try:
        ensure_folder(folder)
    except OSError as error:
        raise Unavailable(f"备份目录 {folder} 不能建立：{error.strerror}。请检查路径和权限。") from error
    with shelf.alone(), shelf.workshop() as work:
        shelf.drop_stale_drafts(folder)
        final = shelf.new_name(folder, at, kind)
        draft = folder / f".{final.name}.part"
        try:
            shelf.note_draft(work, draft)
            tick(0, 0, "复制数据库")
            _room(Path(settings.HOME), _database_size(), "数据目录")
            with database.snapshot(work, lambda: tick(0, 0, "复制数据库")) as found:
                made = _write(found, draft, key, kind=kind, at=at, tick=tick)
            tick(0, 0, "读回核对")
            read.verify(draft, {key.id: key}, tick=lambda: tick(0, 0, "读回核对"))
            os.rename(draft, final)
            fsync_folder(folder)
        except OSError as error:
            if error.errno in FULL:
                raise _full() from error
            raise Unavailable(
                f"备份没有做成：{error.strerror}（{error.filename or folder}）。请检查后重试。"
            ) from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    made.file, made.size = str(final), final.stat().st_size
    made.seconds = round(time.monotonic() - began, 2)
    with acting(by):
        data = {"file": final.name, "size": made.size, "kind": kind, "gaps": len(made.gaps), "key": key.id}
        record("backup.made", "backup", final.name, data | {"head": (made.head or {}).get("size")})
    return made


def _write(found: database.Snapshot, draft: Path, key: Key, *, kind: str, at: datetime, tick: Tick) -> Made:
    gaps = [f"数据库自检：{line}" for line in database.sound(found.file)] if found.vendor == "sqlite" else []
    head, counts, files = contents.head_of(found), found.counts(), list(contents.wanted(found))
    digest = _hash_file(found.file)
    about: dict[str, Any] = {
        "format": 1,
        "made_at": at.isoformat(timespec="seconds"),
        "program": contents.program_version(),
        "migrations": contents.migrations(found),
        "database": {"vendor": found.vendor, "sha256": digest, "size": found.file.stat().st_size},
        "counts": counts,
        "head": head,
        "keys": contents.needed_keys(),
        "current_keys": {name: key_ids(name)[-1] for name in ("hmac", "cells", "log") if key_ids(name)},
    }
    total = found.file.stat().st_size + sum(one.size or 0 for one in files)
    _room(draft.parent, total, "备份目录")
    header = {"made_at": about["made_at"], "program": about["program"], "kind": kind}
    listed: list[dict[str, Any]] = []
    done = 0

    def put(name: str, stream: BinaryIO, size: int) -> str:
        nonlocal done
        source = _Counted(stream, lambda n: tick(done + n, total, name))
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(at.timestamp())
        try:
            tar.addfile(info, source)
        except OSError as error:
            if error.errno is None:  # tarfile's own: the file was shorter than its size said
                raise Unavailable(f"文件 {name} 在备份时变短了，备份没有做成。请查明原因后重试。") from error
            raise
        done += size
        listed.append({"name": name, "size": size, "sha256": source.digest.hexdigest()})
        return source.digest.hexdigest()

    with open(draft, "xb", opener=_private) as out:
        seal = Seal(out, key, header)
        packed = pa.CompressedOutputStream(pa.PythonFile(_Kept(seal), mode="w"), "zstd")
        tar = tarfile.open(mode="w|", fileobj=packed, bufsize=CHUNK, format=tarfile.PAX_FORMAT)  # noqa: SIM115
        text = _json(about)
        put(contents.ABOUT, io.BytesIO(text), len(text))
        with found.file.open("rb") as stream:
            put(found.member, stream, found.file.stat().st_size)
        lines = contents.head_lines((head or {}).get("size", 0))
        put(contents.HEADS, io.BytesIO(lines), len(lines))
        for one in files:
            if gap := _put_file(one, put):
                gaps.append(gap)
        text = _json({"files": listed, "gaps": gaps})
        put(contents.MANIFEST, io.BytesIO(text), len(text))
        tar.close()
        packed.close()
        seal.finish()
        out.flush()
        os.fsync(out.fileno())
    notes = _notes(about["keys"])
    return Made(
        "",
        0,
        0.0,
        len(listed) - 4,
        sum(counts.values()),
        len(counts),
        head,
        key.id,
        about["keys"],
        gaps,
        notes,
    )


def _put_file(one: Wanted, put: Callable[[str, BinaryIO, int], str]) -> str | None:
    """Into the archive; what is wrong with it, or None."""
    try:
        stream = one.path.open("rb")
    except FileNotFoundError:
        return f"{one.name}：磁盘上没有这个文件"
    except PermissionError:
        return f"{one.name}：没有读取权限"
    with stream:
        digest = put(one.name, stream, os.fstat(stream.fileno()).st_size)
    if one.sha256 and digest != one.sha256:
        return f"{one.name}：内容与登记的校验和不符"
    return None


class _Counted:
    """A stream that hashes what is read from it and tells how far it is."""

    def __init__(self, stream: BinaryIO, tell: Callable[[int], None]) -> None:
        self._stream, self._tell, self._done = stream, tell, 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        data = self._stream.read(size)
        self.digest.update(data)
        self._done += len(data)
        self._tell(self._done)
        return data


class _Kept(io.RawIOBase):
    """Passes writes on and outlives the compressor, which closes what it writes to."""

    def __init__(self, out: Seal) -> None:
        super().__init__()
        self._out = out

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """On to the sealing stream."""
        return self._out.write(data)


def _key() -> Key:
    try:
        return current_key(contents.OWN_KEY)
    except KeyUnavailable as error:
        raise Unavailable(f"备份密钥不能用：{error}") from error


def _notes(keys: list[str]) -> list[str]:
    from core.keeping.sealed_keys import unsealed

    if missing := unsealed(keys):
        return [
            f"有 {len(missing)} 把密钥还没有另行备份。没有密钥，这份备份无法恢复："
            "请执行 manage.py backup keys --to 文件，并与备份分开保管。"
        ]
    return []


def _database_size() -> int:
    live = database.connections["default"]
    return Path(live.settings_dict["NAME"]).stat().st_size if live.vendor == "sqlite" else 0


def _room(folder: Path, need: int, label: str) -> None:
    free = shutil.disk_usage(folder).free
    if need + MARGIN > free:
        raise _full(f"{label} {folder} 需要约 {_mb(need + MARGIN)} MB，只剩 {_mb(free)} MB。")


def _full(detail: str = "") -> Problem:
    cure = "请清理磁盘，或用 TO= 换一个目录后重试。"
    return Problem(
        "disk_full",
        f"磁盘空间不足，备份没有做成。{detail}{cure}原有的备份和数据没有变化。",
        507,
        [FieldError(message=detail or "磁盘空间不足。", cure=cure)],
    )


def _mb(size: int) -> int:
    return -(-size // 1_000_000)


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()


def _private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)
