"""The one export path from the asker's, the approver's and the administrator's side."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import Q

from core.audit.models import Event
from core.files.models import StoredFile
from core.jobs.models import Job, Outbox
from core.jobs.registry import get_kind
from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import acting
from core.org.models import Post
from core.policy.models import Delegation, Recusal
from core.policy.table import load_table
from core.policy.types import TypePolicy, register_type
from core.resources import export_rules
from core.resources.models import ExportRequest, Sequence
from tests.integration.exports.conftest import BY, KEY, WHY, Desk, bytes_of

pytestmark = pytest.mark.django_db
EXPORT = f"/resources/{KEY}/export"


def kinds(prefix: str) -> list[str]:
    return list(Event.objects.filter(kind__startswith=prefix).order_by("id").values_list("kind", flat=True))


def told(kind: str) -> int:
    """Events on their way to whoever listens."""
    return Outbox.objects.filter(kind=kind).count()


def test_sensitive_rows_want_a_purpose_and_a_second_person(desk: Desk) -> None:
    spec = desk.get("inspector", f"/resources/{KEY}").json()["export"]
    assert (spec["class"], spec["needs_purpose"], spec["needs_approval"]) == (3, True, True)
    assert spec["row_limit"] == 20_000 and {"value": "inspection", "label": "监督检查"} in spec["purposes"]
    refused = desk.post("inspector", EXPORT, {"where": None, "order": ""})
    assert refused.status_code == 422
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/purpose", "/purpose_text"}
    for purpose, text in (("fun", "核对人员与任职"), ("inspection", "看看"), ("inspection", "字" * 301)):
        answer = desk.post("inspector", EXPORT, {"purpose": purpose, "purpose_text": text})
        assert answer.status_code == 422, (purpose, text)
    assert not ExportRequest.unscoped.exists() and not Sequence.objects.exists()

    request = desk.ask()
    year = clock.today().year
    assert (request.state, request.number, request.job_uid) == ("waiting", f"DC{year}-00001", None)
    assert told("export.asked") == 1
    run_pending()
    assert not StoredFile.unscoped.filter(kind="export").exists()
    assert desk.take("inspector", request).status_code == 409
    assert kinds("export.") == ["export.asked"]


def test_nobody_approves_the_own_export_nor_without_the_right(desk: Desk) -> None:
    request = desk.ask("inspector")
    own = desk.decide("inspector", request)
    assert own.status_code == 409 and "自己" in own.json()["detail"]
    assert desk.decide("pharmacy", request).status_code == 403
    assert desk.decide("audit_admin", request).status_code == 403
    request.refresh_from_db()
    assert request.state == "waiting"
    assert desk.decide("leader", request).status_code == 200
    assert desk.decide("leader", request).status_code == 409, "twice"


def test_a_right_entrusted_by_the_asker_does_not_approve(desk: Desk) -> None:
    """The leader entrusts the own role to the pharmacist and asks: the pharmacist's consent is no second one."""
    world, today = desk.world, clock.today()
    leader, pharmacist = world.user("leader").person, world.user("pharmacy").person
    with acting(BY):
        Post.unscoped.create(
            hospital=world.hospital(), person=leader, role="inspector", starts_on=today - timedelta(days=1)
        )
        Delegation.unscoped.create(
            hospital=world.hospital(),
            giver=leader,
            receiver=pharmacist,
            role="leader",
            starts_on=today - timedelta(days=1),
            ends_on=today + timedelta(days=5),
            reason="出差",
        )
    request = desk.ask("leader")
    refused = desk.decide("pharmacy", request)
    assert refused.status_code == 409 and "委托" in refused.json()["detail"]
    other = desk.ask("inspector")
    assert desk.decide("pharmacy", other).status_code == 200


