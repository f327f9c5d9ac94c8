"""A migrated SQLite database, made once and copied: 150 migrations cost every test process some twenty seconds.

Kept in `.pytest_cache`, named by a hash of all migrations, settings and pinned versions. Whoever uses a copy still runs
`migrate` on it, which then has nothing to do: an old copy could not hide a new migration. SQLite only.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".pytest_cache"


@dataclass
class Use:
    """One process's use of the template; `good` says that the database it made is whole."""

    good: bool = False


def template() -> Path:
    """Where the database of the present migrations is, or will be."""
    files = [
        path for place in ("core", "plugins", "search") for path in ROOT.glob(f"{place}/**/migrations/*.py")
    ]
    files += [*ROOT.glob("core/settings/*.py"), ROOT / "constraints.txt"]
    seen = hashlib.sha256()
    for path in sorted(files):
        seen.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return FOLDER / f"migrated-{seen.hexdigest()[:20]}.sqlite3"


def copy_to(database: Path) -> bool:
    """Put a migrated database there if one was made; False leaves the caller's `migrate` all the work."""
    if os.environ.get("QINGLIAN_DATABASE_URL") or not (kept := template()).exists():
        return False
    database.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, database)
    return True


@contextmanager
def used_for(database: Path) -> Iterator[Use]:
    """The block migrates `database`: a copy of the template, or the first, which becomes the template if `good`."""
    use, kept = Use(), template()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes at once: the second waits and copies
        if not kept.exists():
            yield use
            if use.good:
                _keep(database, kept)
            return
    shutil.copyfile(kept, database)
    yield use


def _keep(database: Path, kept: Path) -> None:
    new = kept.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(new)) as target:
        source.backup(target)
    for old in FOLDER.glob("migrated-*.sqlite3"):
        old.unlink()
    new.replace(kept)
