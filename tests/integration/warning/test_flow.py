"""Handling a warning over HTTP: ask, answer with a file, close; wrong state, stale page, repeated request; the record."""

import io
import json

import pytest
from django.core.management import call_command

from core.audit.models import Event
from core.files.models import StoredFile
from core.kernel import clock
from core.kernel.context import Actor, actor_scope
from core.org.domain.calendar import add_working_days
from tests.support.lines import LAST

HEART = "心内科"
INSPECTOR, HEAD = "inspector", "department_head"


@pytest.fixture
def small(house):
    """Only the last month's lines."""
    house.bring_all(house.set([LAST]), ())
    return house


@pytest.fixture
def warning(small):
    """A warning about a prescription of 心内科."""
    small.run("D1_RX_GT5")
    return small.only("D1_RX_GT5")


def test_from_asking_to_closing(small, warning):
    asked = small.do(
        INSPECTOR, "assign", warning, {"department": department(small), "note": "请说明用药理由。"}
    )
    assert asked.status_code == 200, asked.content
    assert asked.json()["message"] == "已请科室说明。科室负责人在首页就能看到。"
    assert (asked.json()["row"]["state"], asked.json()["row"]["version"]) == ("waiting", warning.version + 1)
    due = add_working_days(clock.today("Asia/Shanghai"), 5, small.hospital.id)
    assert small.fresh(warning).flow.due_on == due.day
    page = small.detail(HEAD, warning, HEART).json()
    now = next(step for step in steps(page) if step["state"] == "now")
    assert (now["title"], now["who"], now["due"]["basis"]) == (
        "等待科室说明",
        HEART,
        "平台建议值（未确认）",
    )
    assert f"{due.day.month}月{due.day.day}日截止" in now["due"]["text"]
    assert [a["verb"] for a in page["actions"]] == ["answer"]

    file = small.upload(HEAD, "病例讨论.pdf", b"%PDF-1.4 minutes", HEART)
    answered = small.do(
        HEAD, "answer", warning, {"note": "会诊后用药。", "files": [file]}, HEART, files=[file]
    )
    assert answered.status_code == 200, answered.content
    assert answered.json()["row"]["state"] == "answered"
    page = small.detail(INSPECTOR, warning).json()
    told = [s for s in steps(page) if s["state"] == "done"]
    assert [s["title"] for s in told] == ["系统发出预警", "已请科室说明", "科室已说明"]
    assert "承办科室：心内科" in told[1]["note"] and "请说明用药理由。" in told[1]["note"]
    assert told[2]["who"] == small.world.principal(HEAD, department=HEART).label
    ((name, href),) = [(f["name"], f["href"]) for f in told[2]["files"]]
    assert (name, content(small, INSPECTOR, href)) == ("病例讨论.pdf", (200, b"%PDF-1.4 minutes"))
    assert content(small, HEAD, href, HEART)[0] == 200
    assert content(small, HEAD, href, "骨科")[0] == 404, "as visible as the warning it hangs on"
    assert content(small, "doctor", href)[0] == 404
    assert small.client(INSPECTOR, "yunling").get(href.replace("binjiang", "yunling")).status_code == 404

    closed = small.do(INSPECTOR, "close", warning, {"outcome": "explained", "note": "理由成立。"})
    assert closed.status_code == 200, closed.content
    after = small.fresh(warning)
    assert (after.flow.state, after.outcome, after.flow.due_on, after.flow.closed_at is not None) == ("closed", "explained", None, True)  # fmt: skip
    last = steps(small.detail(INSPECTOR, warning).json())[-1]
    assert (last["state"], last["title"]) == ("done", "已结案") and "核实结果：理由成立" in last["note"]

    kinds = list(Event.objects.filter(subject_uid=str(warning.uid)).exclude(kind="read").order_by("id").values_list("kind", flat=True))  # fmt: skip
    for verb in ("assign", "answer", "close"):
        assert kinds.count(f"flow.{verb}") == 1 == kinds.count(f"warning.warning.{verb}")
    event = Event.objects.get(kind="flow.answer", subject_uid=str(warning.uid))
    assert (event.data["from"], event.data["to"], event.data["files"]) == ("waiting", "answered", [file])
    assert event.label == small.world.principal(HEAD, department=HEART).label
    found = verified()
    assert found["ok"] and found["size"] > len(kinds)


