"""The restore drill: the newest backup put back into an empty place by a process of its own, compared, put away again.

The child is the real `manage.py backup restore`, with the settings of this installation but another data folder (and,
for PostgreSQL, another, empty database). What it compares: rows of every table, the hash of every file, the head of the
log and the whole log. How it ended is kept as an event, which the status page shows.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from core.audit.events import record
from core.keeping import shelf
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import Problem, Refused

DRILLED = "backup.drilled"
#: A child that says nothing for this long is ended (seconds).
PATIENCE = 4 * 3600


@dataclass
class Drilled:
    """How a drill ended."""

    ok: bool
    file: str
    made_at: str = ""
    seconds: float = 0.0
    tables: int = 0
    rows: int = 0
    files: int = 0
    head: int = 0
    differences: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def drill(
    file: Path | None = None,
    *,
    by: Actor,
    keys: Path | None = None,
    database_url: str = "",
    place: Path | None = None,
) -> Drilled:
    """Restore `file` (the newest sound archive of the daily folder by default) in a scratch place and compare.

    `keys`: the sealed key file, whose pass phrase stands in QINGLIAN_KEYS_PASSPHRASE; without it the installation's own
    keys are used, and the drill does not prove that the keys could be had back. `database_url`: an empty PostgreSQL
    database, needed where this installation uses one. Raises Problem refused; a failed restore is an answer, not an error.
    """
    found = file or _newest()
    began = time.monotonic()
    vendor = connections["default"].vendor
    if vendor == "postgresql" and not database_url:
        raise Refused("演练需要一个空的 PostgreSQL 数据库：请用 --database-url 指明，绝不能是现用的那个。")
    if database_url and database_url == os.environ.get("QINGLIAN_DATABASE_URL"):
        raise Refused("演练不能用现用的数据库，请另建一个空的。")
    with tempfile.TemporaryDirectory(prefix="qinglian-drill-", dir=place) as scratch:
        home = Path(scratch) / "home"
        home.mkdir(mode=0o700)
        if keys is None:
            _copy_keys(home)
        answer = _restore(found, home, keys, database_url)
    done = Drilled(
        ok=bool(answer.get("ok")),
        file=found.name,
        made_at=str(answer.get("made_at", "")),
        seconds=round(time.monotonic() - began, 2),
        tables=int(answer.get("tables", 0)),
        rows=int(answer.get("rows", 0)),
        files=int(answer.get("files", 0)),
        head=int((answer.get("head") or {}).get("size", 0)),
        differences=list(answer.get("differences") or ([answer["detail"]] if answer.get("detail") else [])),
    )
    with acting(by):
        facts = done.as_json() | {"differences": done.differences[:10], "keys": "sealed" if keys else "own"}
        record(DRILLED, "backup", found.name, facts)
    return done


def _newest() -> Path:
    found = shelf.newest(shelf.entries(shelf.daily_folder()), clock.now())
    if found is None:
        raise Refused(f"目录 {shelf.daily_folder()} 里没有可用的备份，请先执行 manage.py backup make。")
    return Path(found.file)


def _copy_keys(home: Path) -> None:
    source = Path(settings.HOME) / "keys"
    target = home / "keys"
    target.mkdir(mode=0o700)
    for path in sorted(source.glob("*.key")):
        shutil.copy2(path, target / path.name)
        (target / path.name).chmod(0o600)


def _restore(file: Path, home: Path, keys: Path | None, database_url: str) -> dict[str, Any]:
    values = {name: value for name, value in os.environ.items() if name != "QINGLIAN_REDIS_URL"}
    values |= {"QINGLIAN_HOME": str(home), "QINGLIAN_BACKUP_DIR": str(home / "backups")}
    values.pop("QINGLIAN_HEAD_COPY", None)
    values.pop("QINGLIAN_DATABASE_URL", None)
    if database_url:
        values["QINGLIAN_DATABASE_URL"] = database_url
    command = [sys.executable, str(_program()), "backup", "restore", str(file.resolve()), "--json"]
    command += ["--keys", str(keys.resolve())] if keys else []
    try:
        ran = subprocess.run(
            command, cwd=_program().parent, env=values, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            "unavailable", "演练超过 4 小时没有完成，已停止。请检查磁盘和备份的大小。", 503
        ) from None
    try:
        return dict(json.loads(ran.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError):
        said = (ran.stderr or ran.stdout).strip().splitlines()
        return {"ok": False, "detail": said[-1] if said else "恢复没有给出结果"}


def _program() -> Path:
    return Path(__file__).resolve().parents[2] / "manage.py"