def test_one_download_then_gone_with_who_and_when(desk: Desk) -> None:
    request = desk.made()
    assert desk.take("leader", request).status_code == 404, "who approved does not get the file"
    assert desk.take("pharmacy", request).status_code == 404
    job = desk.get("inspector", f"/jobs/{request.job_uid}").json()
    assert job["state"] == "done" and job["href"].endswith(f"/exports/{request.uid}/download")
    assert desk.get("leader", f"/jobs/{request.job_uid}").status_code == 404
    assert desk.get("inspector", f"/files/{request.file_uid}/content").status_code == 404, "no way round"
    content = bytes_of(request)
    first = desk.take("inspector", request)
    assert first.status_code == 200 and b"".join(first.streaming_content) == content
    again = desk.take("inspector", request)
    assert again.status_code == 410
    said = again.json()
    name = desk.world.user("inspector").person.name
    assert said["code"] == "gone" and name in said["detail"] and said["data"]["by"] == name
    assert said["data"]["at"][:10] in (clock.now().isoformat()[:10], clock.today().isoformat())
    assert kinds("export.") == ["export.asked", "export.taken"]
    row = desk.get("audit_admin", f"/resources/exports.export/rows/{request.uid}").json()["row"]
    assert row["state"] == "taken" and row["values"]["purpose_text"] == WHY["purpose_text"]


def test_a_post_that_ended_meanwhile_gives_no_file(desk: Desk) -> None:
    request = desk.ask()
    assert desk.decide("leader", request).status_code == 200
    with acting(BY):
        Post.unscoped.filter(Q(role="inspector"), hospital=desk.world.hospital()).update(
            ends_on=clock.today() - timedelta(days=1)
        )
    run_pending()
    request.refresh_from_db()
    assert request.state == "failed" and "任职" in request.note
    assert Job.unscoped.get(uid=request.job_uid).state == "failed"
    assert not StoredFile.unscoped.filter(kind="export").exists()
    assert "export.refused" in kinds("export.")


def test_a_post_that_ended_after_it_was_made_gives_no_download(desk: Desk) -> None:
    request = desk.made("pharmacy")
    with acting(BY):
        Post.unscoped.filter(role="pharmacy", hospital=desk.world.hospital()).update(role="staff")
    assert desk.take("pharmacy", request).status_code in (403, 404)
    request.refresh_from_db()
    assert request.state == "ready", "not used up"


def test_rights_that_became_narrower_after_it_was_made_give_no_download(desk: Desk, tmp_path: Path) -> None:
    """The file holds what the former post showed: a post that shows less does not fetch it."""
    lines = [
        f"staff,{KEY},{action},hospital,*,{top},allow,test" for action, top in (("view", 2), ("export", 2))
    ]
    table = tmp_path / "narrow.csv"
    head = "role,type,action,relation,state,max_class,effect,note"
    try:
        table.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        load_table(table, "exports-narrow")
        request = desk.made("pharmacy")
        with acting(BY):
            held = Post.unscoped.filter(role="pharmacy", hospital=desk.world.hospital())
            moved = list(held.values_list("pk", flat=True))
            held.update(role="staff")
        assert desk.get("pharmacy", f"/resources/{KEY}/rows").status_code == 200, "still of the list"
        refused = desk.take("pharmacy", request)
        assert refused.status_code == 409 and "权限" in refused.json()["detail"]
        request.refresh_from_db()
        assert request.state == "ready", "not used up"
        with acting(BY):
            Post.unscoped.filter(pk__in=moved).update(role="pharmacy")
        assert desk.take("pharmacy", request).status_code == 200
    finally:
        table.write_text(head + "\n", encoding="utf-8")
        load_table(table, "exports-narrow")


def test_a_recusal_declared_after_it_was_made_gives_no_download(desk: Desk) -> None:
    """What one keeps away from lies in the file that was made before."""
    register_type(TypePolicy(KEY, "样表", 3, {"person": "id"}))
    request = desk.made("inspector")
    with acting(BY):
        Recusal.unscoped.create(
            hospital=desk.world.hospital(),
            person=desk.world.user("inspector").person,
            kind="person",
            subject_person=desk.world.user("leader").person,
            label="同事",
            reason="近亲属",
            starts_on=clock.today(),
        )
    refused = desk.take("inspector", request)
    assert refused.status_code == 409 and "权限" in refused.json()["detail"]


