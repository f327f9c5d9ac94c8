"""Checking all frozen tables: their own hash, the hash that the sealed log holds, the hash their successor names."""

import json
from typing import Any

from core.audit.models import Event
from core.publications.domain.freeze import EVENT
from core.publications.domain.show import verify
from core.publications.models import Snapshot

OWN = "内容与校验值不一致"
LOG = "校验值与审计记录中的不一致"
NO_LOG = "审计记录中没有这次冻结"
CHAIN = "后一版记下的校验值与这一版的不一致"
GONE = "审计记录中有这次冻结，但内容已不在"


def check_all(hospital: Any = None) -> list[dict[str, Any]]:
    """One entry a frozen table: {hospital, uid, title, version, sha256, problems}; also what the log knows and is gone."""
    rows, events = Snapshot.unscoped.all(), Event.objects.filter(kind=EVENT)
    if hospital is not None:
        rows, events = rows.filter(hospital=hospital), events.filter(hospital=hospital.id)
    logged = dict(events.values_list("subject_uid", "data"))
    named = {
        replaced: _replaced(basis)
        for replaced, basis in rows.exclude(replaces=None).values_list("replaces_id", "basis")
    }
    found = []
    for one in rows.select_related("hospital", "replaces").order_by("hospital_id", "id").iterator(100):
        known = logged.pop(str(one.uid), None)
        problems = [
            text
            for wrong, text in (
                (not verify(one), OWN),
                (known is None, NO_LOG),
                (known is not None and known.get("sha256") != one.sha256, LOG),
                (one.pk in named and named[one.pk] != one.sha256, CHAIN),
            )
            if wrong
        ]
        found.append(_entry(one.hospital.slug, str(one.uid), one.title, one.version, one.sha256, problems))
    found += [
        _entry(
            "",
            uid,
            str(data.get("kind", "")),
            int(data.get("version", 0)),
            str(data.get("sha256", "")),
            [GONE],
        )
        for uid, data in sorted(logged.items())
    ]
    return found


def _entry(
    hospital: str, uid: str, title: str, version: int, sha256: str, problems: list[str]
) -> dict[str, Any]:
    return {
        "hospital": hospital,
        "uid": uid,
        "title": title,
        "version": version,
        "sha256": sha256,
        "problems": problems,
    }


def _replaced(basis: str) -> str | None:
    try:
        return json.loads(basis).get("replaces")
    except (ValueError, AttributeError):
        return None
