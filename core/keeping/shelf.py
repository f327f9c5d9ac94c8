"""The folder of archives: names, list, pruning; and the lock that lets one backup or restore work at a time."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from core.keeping import swap
from core.keeping.archive import read_header
from core.kernel.disk import ensure_folder
from core.kernel.errors import Problem, Refused
from core.kernel.ids import random_uid

SUFFIX = ".qlbackup"
NAME = re.compile(r"qinglian-\d{8}T\d{6}Z-(daily|manual)(-\d+)?\.qlbackup")
#: A draft this old (seconds) belongs to a killed backup, ours or that of another installation on the same share.
STALE = 24 * 3600
#: In the workshop: the path of the draft that its backup writes.
DRAFT = "draft"
#: An archive dated later than this from now was made before the clock was set back.
SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Entry:
    """One archive as the list shows it, read from its header without a key. `problem`: it cannot be one of ours."""

    file: str
    size: int
    made_at: str = ""
    kind: str = ""
    key: str = ""
    program: str = ""
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def daily_folder() -> Path:
    """Where the daily backup goes: QINGLIAN_BACKUP_DIR."""
    return Path(settings.BACKUP_DIR)


def entries(folder: Path) -> list[Entry]:
    """The archives of a folder, newest first."""
    files = (
        sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name, reverse=True) if folder.is_dir() else []
    )
    return [entry(path) for path in files]


def entry(path: Path) -> Entry:
    """What one archive says of itself."""
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except Problem as problem:
        return Entry(str(path), path.stat().st_size, problem=problem.detail)
    except OSError as error:
        return Entry(str(path), 0, problem=f"读不了这个文件：{error.strerror}")
    said = {name: str(header.values.get(name, "")) for name in ("made_at", "kind", "program")}
    return Entry(str(path), path.stat().st_size, key=header.key, **said)


def new_name(folder: Path, at: datetime, kind: str) -> Path:
    """A free name; archives of one kind sort by age."""
    base = f"qinglian-{at:%Y%m%dT%H%M%SZ}-{kind}"
    path, number = folder / f"{base}{SUFFIX}", 1
    while path.exists():
        number += 1
        path = folder / f"{base}-{number}{SUFFIX}"
    return path


def newest(entries: list[Entry], now: datetime) -> Entry | None:
    """The sound archive that was made last. One dated in the future was made before the clock was set back."""
    sound = [(at, one) for one in entries if not one.problem and (at := made_at(one))]
    return max(sound, key=lambda pair: (pair[0] <= now + SKEW, pair[0]), default=(now, None))[1]


def made_at(one: Entry) -> datetime | None:
    """When it says that it was made; None when that is no instant."""
    try:
        at = datetime.fromisoformat(one.made_at)
    except ValueError:
        return None
    return at if at.tzinfo else None


def prune(folder: Path, keep: int, now: datetime) -> list[str]:
    """Remove daily archives but the newest `keep`; what was made by hand or elsewhere stays. Gives their names.

    Those dated in the future go first: they were made before the clock was set back, so they are older than any other.
    """
    daily = [
        path for path in folder.glob(f"*{SUFFIX}") if (m := NAME.fullmatch(path.name)) and m[1] == "daily"
    ]
    today = f"qinglian-{now + SKEW:%Y%m%dT%H%M%SZ}-~"
    old = sorted(daily, key=lambda path: (path.name < today, path.name), reverse=True)[keep:]
    for path in old:
        path.unlink(missing_ok=True)
    return [path.name for path in old]


def drop_stale_drafts(folder: Path) -> None:
    """Remove what killed backups left in `folder`."""
    for path in folder.glob(f".*{SUFFIX}.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def note_draft(work: Path, draft: Path) -> None:
    """Write down in the workshop which draft is ours: a killed backup's is then removed by the next run, however young."""
    (work / DRAFT).write_text(str(draft), encoding="utf-8")


def _drop_own_drafts(place: Path) -> None:
    for note in place.glob(f"*/{DRAFT}"):
        with suppress(OSError, ValueError):
            draft = Path(note.read_text(encoding="utf-8"))
            if draft.name.startswith(".") and draft.name.endswith(f"{SUFFIX}.part"):
                draft.unlink(missing_ok=True)


@contextmanager
def alone() -> Iterator[None]:
    """One backup or restore on a data folder at a time. Raises Problem refused."""
    path = Path(settings.HOME) / ".keeping.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("另一次备份或恢复正在进行，请等它结束后再试。") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def workshop() -> Iterator[Path]:
    """A private folder below the data folder, gone afterwards; leavings of killed runs go too. Only under `alone`.

    Raises Problem refused while a restore waits to be carried on: what it switches in lies here.
    """
    place = Path(settings.HOME) / ".keeping"
    if swap.plan_file().exists():
        raise Refused("上一次恢复在换入时中断：请再执行一次同样的恢复命令，它会先把上一次接着做完。")
    _drop_own_drafts(place)
    shutil.rmtree(place, ignore_errors=True)
    folder = ensure_folder(place / random_uid().hex)
    try:
        yield folder
    finally:
        if not swap.plan_file().exists():
            shutil.rmtree(place, ignore_errors=True)
