"""The one sealer: numbers what is not yet sealed, grows the tree from its frontier, signs the head, files it twice."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Exists, Max, OuterRef, Q

from core.audit.heads import append_heads, copy_heads, last_filed_size, signed_head
from core.audit.leaves import FIELDS, MODELS, row_hash
from core.audit.merkle import Frontier
from core.audit.models import Head, Leaf, Sealer
from core.kernel.ids import random_uid

LEASE = timedelta(seconds=60)
CHUNK = 500  # leaves a transaction: short enough for SQLite's one writer
SETTLE = timedelta(seconds=5)  # before an id gap on PostgreSQL counts as rolled back


class LogBroken(RuntimeError):
    """The sealer's own rows contradict each other: run `audit verify`."""


def seal_pending(limit: int = 5000, *, using: str = "default", full: bool = False) -> int:
    """Seal up to `limit` rows; how many it was. 0 too while another process holds the lease.

    `full` also looks below the settled ids (slow; finds rows a very long transaction left behind).
    Call it every few seconds. Raises LogBroken, KeyUnavailable.
    """
    sealer = _sealer(using)
    if not _pending(sealer, 1, using, full):
        _settle(sealer, using)
        _file(using)
        return 0
    token = _claim(using)
    if token is None:
        return 0
    try:
        sealer = _sealer(using)
        rows = _pending(sealer, limit, using, full)
        for start in range(0, len(rows), CHUNK):
            if not _seal_chunk(rows[start : start + CHUNK], token, using):
                return start
        _settle(_sealer(using), using)
        _file(using)
        return len(rows)
    finally:
        Sealer.objects.using(using).filter(lease_token=token).update(lease_token=None, lease_until=None)


def unsealed(using: str = "default") -> tuple[int, datetime | None]:
    """How many rows wait for their seal, and when the oldest was written."""
    count, oldest = 0, None
    for kind, model in MODELS.items():
        rows = model._base_manager.using(using).filter(~_sealed(kind, using))
        if found := rows.count():
            count += found
            first = rows.order_by("id").values_list("at", flat=True)[0]
            oldest = min(oldest, first) if oldest else first
    return count, oldest


def _sealer(using: str) -> Sealer:
    sealer = Sealer.objects.using(using).filter(pk=1).first()
    if sealer is None:
        if Leaf.objects.using(using).exists():
            raise LogBroken("审计封存进度丢失，而封存条目还在：请执行 manage.py audit verify")
        sealer, _ = Sealer.objects.using(using).get_or_create(pk=1)
    return sealer


def _claim(using: str) -> uuid.UUID | None:
    token, now = random_uid(), datetime.now(UTC)  # a lease is real time, whatever a test says the clock is
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    row = Sealer.objects.using(using).filter(free, pk=1)
    return token if row.update(lease_token=token, lease_until=now + LEASE) else None


def _sealed(kind: str, using: str) -> Exists:
    return Exists(Leaf.objects.using(using).filter(kind=kind, row=OuterRef("pk")))


def _pending(sealer: Sealer, limit: int, using: str, full: bool) -> list[tuple[str, tuple[Any, ...]]]:
    """(kind, values) of unsealed rows, oldest id first, changes before events."""
    found: list[tuple[str, tuple[Any, ...]]] = []
    for kind, model in MODELS.items():
        if len(found) == limit:
            break
        low = 0 if full else sealer.low.get(kind, 0)
        rows = model._base_manager.using(using).filter(~_sealed(kind, using), pk__gt=low).order_by("pk")
        found += [(kind, row) for row in rows.values_list(*FIELDS[kind])[: limit - len(found)]]
    return found


def _seal_chunk(rows: list[tuple[str, tuple[Any, ...]]], token: uuid.UUID, using: str) -> bool:
    """One transaction: leaves, frontier, head. False if the lease went to another sealer meanwhile."""
    sealer = _sealer(using)
    start = sealer.size
    frontier = Frontier(start, [bytes.fromhex(node) for node in sealer.frontier])
    leaves = []
    for number, (kind, row) in enumerate(rows, start):
        digest = row_hash(kind, row)
        frontier.append(digest)
        leaves.append(Leaf(number=number, kind=kind, row=row[0], hash=digest))
    now = datetime.now(UTC)
    head = signed_head(frontier.size, frontier.root(), now)
    low = _low_after(sealer, rows, using)
    with transaction.atomic(using=using):
        mine = Sealer.objects.using(using).filter(pk=1, lease_token=token, size=start)
        if not mine.update(
            size=frontier.size,
            frontier=[node.hex() for node in frontier.hashes],
            low=low,
            lease_until=now + LEASE,
        ):
            return False
        Leaf.objects.using(using).bulk_create(leaves)
        head.save(using=using)
    return True


def _low_after(sealer: Sealer, rows: list[tuple[str, tuple[Any, ...]]], using: str) -> dict[str, int]:
    """SQLite has one writer, so ids appear in order and all below the last sealed one are sealed."""
    low = dict(sealer.low)
    if connections[using].vendor == "sqlite":
        for kind, row in rows:
            low[str(kind)] = max(low.get(kind, 0), row[0])
    return low


def _settle(sealer: Sealer, using: str) -> None:
    """PostgreSQL: ids appear out of order. Note the highest ids seen and the transactions then running; once those
    have ended, and no unsealed row is left below, `low` may move up to the noted ids."""
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text"
        )
        oldest, following = (int(value) for value in cursor.fetchone())
    now, mark = datetime.now(UTC), sealer.mark
    if mark is None:
        ids = {}
        for kind, model in MODELS.items():
            ids[str(kind)] = model._base_manager.using(using).aggregate(top=Max("pk"))["top"] or 0
        if ids != {str(kind): sealer.low.get(kind, 0) for kind in MODELS}:
            new = {"ids": ids, "xmax": following, "at": now.timestamp()}
            Sealer.objects.using(using).filter(pk=1, mark__isnull=True).update(mark=new)
        return
    if oldest < mark["xmax"] or now.timestamp() - mark["at"] < SETTLE.total_seconds():
        return
    for kind, model in MODELS.items():
        low, top = sealer.low.get(kind, 0), mark["ids"][str(kind)]
        if model._base_manager.using(using).filter(~_sealed(kind, using), pk__gt=low, pk__lte=top).exists():
            return
    Sealer.objects.using(using).filter(pk=1, size=sealer.size).update(low=mark["ids"], mark=None)


def _file(using: str) -> None:
    """Copy to the file what the database has beyond it: also after a crash between the two."""
    newest = Head.objects.using(using).order_by("-id").first()
    if newest is None:
        return
    if newest.size > last_filed_size():
        append_heads(lambda filed: Head.objects.using(using).filter(size__gt=filed).order_by("id"))
    else:
        copy_heads()  # what could not be copied the last time