def test_an_answer_needs_words_and_a_file(small, warning):
    asked = small.do(INSPECTOR, "assign", warning, {"department": department(small)})
    assert asked.status_code == 200
    for values, wrong in (
        ({}, {"/values/note", "/values/files"}),
        ({"note": "只有文字。"}, {"/values/files"}),
        ({"note": "字" * 2001, "files": []}, {"/values/note", "/values/files"}),
    ):
        said = small.do(HEAD, "answer", warning, values, HEART)
        assert said.status_code == 422, said.content
        assert {e["pointer"] for e in said.json()["errors"]} == wrong
    foreign = small.upload(INSPECTOR, "别人的.pdf", b"%PDF", "")
    said = small.do(HEAD, "answer", warning, {"note": "说明", "files": [foreign]}, HEART, files=[foreign])
    assert (said.status_code, said.json()["errors"][0]["pointer"]) == (422, "/files")
    again = small.do(INSPECTOR, "assign", warning, {"department": department(small)})
    assert again.status_code == 409, "already waiting"
    assert small.fresh(warning).flow.state == "waiting"
    assert StoredFile.objects.get(uid=foreign).owner_type == "org.user", "nothing was attached"


def test_a_wrong_choice_or_department_is_named(small, warning):
    for verb, values, pointer in (
        ("assign", {"department": department(small, "yunling")}, "/values/department"),
        ("assign", {}, "/values/department"),
        ("assign", {"department": department(small), "note": "字" * 501}, "/values/note"),
        ("close", {"outcome": "guilty", "note": "x"}, "/values/outcome"),
        ("close", {"outcome": "useful"}, "/values/note"),
        ("close", {"outcome": "useful", "note": "x", "extra": 1}, "/values/extra"),
    ):
        said = small.do(INSPECTOR, verb, warning, values)
        assert said.status_code == 422, (verb, said.content)
        assert [e["pointer"] for e in said.json()["errors"]] == [pointer]
    assert small.fresh(warning).flow.state == "open"


def test_a_step_that_the_state_does_not_allow_is_refused(small, warning):
    assert small.do(INSPECTOR, "close", warning, {"outcome": "useful", "note": "x"}).status_code == 200
    for verb, values in (
        ("close", {"outcome": "useful", "note": "x"}),
        ("assign", {"department": department(small)}),
    ):
        said = small.do(INSPECTOR, verb, warning, values)
        assert said.status_code == 409, said.content
        assert said.json()["code"] == "refused" and "刷新" in said.json()["detail"]
    assert small.do(HEAD, "answer", warning, {"note": "x"}, HEART).status_code in (403, 409)
    assert small.do("pharmacy", "close", warning, {"outcome": "useful", "note": "x"}).status_code == 403
    assert small.do("doctor", "close", warning, {"outcome": "useful", "note": "x"}).status_code == 404


def test_a_stale_page_gets_both_values(small, warning):
    old = warning.version
    assert small.do(INSPECTOR, "assign", warning, {"department": department(small)}).status_code == 200
    second = small.do(
        "ethics_office", "assign", warning, {"department": department(small, name="骨科")}, version=old
    )
    assert second.status_code == 409, second.content
    file = small.upload(HEAD, "a.pdf", b"%PDF", HEART)
    done = small.do(HEAD, "answer", warning, {"note": "说明", "files": [file]}, HEART, files=[file])
    assert done.status_code == 200
    stale = small.do(
        "ethics_office", "assign", warning, {"department": department(small, name="骨科")}, version=old
    )
    assert stale.status_code == 409 and stale.json()["code"] == "conflict", stale.content
    data = stale.json()["data"]
    assert (data["current"]["state"], data["current"]["version"]) == ("answered", old + 2)
    assert data["yours"]["department"] == department(small, name="骨科")
    assert [(f["key"], f["current"], f["yours"]) for f in data["fields"]] == [("department", department(small), department(small, name="骨科"))]  # fmt: skip


def test_a_repeated_request_is_answered_once(small, warning):
    values = {"department": department(small), "note": "请说明。"}
    first = small.do(INSPECTOR, "assign", warning, values, version=warning.version, key="k-1")
    again = small.do(INSPECTOR, "assign", warning, values, version=warning.version, key="k-1")
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert small.fresh(warning).flow.steps.filter(verb="assign").count() == 1
    assert Event.objects.filter(kind="flow.assign").count() == 1
    other = small.do(
        INSPECTOR, "assign", warning, {**values, "note": "另一句。"}, version=warning.version, key="k-1"
    )
    assert other.status_code == 422


def department(small, slug="binjiang", name=HEART):
    return str(small.world.department(name, slug).uid)


def steps(page):
    return next(p for p in page["panels"] if p["id"] == "steps")["items"]


def content(small, role, href, department=""):
    answer = small.client(role, department=department).get(href)
    return answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content


def verified():
    out = io.StringIO()
    with actor_scope(Actor.system("test")):
        call_command("audit", "seal", "--json", stdout=io.StringIO())
        call_command("audit", "verify", "--json", stdout=out)
    return json.loads(out.getvalue())
