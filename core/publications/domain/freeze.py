"""Freezing a table, and correcting one by a new version."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core.audit.events import record
from core.jobs.domain import emit
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import FieldError, Invalid, NotFound, Refused
from core.kernel.ids import new_uid
from core.org.models import Hospital
from core.publications.domain.canonical import canonical, fingerprint
from core.publications.domain.show import verify
from core.publications.models import Snapshot

EVENT = "publications.frozen"
MAX_ROWS = 2000


def freeze(
    kind: str,
    title: str,
    *,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    method: str,
    period: str,
    n: int,
    audience: str,
    data_class: int,
    basis: Mapping[str, Any],
    by: Actor,
    hospital: Any,
    replaces: Snapshot | None = None,
    reason: str = "",
    note: str = "",
) -> Snapshot:
    """Keep the table for good. A second one of the same kind and period is a correction: `replaces` the latest, `reason`.

    `columns`: {key, label, type}; a row has exactly these keys. Values are texts, whole numbers, Decimals, dates,
    booleans or None. Raises Refused (exists already, not the latest, replaced one damaged), Invalid (no reason).
    """
    _sound(columns, rows, audience, data_class)
    with acting(by):
        Hospital.objects.select_for_update().get(pk=hospital.id)  # two at once: the second sees the first
        newest = (
            Snapshot.unscoped.filter(hospital_id=hospital.id, kind=kind, period=period)
            .order_by("-version")
            .first()
        )
        _next(newest, replaces, reason)
        made = Snapshot(
            hospital_id=hospital.id,
            uid=new_uid(),
            version=newest.version + 1 if newest else 1,
            kind=kind,
            title=title,
            method=method,
            note=note,
            period=period,
            n=n,
            columns=canonical(columns),
            rows=canonical(rows),
            basis=canonical({**basis, "replaces": newest.sha256 if newest else None}),
            data_class=data_class,
            audience=audience,
            replaces=newest,
            reason=reason.strip(),
            frozen_at=clock.now(),
            frozen_by=by.label[:300],
        )
        made.sha256 = fingerprint(made)
        made.save(force_insert=True)
        facts = {
            "kind": kind,
            "period": period,
            "version": made.version,
            "sha256": made.sha256,
            "audience": audience,
        }
        record(EVENT, "publications.snapshot", made.uid, facts, hospital=hospital)
        emit(EVENT, {"uid": str(made.uid), **facts}, hospital=hospital, key=f"{EVENT}:{made.uid}")
    return made


def find(uid: UUID | str, *, hospital: Any) -> Snapshot:
    """The snapshot of this hospital. Raises NotFound. Whether a person may see it is policy's to say (`can`)."""
    try:
        wanted = UUID(str(uid))
    except ValueError:
        raise NotFound() from None
    found = (
        Snapshot.unscoped.select_related("hospital", "replaces")
        .filter(hospital_id=hospital.id, uid=wanted)
        .first()
    )
    if found is None:
        raise NotFound()
    return found


def _next(newest: Snapshot | None, replaces: Snapshot | None, reason: str) -> None:
    if newest is None and replaces is None:
        return
    if replaces is None:
        raise Refused("这一期已经冻结。如需更正，请说明原因，系统会另存新的一版，原来的一版保留。")
    if newest is None or replaces.pk != newest.pk:
        raise Refused("只能更正最新的一版。请刷新页面后重试。")
    if not reason.strip():
        raise Invalid("请填写更正原因。", [FieldError("/reason", "必须填写更正原因")])
    if len(reason.strip()) > 400:
        raise Invalid("更正原因过长。", [FieldError("/reason", "不能超过 400 个字")])
    if not verify(newest):
        raise Refused("原来的一版与冻结时不一致，不能在它上面更正。请联系系统管理员核查。")


def _sound(
    columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], audience: str, data_class: int
) -> None:
    """Faults of the calling code, never of a person."""
    keys = [column["key"] for column in columns]
    if len(set(keys)) != len(keys) or not keys:
        raise ValueError("a frozen table needs columns with different keys")
    if any(set(row) != set(keys) for row in rows):
        raise ValueError("each row has exactly the keys of the columns")
    if len(rows) > MAX_ROWS:
        raise ValueError(f"a frozen table has at most {MAX_ROWS} rows")
    if audience not in Snapshot.Audience.values or data_class not in (1, 2):
        raise ValueError("audience is public or internal, data class 1 or 2")
    if audience == Snapshot.Audience.PUBLIC and data_class != 1:
        raise ValueError("only data of class 1 may be public")
