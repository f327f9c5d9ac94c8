"""What goes into an archive, named by the database's copy and by nothing else; and what must fit on the way back."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.db.models import FileField

from core.audit.heads import head_file
from core.audit.models import Head
from core.files.models import StoredFile
from core.keeping.database import Snapshot, quoted
from core.lake.models import MonthVersion
from core.vault.keys import key_ids

ABOUT = "about.json"
MANIFEST = "manifest.json"
HEADS = "log-heads.jsonl"
#: Folders of the data folder that an archive fills.
FOLDERS = ("lake", "files", "media")
#: Keys without which restored data cannot be read or verified; the archive's own key is not among them.
OWN_KEY = "backup"


@dataclass(frozen=True)
class Wanted:
    """One file the database names: its place in the archive and below the data folder, size and hash if known."""

    name: str
    sha256: str | None = None
    size: int | None = None

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(settings.HOME) / self.name


def wanted(found: Snapshot) -> Iterator[Wanted]:
    """Month files, then blobs, then pictures and documents of the pages: exactly what the rows name, once each."""
    versions, stored = quoted(MonthVersion._meta.db_table), quoted(StoredFile._meta.db_table)
    for path, digest, size in found.rows(f"SELECT path, sha256, size FROM {versions} ORDER BY path"):
        yield Wanted(f"lake/{path}", digest, size)
    for digest, size in found.rows(f"SELECT sha256, max(size) FROM {stored} GROUP BY sha256 ORDER BY sha256"):
        yield Wanted(f"files/{digest[:2]}/{digest}", digest, size)
    for name in sorted(_uploaded(found)):
        yield Wanted(f"media/{name}")


def head_of(found: Snapshot) -> dict[str, Any] | None:
    """The newest signed head in the copy."""
    rows = found.rows(
        f"SELECT size, root, key, signature FROM {quoted(Head._meta.db_table)} ORDER BY id DESC LIMIT 1"
    )
    return next(({"size": s, "root": r, "key": k, "signature": g} for s, r, k, g in rows), None)


def head_lines(size: int) -> bytes:
    """The second place of the log up to a head: later lines belong to later states of the database."""
    try:
        lines = head_file().read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return b""
    kept = []
    for line in lines:
        try:
            if json.loads(line)["size"] > size:
                break
        except (ValueError, KeyError, TypeError):
            pass  # a line cut by a power loss stays where it is
        kept.append(line)
    return b"".join(kept)


def migrations(found: Snapshot) -> list[str]:
    """Migrations that the copy has behind it, `app.name`."""
    return sorted(f"{app}.{name}" for app, name in found.rows("SELECT app, name FROM django_migrations"))


def unknown_migrations(names: list[str]) -> list[str]:
    """Those that this program does not have."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    return sorted(set(names) - known)


def needed_keys() -> list[str]:
    """Ids of all keys at hand but the archive's own: what must be there again for the data to be read."""
    return [one for one in key_ids() if one.partition("-")[0] != OWN_KEY]


def program_version() -> str:
    """The version of the program."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def is_safe(name: str) -> bool:
    """Whether a member of an archive may be written: a plain path below one of our folders, or one of our files."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name or "\0" in name:
        return False
    return path.parts[0] in FOLDERS and len(path.parts) > 1


def _uploaded(found: Snapshot) -> set[str]:
    """Names in the file columns of all models (pictures, documents)."""
    tables, names = set(found.tables()), set()
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.proxy or meta.db_table not in tables:
            continue
        for field in meta.local_fields:
            if isinstance(field, FileField):
                column = quoted(field.column)
                names |= {
                    row[0] for row in found.rows(f"SELECT DISTINCT {column} FROM {quoted(meta.db_table)}")
                }
    return {name for name in names if name and is_safe(f"media/{name}")}
