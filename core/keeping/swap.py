"""Putting what was prepared beside into its place by renames, and finishing that after a crash.

Each part is switched by one rename, the database last: until then there is no database, so nothing runs on a
mixture. The plan lies on disk while it is carried out; whoever finds it (the next restore) carries it on.
"""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from core.kernel.disk import ensure_folder, fsync_folder


@dataclass(frozen=True)
class Part:
    """One thing to switch: prepared at `staged`, wanted at `target`; what lies there goes to `aside`."""

    staged: str
    target: str
    aside: str


def plan_file() -> Path:
    """The plan of a restore that is switching parts, or was when it was killed."""
    return Path(settings.HOME) / "restoring.json"


def switch(parts: Iterable[Part]) -> None:
    """Carry the switch out; the plan is on disk first."""
    text = json.dumps([asdict(part) for part in parts])
    draft = plan_file().with_suffix(".new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(plan_file())
    fsync_folder(plan_file().parent)
    carry_on()


def carry_on() -> bool:
    """Finish a switch that was begun; False if there is none. Harmless to repeat."""
    try:
        parts = [Part(**one) for one in json.loads(plan_file().read_text())]
    except FileNotFoundError:
        return False
    for part in parts:
        _switch(Path(part.staged), Path(part.target), Path(part.aside))
    plan_file().unlink()
    fsync_folder(plan_file().parent)
    return True


def _switch(staged: Path, target: Path, aside: Path) -> None:
    if not staged.exists():
        return  # switched before the crash
    for end in ("-wal", "-shm"):  # of a SQLite database
        _away(target.with_name(target.name + end), aside.with_name(aside.name + end))
    _away(target, aside)
    ensure_folder(target.parent)
    os.rename(staged, target)
    fsync_folder(target.parent)


def _away(target: Path, aside: Path) -> None:
    """Move it aside; an empty folder or file is nothing to keep."""
    if not target.exists():
        return
    if target.is_dir() and not any(path.is_file() for path in target.rglob("*")):
        shutil.rmtree(target)
    elif target.is_file() and not target.stat().st_size:
        target.unlink()
    else:
        ensure_folder(aside.parent)
        shutil.move(target, aside)
        fsync_folder(aside.parent)
