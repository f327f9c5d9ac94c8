"""From a row to the bytes that are hashed: canonical JSON, the same on both databases and after a move between them."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model

from core.audit.merkle import leaf_hash
from core.audit.models import Change, Event, Kind

Row = tuple[Any, ...]

MODELS: dict[str, type[Model]] = {Kind.CHANGE: Change, Kind.EVENT: Event}
_CHANGE_FIELDS = ("id", "table", "pk_text", "op", "at", "actor", "changes")
_EVENT_FIELDS = (
    "id",
    "uid",
    "kind",
    "subject_type",
    "subject_uid",
    "hospital",
    "at",
    "actor",
    "label",
    "data",
)
FIELDS: dict[str, tuple[str, ...]] = {Kind.CHANGE: _CHANGE_FIELDS, Kind.EVENT: _EVENT_FIELDS}


def hashes(kind: str, ids: Iterable[int], using: str) -> dict[int, bytes]:
    """Row id → leaf hash, of those rows that exist; at most some thousand ids."""
    found = MODELS[kind]._base_manager.using(using).filter(pk__in=list(ids)).values_list(*FIELDS[kind])
    return {row[0]: row_hash(kind, row) for row in found.iterator(chunk_size=2000)}


def row_hash(kind: str, row: Row) -> bytes:
    """Leaf hash of a row given as the values of FIELDS[kind]."""
    return leaf_hash(_SHAPES[kind](row))


def _change(row: Row) -> bytes:
    number, table, pk, op, at, actor, changes = row
    return _canonical(["change", number, table, pk, op, _instant(at), actor, changes])


def _event(row: Row) -> bytes:
    number, uid, kind, subject_type, subject_uid, hospital, at, actor, label, data = row
    return _canonical(
        [
            "event",
            number,
            str(uid),
            kind,
            subject_type,
            subject_uid,
            hospital,
            _instant(at),
            actor,
            label,
            data,
        ]
    )


_SHAPES: dict[str, Callable[[Row], bytes]] = {Kind.CHANGE: _change, Kind.EVENT: _event}


def _canonical(values: list[Any]) -> bytes:
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
