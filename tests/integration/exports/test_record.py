"""The audit administrator's pages, and the question asked before much or secret data is shown."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from core.audit import bulk
from core.audit.events import read_event
from core.audit.models import Event, ReadingDay
from core.jobs.registry import get_kind
from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.org.models import Person
from core.resources import reading, registry
from core.resources.model_source import ModelSource
from core.resources.spec import Field, ResourceSpec
from core.resources.specs_org import persons_of
from tests.integration.exports.conftest import BY, KEY, Desk

pytestmark = pytest.mark.django_db


def filter_of(op: str, field: str, value: str) -> str:
    """A filter for the address."""
    return quote(json.dumps({"op": op, "args": [{"field": field}, {"value": value}]}))


def test_who_read_what_when_and_why(desk: Desk) -> None:
    why = quote("核对举报 2026-3")
    person = desk.world.user("leader").person
    assert (
        desk.client("inspector")
        .get(f"/api/v1/h/binjiang/resources/{KEY}/rows/{person.uid}", headers={"X-Read-Reason": why})
        .status_code
        == 200
    )
    assert desk.get("pharmacy", f"/resources/{KEY}/rows").status_code == 200
    listed = desk.get("audit_admin", "/resources/audit.reading/rows").json()["rows"]
    mine = [row["values"] for row in listed if row["values"]["subject_type"] == KEY]
    assert [one["label"] for one in mine] == [
        desk.world.user(role).person.name for role in ("pharmacy", "inspector")
    ]
    assert mine[1]["subject_uid"] == str(person.uid) and mine[1]["reason"] == "核对举报 2026-3"
    assert mine[0]["what"] == "列表" and not mine[0]["reason"]
    assert int(mine[0]["rows"]) > 1 and mine[0]["thing"] == "样表"
    where = filter_of("eq", "subject_uid", str(person.uid))
    found = desk.get("audit_admin", f"/resources/audit.reading/rows?where={where}").json()["rows"]
    assert [row["values"]["subject_uid"] for row in found] == [str(person.uid)]
    name = filter_of("contains", "label", mine[0]["label"])
    assert desk.get("audit_admin", f"/resources/audit.reading/rows?where={name}").json()["rows"]
    uid = listed[0]["uid"]
    assert desk.get("audit_admin", f"/resources/audit.reading/rows/{uid}").status_code == 200
    assert Event.objects.filter(kind="read", subject_type="audit.reading").exists(), "the reader is read too"
    for role in ("inspector", "hospital_admin", "system_admin", "security_admin", "leader"):
        for path in ("/resources/audit.reading/rows", "/resources/audit.event/rows", "/record/summary"):
            assert desk.get(role, path).status_code == 404, (role, path)
    events = desk.get("audit_admin", "/resources/audit.event/rows")
    assert events.status_code == 200


def test_secret_data_and_many_rows_want_a_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    path = f"/resources/{KEY}/rows"
    settings.REASON_ROWS = 1
    asked = desk.get("inspector", path)
    assert asked.status_code == 428
    assert asked.json()["code"] == "reason_needed" and "理由" in asked.json()["data"]["question"]
    before = Event.objects.filter(kind="read").count()
    for bad in ("看", "字" * 201, "有\u0007控制符的理由"):
        sent = {"X-Read-Reason": quote(bad)}
        assert desk.client("inspector").get(f"/api/v1/h/binjiang{path}", headers=sent).status_code == 422
    assert Event.objects.filter(kind="read").count() == before, "nothing was shown, nothing recorded"
    sent = {"X-Read-Reason": quote("季度抽查")}
    assert desk.client("inspector").get(f"/api/v1/h/binjiang{path}", headers=sent).status_code == 200
    assert Event.objects.filter(kind="read", data__reason="季度抽查").count() == 1
    settings.REASON_ROWS = 200
    spec = ResourceSpec(
        key=KEY, label="样表", data_class=3, fields=(Field("name", "姓名", data_class=4),), export=True
    )
    registry.register(spec, ModelSource(Person, label="name", base=persons_of))
    # the probe's policy shows class 3 alone, so class 4 is masked and nothing is asked
    assert desk.get("inspector", path).json()["rows"][0]["masked"] == ["name"]
    monkeypatch.setattr(reading.Rights, "sensitive", lambda self, rows, data_class=3: True)
    answer = desk.get("inspector", path + "?limit=1")
    assert answer.status_code == 428 and "机密" in answer.json()["detail"]


def test_much_more_than_usual_is_told(desk: Desk) -> None:
    hospital, inspector = desk.world.hospital(), desk.world.principal("inspector")
    day = clock.today()
    with hospital_scope(hospital), acting(BY):
        for back in range(1, 6):
            ReadingDay.objects.create(
                hospital=hospital,
                day=day - timedelta(days=back),
                actor=str(inspector.actor),
                label=inspector.label,
                lookups=50,
                usual=0,
                limit=100,
            )
    for _ in range(3):
        read_event(inspector, KEY, "*", what="列表", rows=50)
    count = get_kind("audit.bulk")
    assert count is not None

    class Context:
        actor = BY

    Context.hospital = hospital  # type: ignore[attr-defined]
    assert count.run(Context()) == {"over": 0}, "150 is three times 50, not more"  # type: ignore[arg-type]
    read_event(inspector, KEY, "one", what="详情", rows=1)
    assert count.run(Context()) == {"over": 1}  # type: ignore[arg-type]
    assert count.run(Context()) == {"over": 0}, "told once"  # type: ignore[arg-type]
    (row,) = desk.get("audit_admin", "/resources/audit.bulk/rows").json()["rows"]
    assert (row["values"]["lookups"], row["values"]["usual"], row["values"]["limit"]) == (151, 50, 150)
    assert row["values"]["label"] == inspector.label
    page = desk.get("audit_admin", f"/resources/audit.bulk/rows/{row['uid']}").json()
    source = next(p for p in page["panels"] if p["kind"] == "table")["source"]["url"]
    assert len(desk.client("audit_admin").get(source).json()["rows"]) == 4
    sent = {"uid": row["uid"], "expected_version": row["version"], "values": {"note": "季度抽查，属实"}}
    assert desk.post("audit_admin", "/resources/audit.bulk/commands/check", sent).status_code == 200
    assert desk.post("leader", "/resources/audit.bulk/commands/check", sent).status_code == 404
    days = desk.get("audit_admin", "/record/summary").json()["days"]
    assert days[0] == {"day": day.isoformat(), "reads": 151, "bulk": 1}
    assert bulk.FLOOR == 100