def test_refused_with_a_reason_and_withdrawn(desk: Desk) -> None:
    request = desk.ask()
    assert desk.decide("leader", request, "refuse").status_code == 422, "a reason is wanted"
    assert desk.decide("leader", request, "refuse", note="请缩小范围").status_code == 200
    page = desk.get("inspector", f"/resources/exports.export/rows/{request.uid}").json()
    assert page["row"]["state"] == "refused" and "请缩小范围" in page["panels"][0]["text"]
    gone = desk.take("inspector", request)
    assert gone.status_code == 410 and "未批准" in gone.json()["detail"]
    second = desk.ask()
    assert second.number.endswith("00002")
    assert desk.decide("leader", second, "withdraw").status_code in (403, 404)
    assert desk.decide("inspector", second, "withdraw").status_code == 200
    assert desk.decide("leader", second).status_code == 409


def test_files_go_when_their_time_is_over(desk: Desk) -> None:
    waiting, taken, left = desk.ask(), desk.made(), desk.made()
    assert desk.take("inspector", taken).status_code == 200
    blobs = [bytes_of(taken), bytes_of(left)]
    sweep = get_kind("resources.export_sweep")
    assert sweep is not None

    class Context:
        actor = BY

    with clock.turned(clock.now() + timedelta(hours=2)):
        assert sweep.run(Context()) == {"expired": 0, "closed": 0, "files": 1}  # type: ignore[arg-type]
        assert bytes_of(left) == blobs[1]
    later = clock.now() + export_rules.FILE_KEPT + timedelta(hours=1)
    with acting(BY):  # a session does not last as long as a file
        ExportRequest.unscoped.filter(pk=left.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    late = desk.take("inspector", left)
    assert late.status_code == 410 and "有效期" in late.json()["detail"]
    with clock.turned(later):
        assert sweep.run(Context()) == {"expired": 1, "closed": 0, "files": 1}  # type: ignore[arg-type]
    assert not StoredFile.unscoped.filter(kind="export").exists()
    with clock.turned(clock.now() + export_rules.WAITS + timedelta(hours=1)):
        assert sweep.run(Context())["closed"] == 1  # type: ignore[arg-type, index]
    waiting.refresh_from_db()
    assert waiting.state == "withdrawn" and "没有人批准" in waiting.note


def test_too_many_rows_are_told_and_one_key_asks_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Idempotency-Key": "k-1"}
    body = {"where": None, "order": "", **WHY}
    answers = [desk.post("inspector", EXPORT, body, **key).json() for _ in range(2)]
    assert answers[0] == answers[1] and ExportRequest.unscoped.count() == 1
    monkeypatch.setitem(export_rules.ROW_LIMIT, 3, 2)
    request = ExportRequest.unscoped.get()
    assert desk.decide("leader", request).status_code == 200
    run_pending()
    request.refresh_from_db()
    assert request.state == "failed" and "超过 2 行" in request.note


def test_what_was_asked_lies_sealed(desk: Desk) -> None:
    from django.db import connection

    where = {"op": "contains", "args": [{"field": "name"}, {"value": "王秘密"}]}
    request = desk.ask(where=where)
    with connection.cursor() as cursor:
        cursor.execute("SELECT asked, about FROM resources_exportrequest WHERE id = %s", [request.pk])
        cells = cursor.fetchone()
    assert all(cell.startswith("1:A256GCM:") and "王秘密" not in cell for cell in cells)
    page = desk.get("leader", f"/resources/exports.export/rows/{request.uid}").json()
    assert "王秘密" in page["row"]["values"]["about"]
    assert Event.objects.filter(kind="read", subject_type="exports.export").exists()
    assert desk.decide("leader", request).status_code == 200
    run_pending()
    request.refresh_from_db()
    assert request.state == "ready", request.note
    made = Event.objects.get(kind=f"{KEY}.export")
    assert made.data["filters"] == ["name"], "which fields, not what was looked for"
    said = [*Event.objects.values_list("data", flat=True), *Outbox.objects.values_list("data", flat=True)]
    assert "王秘密" not in json.dumps(said, ensure_ascii=False, default=str)
