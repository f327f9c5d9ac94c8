"""Keep a file and open it again. Blobs are written once, fsynced, and never changed."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings

from core.files.models import StoredFile
from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.kernel.disk import ensure_folder, fsync_folder, full_disk_is_a_problem
from core.kernel.errors import FieldError, NotFound, Problem
from core.kernel.ids import random_uid

#: Largest single file, bytes: ten million prescription lines as CSV are about 1 GB.
MAX_BYTES = 4 * 1024**3
CHUNK = 1024 * 1024


def store_stream(stream: Any, *, name: str, hospital: Any, by: Actor, **about: Any) -> StoredFile:
    """Keep what `stream` (has `chunks()` or `read(n)`) holds. `about`: kind, data_class, content_type, owner_type, owner_uid.

    Raises Problem too_large, or disk_full with nothing left behind.
    """
    return _store(_pieces(stream), name=name, hospital=hospital, by=by, about=about)


def store_bytes(data: bytes, *, name: str, hospital: Any, by: Actor, **about: Any) -> StoredFile:
    """Keep `data`; else like `store_stream`."""
    return _store([data], name=name, hospital=hospital, by=by, about=about)


def store_path(
    source: Path, *, name: str | None = None, hospital: Any, by: Actor, **about: Any
) -> StoredFile:
    """Keep a copy of a file on this machine; else like `store_stream`. Raises Problem if it cannot be read."""
    try:
        with source.open("rb") as stream:
            return _store(_pieces(stream), name=name or source.name, hospital=hospital, by=by, about=about)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise Problem(
            "bad_file",
            f"文件“{source.name}”打不开。",
            errors=[
                FieldError(
                    file=source.name,
                    message="文件不存在或没有读取权限。",
                    cure="请检查文件位置和读取权限后重试。",
                )
            ],
        ) from error


def get(uid: UUID | str, *, hospital: Any) -> StoredFile:
    """The file row. Raises NotFound for another hospital's, a retired one or none."""
    found = StoredFile.unscoped.filter(hospital_id=hospital.id, uid=uid, state="active").first()
    if found is None:
        raise NotFound("没有找到这个文件，或者您无权查看。")
    return found


@contextmanager
def open_file(file: StoredFile) -> Iterator[BinaryIO]:
    """The bytes, for reading. The caller has asked policy."""
    with path(file).open("rb") as stream:
        yield stream


def path(file: StoredFile) -> Path:
    """Where the blob lies. Raises Problem if it is gone (restore it from the backup)."""
    found = _blob(file.sha256)
    if not found.is_file():
        raise Problem(
            "unavailable", f"文件“{file.name}”的内容暂时无法读取，请联系系统管理员从备份恢复。", 503
        )
    return found


def claim(file: StoredFile, *, owner_type: str, owner_uid: UUID, by: Actor) -> None:
    """Hang the file on the thing whose rights decide who may open it."""
    with acting(by):
        StoredFile.unscoped.filter(pk=file.pk).update(owner_type=owner_type, owner_uid=owner_uid)
    file.owner_type, file.owner_uid = owner_type, owner_uid


def retire(file: StoredFile, *, by: Actor) -> None:
    """Take the file out of use; the blob stays until the retention rule purges it."""
    with acting(by):
        StoredFile.unscoped.filter(pk=file.pk).update(state="retired")
    file.state = "retired"


def purge(file: StoredFile, *, by: Actor) -> None:
    """Remove row and bytes for good; the record keeps that they were. Bytes that another row names stay.

    Only for kinds whose bytes nobody else may be about to store (exports: each holds its own number).
    """
    with acting(by):
        StoredFile.unscoped.filter(pk=file.pk).delete()
    if not StoredFile.unscoped.filter(sha256=file.sha256).exists():
        _blob(file.sha256).unlink(missing_ok=True)


def root() -> Path:
    """The folder of all blobs, rights 0700."""
    return ensure_folder(settings.HOME / "files")


def _store(
    pieces: Iterable[bytes], *, name: str, hospital: Any, by: Actor, about: dict[str, Any]
) -> StoredFile:
    clean = _clean(name)
    draft = ensure_folder(root() / "tmp") / random_uid().hex
    digest, size = hashlib.sha256(), 0
    try:
        with full_disk_is_a_problem(clean), open(draft, "xb", opener=_private) as out:
            for piece in pieces:
                size += len(piece)
                if size > MAX_BYTES:
                    raise Problem(
                        "too_large", f"文件“{clean}”超过 {MAX_BYTES // 1024**3} GB，请拆分后再上传。", 413
                    )
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        final = _blob(digest.hexdigest())
        with full_disk_is_a_problem(clean):
            ensure_folder(final.parent)
            os.replace(draft, final)
            fsync_folder(final.parent)
    finally:
        draft.unlink(missing_ok=True)
    with acting(by):
        return StoredFile.unscoped.create(
            hospital_id=hospital.id,
            name=clean,
            sha256=digest.hexdigest(),
            size=size,
            created_at=now(),
            created_by=by.label[:300],
            **about,
        )


def _pieces(stream: Any) -> Iterator[bytes]:
    if hasattr(stream, "chunks"):
        yield from stream.chunks()
        return
    while piece := stream.read(CHUNK):
        yield piece


def _clean(name: str) -> str:
    """The bare file name without path parts or control characters."""
    bare = name.replace("\\", "/").rsplit("/", 1)[-1]
    bare = "".join(c for c in bare if c.isprintable()).strip(" .")
    return bare[-200:] or "未命名"


def _blob(sha256: str) -> Path:
    return settings.HOME / "files" / sha256[:2] / sha256


def _private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)
