"""The bytes that are hashed: canonical JSON, the same on every machine and database."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from core.publications.models import Snapshot

#: Fields of the header besides hospital and what is replaced. Whatever is added here changes every hash: never do it.
HEADER = (
    "kind",
    "title",
    "method",
    "note",
    "period",
    "n",
    "data_class",
    "audience",
    "version",
    "reason",
    "frozen_by",
)


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, decimals and dates as texts. Raises TypeError for a float: it has no one text."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(snapshot: Snapshot) -> str:
    """SHA-256 over header, columns, rows and basis exactly as stored."""
    header = {name: getattr(snapshot, name) for name in HEADER} | {
        "uid": str(snapshot.uid),
        "hospital": str(snapshot.hospital.uid),
        "frozen_at": snapshot.frozen_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "replaces": str(snapshot.replaces.uid) if snapshot.replaces else None,
    }
    parts = (canonical(header), snapshot.columns, snapshot.rows, snapshot.basis)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} has no canonical form; give a Decimal or a text")
