"""`plugins.lock` in the data folder: what `manage.py plugins doctor` found. Settings read it and nothing else.

Without a lock every plugin with a sound manifest is taken (development, tests). With one, a plugin that is
quarantined, unknown to it, or (with QINGLIAN_PLUGIN_CHECKSUMS) changed since stays out, and the core starts.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from core.plugin_host.discover import survey
from core.plugin_host.manifest import Manifest

NAME = "plugins.lock"
OK, QUARANTINED = "ok", "quarantined"
AGAIN = "处理后请运行 manage.py plugins doctor，再重新启动。"


@dataclass(frozen=True)
class Standing:
    """A plugin as the last examination left it."""

    id: str
    name: str
    version: str
    package: str
    folder: str
    checksum: str
    verdict: str
    reason: str = ""
    cure: str = ""

    @property
    def usable(self) -> bool:
        """Whether the core may load it."""
        return self.verdict == OK


def standings(folders: Iterable[Path], home: Path, *, checksums: bool) -> dict[str, Standing]:
    """Every plugin that the lock knows (without a lock: that is installed), by id."""
    locked = read(home)
    if locked is None:
        found = survey(folders).sound.values()
        if not checksums:
            return {one.id: standing(one) for one in found}
        return {one.id: standing(one, "还没有检查过", "请运行 manage.py plugins doctor。") for one in found}
    kept = {}
    for one in locked.values():
        if not Path(one.folder, "plugin.toml").is_file():
            continue  # removed since
        if checksums and one.usable and checksum(Path(one.folder)) != one.checksum:
            changed = "文件在上次检查之后有改动，与 plugins.lock 记录的校验和不符"
            one = _out(one, changed, f"请确认改动的来源。{AGAIN}")
        kept[one.id] = one
    return kept


def unexamined(folders: Iterable[Path], known: Iterable[str]) -> list[Standing]:
    """Sound plugins that came after the last examination: not loaded until the next."""
    missing = {*known}
    return [
        standing(one, "安装之后还没有检查过", "请运行 manage.py plugins doctor，再重新启动。")
        for one in survey(folders).sound.values()
        if one.id not in missing
    ]


def standing(manifest: Manifest, reason: str = "", cure: str = "") -> Standing:
    """What an examination says of a plugin: sound without a reason."""
    folder = manifest.folder
    return Standing(
        manifest.id,
        manifest.name,
        manifest.version,
        manifest.package,
        str(folder),
        checksum(folder),
        QUARANTINED if reason else OK,
        reason,
        cure,
    )


def checksum(folder: Path) -> str:
    """SHA-256 over names and contents of the plugin's files, compiled ones left out."""
    seen = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            body = hashlib.sha256(path.read_bytes()).hexdigest()
            seen.update(f"{path.relative_to(folder).as_posix()}\0{body}\n".encode())
    return seen.hexdigest()


def read(home: Path) -> dict[str, Standing] | None:
    """The lock, or None when there is none. A damaged one trusts nobody: no plugin is loaded."""
    try:
        said = json.loads((home / NAME).read_text(encoding="utf-8"))
        wanted = {field.name for field in fields(Standing)}
        return {one["id"]: Standing(**{k: one[k] for k in wanted}) for one in said["plugins"]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(home: Path, found: Iterable[Standing], made_at: str) -> None:
    """Replace the lock in one step: a reader sees the old one or the new one."""
    body = {"made_at": made_at, "plugins": [asdict(one) for one in sorted(found, key=lambda one: one.id)]}
    new = home / f".{NAME}.{secrets.token_hex(4)}"
    with new.open("w", encoding="utf-8") as stream:
        json.dump(body, stream, ensure_ascii=False, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(home / NAME)


def _out(one: Standing, reason: str, cure: str) -> Standing:
    return Standing(**(asdict(one) | {"verdict": QUARANTINED, "reason": reason, "cure": cure}))
