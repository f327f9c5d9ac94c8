"""Numbers for the codes of sources: small on disk, quick to join, and a patient's code is nowhere in clear."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
from django.db import connection, transaction

from core.kernel.context import Actor, actor_scope
from core.lake.faults import point
from core.lake.models import LakeCode, LakeCodeSeries
from core.vault.hashes import hmac_texts

BATCH = 500  # rows in one write transaction: SQLite holds every other writer meanwhile
LOOK = 900  # below SQLite's old limit of parameters


def assign(
    hospital: Any, kind: str, codes: list[str], *, by: Actor, tick: Callable[[], None] = lambda: None
) -> pa.Table:
    """Arrow table (code, number): the known numbers, and new ones for new codes in the order given."""
    stored = _stored(kind, codes)
    series = LakeCodeSeries.objects.filter(hospital_id=hospital.id, kind=kind).first()
    expected = series.next_number if series else 1
    known = _known(hospital, kind, stored)
    fresh = [s for s in dict.fromkeys(stored) if s not in known]
    for start in range(0, len(fresh), BATCH):
        with actor_scope(by):
            added, expected = _add(hospital, kind, fresh[start : start + BATCH], expected)
        known |= added
        point("in_codes")
        tick()
    return pa.table(
        {"code": pa.array(codes, pa.string()), "number": pa.array([known[s] for s in stored], pa.int32())}
    )


def resolve(hospital: Any, kind: str, code: str) -> int | None:
    """The number of a code as the source writes it, or None."""
    (stored,) = _stored(kind, [code])
    return (
        LakeCode.objects.filter(hospital_id=hospital.id, kind=kind, code=stored)
        .values_list("number", flat=True)
        .first()
    )


def labels(hospital: Any, kind: str, numbers: Iterable[int]) -> dict[int, str]:
    """Number → what to show: the source's code, or “患者 17” (a patient's code is not kept)."""
    wanted = sorted({int(n) for n in numbers if n is not None})
    if kind == "patient":
        return {n: f"患者 {n}" for n in wanted}
    found: dict[int, str] = {}
    for start in range(0, len(wanted), LOOK):
        rows = LakeCode.objects.filter(
            hospital_id=hospital.id, kind=kind, number__in=wanted[start : start + LOOK]
        )
        found |= dict(rows.values_list("number", "code"))
    return found


def _stored(kind: str, codes: list[str]) -> list[str]:
    return hmac_texts("lake.patient", codes) if kind == "patient" else codes


def _known(hospital: Any, kind: str, stored: list[str]) -> dict[str, int]:
    rows = LakeCode.objects.filter(hospital_id=hospital.id, kind=kind)
    found: dict[str, int] = {}
    if len(stored) > 20 * LOOK:
        wanted = set(stored)
        pairs = rows.values_list("code", "number").iterator(chunk_size=10_000)
        return {code: number for code, number in pairs if code in wanted}
    for start in range(0, len(stored), LOOK):
        found |= dict(rows.filter(code__in=stored[start : start + LOOK]).values_list("code", "number"))
    return found


def _add(hospital: Any, kind: str, codes: list[str], expected: int) -> tuple[dict[str, int], int]:
    """Number a batch; the series row is locked, so that another import meanwhile waits and then finds these.

    `expected` is the next number as last seen: if it still stands, nobody else added codes since.
    """
    with transaction.atomic():
        LakeCodeSeries.objects.get_or_create(hospital_id=hospital.id, kind=kind)
        series = LakeCodeSeries.objects.select_for_update().get(hospital_id=hospital.id, kind=kind)
        known = {} if series.next_number == expected else _known(hospital, kind, codes)
        fresh = [code for code in codes if code not in known]
        numbered = dict(zip(fresh, range(series.next_number, series.next_number + len(fresh)), strict=True))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {LakeCode._meta.db_table} (hospital_id, kind, number, code) VALUES (%s, %s, %s, %s)",
                [(hospital.id, kind, number, code) for code, number in numbered.items()],
            )
        series.next_number += len(fresh)
        series.save(update_fields=["next_number"])
    return known | numbered, series.next_number
