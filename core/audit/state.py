"""How the record stands: what waits for its seal, the head and its copies, and when it was last verified."""

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from core.audit import heads
from core.audit.models import Head
from core.audit.sealer import seal_pending, unsealed
from core.audit.verify import Report, verify
from core.kernel import clock

#: A row that waits longer than this for its seal is a fault of the worker (seconds).
LATE = 300


def last_verify_file() -> Path:
    """Where the last verification is noted: a file, because `verify` runs also where nothing may be written."""
    return Path(settings.HOME) / "last-verify.json"


def verify_and_note(*, using: str = "default") -> Report:
    """Verify the whole log and note how it ended. A data folder that cannot be written changes nothing in the answer."""
    report = verify(using=using)
    first = report.first
    said = {
        "at": clock.now().isoformat(timespec="seconds"),
        "ok": report.ok,
        "size": report.size,
        "root": report.root,
        "text": _whole(report) if report.ok else (first.text if first else ""),
    }
    target = last_verify_file()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
    return report


def seal_all(patience: float = 120) -> int:
    """Seal what waits, also beside another sealer, so that a verification covers it; how many rows still wait.

    Gives up after `patience` seconds: what is written faster than it is sealed waits for the next time.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if not seal_pending():
            if not unsealed()[0]:
                return 0
            time.sleep(0.2)  # another process holds the lease
    return unsealed()[0]


def _whole(report: Report) -> str:
    waiting = f"核对时另有 {report.unsealed} 条等待封存，下次核对。" if report.unsealed else ""
    if not report.size:
        return f"还没有封存的记录可以核对。{waiting}"
    return f"已封存的 {report.size} 条逐条核对，完整。{waiting}"


def last_verify() -> dict[str, Any] | None:
    """{at, ok, size, root, text} of the last verification; None when there was none."""
    try:
        found = json.loads(last_verify_file().read_text(encoding="utf-8"))
        datetime.fromisoformat(found["at"])
        return {name: found[name] for name in ("at", "ok", "size", "root", "text")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def summary() -> dict[str, Any]:
    """{unsealed, last_seal, last_verify, head, copies}: for the record page, the status page and /health."""
    count, oldest = unsealed()
    age = round((clock.now() - oldest).total_seconds(), 1) if oldest else 0
    newest = Head.objects.order_by("-id").first()
    return {
        "unsealed": {"rows": count, "oldest_seconds": max(0, age)},
        "last_seal": newest.at.isoformat() if newest else None,
        "last_verify": last_verify(),
        "head": {"size": newest.size, "root": newest.root, "key": newest.key} if newest else None,
        "copies": copies(newest),
    }


def copies(newest: Head | None) -> list[dict[str, Any]]:
    """The places of the head beside the database: {where, at, agrees, text}."""
    size = heads.last_filed_size()
    agrees = size == (newest.size if newest else 0)
    found = [
        {
            "where": "数据目录 log-heads.jsonl",
            "at": newest.at.isoformat() if newest and agrees else None,
            "agrees": agrees,
            "text": "" if agrees else f"记到 {size} 条，数据库记到 {newest.size if newest else 0} 条",
        }
    ]
    if state := heads.copy_state():
        found.append({key: state[key] for key in ("where", "at", "agrees", "text")})
    return found


def health() -> str:
    """ "" when the copy of the heads agrees and is written, else a Chinese sentence."""
    state = heads.copy_state()
    if state is None or (state["agrees"] and state["lags"] < 100):
        return ""
    return f"{state['text']}（{state['where']}）"
