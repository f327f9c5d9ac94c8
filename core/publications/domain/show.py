"""Showing a frozen table: only when its bytes are those that were frozen."""

import json
from collections.abc import Callable
from typing import Any

from core.publications.domain.canonical import fingerprint
from core.publications.models import Snapshot

REFUSED = "这份排名的内容与冻结时的校验值不一致，可能被改动过，已停止显示。请联系系统管理员核查。"


#: Standings, keys of `Snapshot.STANDINGS`.
CURRENT, CORRECTED, ALTERED = "current", "corrected", "altered"


def verify(snapshot: Snapshot) -> bool:
    """Whether header, columns, rows and basis still give the stored hash. False for anything unreadable, never an error."""
    try:
        return fingerprint(snapshot) == snapshot.sha256
    except (TypeError, ValueError, AttributeError):
        return False


def shown(snapshot: Snapshot, *, href: Callable[[Snapshot], str] | None = None) -> dict[str, Any]:
    """What a page shows. With a hash that differs: `verified` false, `refused` says why, no columns and no rows.

    `href` gives the address of a version; its page on the site (`/h/<slug>/r/publications.snapshot/<uid>`) when None.
    """
    address = href or _address
    versions = chain(snapshot)
    sound = verify(snapshot)
    head: dict[str, Any] = {
        "uid": str(snapshot.uid),
        "kind": snapshot.kind,
        "title": snapshot.title,
        "method": snapshot.method,
        "period": snapshot.period,
        "n": snapshot.n,
        "note": snapshot.note,
        "frozen_at": snapshot.frozen_at.isoformat(),
        "frozen_by": snapshot.frozen_by,
        "sha256": snapshot.sha256,
        "version": snapshot.version,
        "reason": snapshot.reason,
        "audience": snapshot.audience,
        "current": versions[-1].pk == snapshot.pk,
        "verified": sound,
        "versions": [
            {
                "uid": str(one.uid),
                "version": one.version,
                "frozen_at": one.frozen_at.isoformat(),
                "sha256": one.sha256,
                "href": address(one),
                "reason": one.reason,
                "current": one.pk == versions[-1].pk,
            }
            for one in versions
        ],
    }
    if not sound:
        blank = {"title": "未通过校验的排名", "method": "", "period": "", "n": 0, "note": "", "reason": ""}
        return head | blank | {"refused": REFUSED, "columns": [], "rows": []}
    return head | {"columns": json.loads(snapshot.columns), "rows": json.loads(snapshot.rows)}


def chain(snapshot: Snapshot) -> list[Snapshot]:
    """All versions of this kind and period, the first one first."""
    return list(
        Snapshot.unscoped.select_related("hospital", "replaces")
        .filter(hospital_id=snapshot.hospital_id, kind=snapshot.kind, period=snapshot.period)
        .order_by("version")
    )


def latest(snapshot: Snapshot) -> Snapshot:
    """The version in use."""
    return chain(snapshot)[-1]


def state_of(snapshot: Snapshot, *, corrected: bool) -> str:
    """How it stands: altered beats all."""
    if not verify(snapshot):
        return ALTERED
    return CORRECTED if corrected else CURRENT


def _address(snapshot: Snapshot) -> str:
    return f"/h/{snapshot.hospital.slug}/r/publications.snapshot/{snapshot.uid}"
