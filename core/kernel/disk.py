"""Writing to disk so that a crash or a full disk leaves nothing half done."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.kernel.errors import FieldError, Problem

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def ensure_folder(folder: Path) -> Path:
    """Make the folder and its parents with rights 0700; an existing one keeps its own."""
    if not folder.is_dir():
        folder.parent.is_dir() or ensure_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def fsync_file(path: Path) -> None:
    """Force a file's content to disk."""
    _fsync(path, os.O_RDONLY)


def fsync_folder(folder: Path) -> None:
    """Force a rename or a new name in `folder` to disk."""
    _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def full_disk_is_a_problem(file: str = "") -> Iterator[None]:
    """Turn "no space", "quota" and "file too large" of the system into Problem disk_full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise disk_full(file) from error


def disk_full(file: str = "") -> Problem:
    """The problem a person reads when the disk is full."""
    cure = "请联系系统管理员清理磁盘空间，然后重新导入；已有数据没有变化。"
    return Problem(
        "disk_full",
        "服务器磁盘空间不足，本次没有写入任何数据。",
        507,
        [FieldError(file=file, message="磁盘空间不足。", cure=cure)],
    )


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
