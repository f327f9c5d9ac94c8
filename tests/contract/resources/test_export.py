"""Export to Excel through the real job: rows, order, masks, harmless cells, record."""

import io

import pytest
import python_calamine
from django.db.models import Q

from core.audit.models import Event
from core.files.domain import open_file
from core.files.models import StoredFile
from core.jobs.models import Job
from core.jobs.testing import run_pending
from core.kernel.context import acting
from core.kernel.errors import Problem
from core.org.models import Post
from core.resources import gateway
from core.resources.models import ExportRequest
from tests.contract.resources import world as made

KEY = made.KEY
OPEN = {"op": "eq", "args": [{"field": "state"}, {"value": "open"}]}


WHY = {"purpose": "inspection", "purpose_text": "核对三季度的物件"}


def asked_for(world, principal, **asked):
    """The job's uid; class 3 (the note) waits for a second person, here the leader, or the inspector for the leader."""
    answer = gateway.export(principal, KEY, **WHY, **asked)
    if "job" in answer:
        return answer["job"]
    waiting = answer["request"]["uid"]
    gateway.command(world.people["leader"], "exports.export", "approve", uid=waiting, expected_version=1)
    return ExportRequest.unscoped.get(uid=waiting).job_uid


def exported(world, principal, **asked):
    """The sheet of rows and the job's result."""
    uid = asked_for(world, principal, **asked)
    run_pending()
    job = Job.unscoped.get(uid=uid)
    assert job.state == "done", job.error
    with open_file(StoredFile.unscoped.get(uid=job.result["file"])) as stream:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(stream.read()))
    return book.get_sheet_by_index(1).to_python(), job


def test_the_sheet_holds_the_list(resource, world):
    sheet, job = exported(world, world.people["inspector"], where=OPEN, order="number")
    expected = [r for r in world.rows if r["state"] == "open"]
    assert sheet[0][0] == "物件"
    assert all(
        part in sheet[1][0]
        for part in ("青莲测试医院", "测试inspector", "状态为 待处理", f"共 {len(expected)} 行")
    )
    assert sheet[2] == ["编号", "名称", "状态", "科室", "日期", "金额", "备注", "双倍"]
    body = sheet[3:]
    assert [int(line[0]) for line in body] == [r["number"] for r in expected]
    for line, row in zip(body, expected, strict=True):
        name = "'" + row["name"] if row["name"][0] in "=+-@" else row["name"]
        assert line[1] == name, "a name that begins with = stays text"
        assert line[2] == "待处理"
        assert line[4] == (row["day"] or "")
        assert line[5] == ("" if row["amount"] is None else float(row["amount"]))
        assert line[6] == (row["note"] or "")
    assert job.result["rows"] == len(expected)
    event = Event.objects.get(kind=f"{KEY}.export")
    assert event.data["rows"] == len(expected)


def test_masks_follow_the_person(resource, world):
    sheet, job = exported(world, world.people["leader"], order="number")
    assert {line[6] for line in sheet[3 : 3 + made.N]} == {"…"}
    assert job.result["masked"]
    assert sheet[-1][0].startswith("“…”")


def test_without_the_right_there_is_no_export(resource, world):
    for who, status in (("department_head", 403), ("staff", 404)):
        with pytest.raises(Problem) as caught:
            gateway.export(world.people[who], KEY)
        assert caught.value.status == status
    for asked in ({"where": {"op": "drop"}}, {"order": "state"}):
        with pytest.raises(Problem):
            gateway.export(world.people["inspector"], KEY, **WHY, **asked)
    assert not Job.unscoped.exists()


def test_rights_are_those_of_the_moment_it_runs(resource, world):
    uid = asked_for(world, world.people["inspector"])
    with acting(made.SYSTEM):
        Post.unscoped.filter(Q(role="inspector"), hospital=world.hospital).delete()
    run_pending()
    job = Job.unscoped.get(uid=uid)
    assert job.state == "failed"
    assert "任职" in job.error["detail"]
    assert not StoredFile.unscoped.exists()
