"""Every kind of the product, caused for real, with marks planted wherever class 3 and 4 lie: no notice carries one.

One world; everything happens once, in the order of a month. A kind that is new fails here until it is caused too.
"""

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from wagtail.models import Workflow

from core.cms.domain import ensure_site
from core.cms.domain.sites import WORKFLOW
from core.cms.models import ArticlePage, ColumnPage
from core.flow.domain.run import move
from core.flow.models import FlowItem
from core.flow.notices import remind
from core.jobs.domain import submit
from core.jobs.domain.outbox import emit
from core.jobs.registry import job
from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import Refused
from core.lake import domain as lake
from core.notify.kinds import all_kinds
from core.notify.models import Delivery, Notice, Receipt
from core.policy.models import Delegation
from core.resources.models import ExportRequest
from core.testing.world import World
from plugins.warning.models import Finding, Warning
from tests.integration.access.things import Things, make_things, signed_in
from tests.integration.notify.conftest import ask
from tests.integration.notify.servers import MailSink, WeCom

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
#: A working Monday and the days after it, noon in Shanghai.
MONDAY = datetime(2027, 3, 1, 4, 0, tzinfo=UTC)
CODE_WAITS = "accounts.account"


class Story:
    """What happened, for the tests to look at."""

    def __init__(self, world: World, things: Things) -> None:
        self.world, self.things = world, things
        self.hospital = world.hospital()
        self.marks: list[str] = []
        self.reminded: list[tuple[str, int]] = []
        self.home: dict[str, list[dict[str, Any]]] = {}

    def mark(self) -> str:
        """A text that stands in one sensitive place."""
        self.marks.append(f"密{len(self.marks):02d}canary{len(self.marks):02d}")
        return self.marks[-1]

    def person(self, role: str, department: str = "") -> int:
        """Who holds the account."""
        return int(self.world.user(role, department=department).person_id)

    def told(self, kind: str) -> list[int]:
        """Persons told of a kind."""
        with hospital_scope(self.hospital):
            rows = Receipt.objects.filter(notice__kind=kind).order_by("pk")
            return list(rows.values_list("person_id", flat=True))

    def open(self, kind: str) -> int:
        """Boxes in which a kind is open."""
        with hospital_scope(self.hospital):
            return Receipt.objects.filter(notice__kind=kind, closed_at__isnull=True).count()


@pytest.fixture(scope="module")
def _scope(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def story(_scope: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A month."""
    from django.test import override_settings

    cache.clear()
    world = World.small()
    with (
        MailSink() as sink,
        WeCom() as wecom,
        override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=sink.port,
            WECOM_URL=wecom.url,
            PUBLIC_URL="https://qinglian.example.cn",
        ),
    ):
        found = Story(world, make_things(world))
        found.sink, found.wecom = sink, wecom  # type: ignore[attr-defined]
        _reach_all(found, wecom)
        run_pending()
        _warning(found)
        _jobs(found, tmp_path_factory.mktemp("import"))
        _exports(found)
        _rights(found)
        _pages(found)
        with clock.turned(MONDAY + timedelta(days=30)):
            run_pending()
        yield found


def _reach_all(story: Story, wecom: WeCom) -> None:
    from core.notify.domain import contacts, switches
    from core.org.models import Post

    people = Post.unscoped.filter(hospital=story.hospital).values_list("person_id", flat=True)
    given = {p: {"mail": f"p{p}@hospital.example", "wecom": f"w{p}"} for p in people}
    contacts.keep(story.hospital, given, by=BY)
    with hospital_scope(story.hospital), acting(BY):
        row = switches.of_hospital(story.hospital)
        row.wecom_corp, row.wecom_agent, row.wecom_secret = wecom.corp, wecom.agent, wecom.secret
        row.kinds = {kind.key: {"mail": True, "wecom": True} for kind in all_kinds()}
        row.save()


def _item(story: Story) -> FlowItem:
    uid = story.things.rows["warning.warning"]
    return FlowItem.unscoped.select_related("flow", "hospital", "department").get(subject_uid=uid)


def _step(story: Story, role: str, verb: str, values: dict[str, Any], department: str = "") -> None:
    files = [{"uid": "0", "name": story.mark(), "href": "/"}] if verb == "answer" else []
    with hospital_scope(story.hospital), acting(story.world.principal(role, department=department).actor):
        item = _item(story)
        move(item, verb, values, files)


def _remind(story: Story, *days: int) -> None:
    """Look at deadlines twice on each day, as a worker that was started again would."""
    for n in days:
        with clock.turned(MONDAY + timedelta(days=n)), hospital_scope(story.hospital):
            story.reminded += [(str(n), remind(story.hospital)), (str(n), remind(story.hospital))]


def _due(story: Story, day: date) -> None:
    with acting(BY):
        FlowItem.unscoped.filter(pk=_item(story).pk).update(due_on=day)


def _look(story: Story, name: str, role: str, department: str = "") -> None:
    client = signed_in(story.world.user(role, department=department))
    story.home.setdefault(name, []).append(ask(client, "GET", "/home").json())


def _warning(story: Story) -> None:
    """Asked, late, answered, sent back, answered, late again, closed."""
    with acting(BY):
        Warning.unscoped.update(person_label=story.mark(), subject_key=story.mark())
        finding = Finding.unscoped.get()
        finding.subject, finding.evidence = {"doctor": story.mark()}, {**finding.evidence, "x": story.mark()}
        finding.value, finding.reason = "98765.4321", story.mark()
        finding.save()
        item = _item(story)
        FlowItem.unscoped.filter(pk=item.pk).update(state="open", due_on=None)
    story.marks.append("98765.4321")
    department = str(story.world.department("骨科").uid)
    with clock.turned(MONDAY):
        _step(story, "inspector", "assign", {"department": department, "note": story.mark()})
        run_pending()
        _look(story, "head", "department_head", "骨科")
    _due(story, (MONDAY + timedelta(days=4)).date())  # Friday
    _remind(story, 1, 2, 3, 4, 5, 7, 8)  # Tuesday … Friday, Saturday, Monday, Tuesday
    with clock.turned(MONDAY + timedelta(days=8)):
        _look(story, "head", "department_head", "骨科")
        _step(story, "department_head", "answer", {"note": story.mark()}, "骨科")
        _look(story, "inspector", "inspector")
    _due(story, (MONDAY + timedelta(days=11)).date())
    _remind(story, 9, 10, 14, 15)
    with clock.turned(MONDAY + timedelta(days=15)):
        _step(story, "inspector", "assign", {"department": department, "note": story.mark()})
        _step(story, "department_head", "answer", {"note": story.mark()}, "骨科")
        _step(story, "inspector", "close", {"outcome": "useful", "note": story.mark()})
        _look(story, "head", "department_head", "骨科")
        _look(story, "inspector", "inspector")


def _jobs(story: Story, folder: Path) -> None:
    secret = story.mark()

    @job("test.notify_fails", label="试验任务", max_attempts=1)
    def fails(ctx: Any) -> None:
        raise Refused(f"没有办成：{secret}")

    doctor = story.world.principal("doctor")
    with acting(doctor.actor):
        submit("test.notify_fails", {"patient": secret}, by=doctor.actor, hospital=story.hospital)
    with acting(BY):
        submit("test.notify_fails", {}, by=BY, hospital=story.hospital)
    pharmacist = story.world.principal("pharmacy")
    path = folder / f"{story.mark()}.csv"
    from tests.integration.access.things import LINES, _doctor

    path.write_text(
        LINES.format(doctor=_doctor(story.world)).replace("两盒", "2").replace("P1", story.mark()),
        encoding="utf-8",
    )
    with hospital_scope(story.hospital), acting(pharmacist.actor):
        upload = lake.receive_path(
            path, dataset="prescription_lines", hospital=story.hospital, by=pharmacist.actor
        )
        started = lake.start_import(upload, by=pharmacist.actor)
        submit("lake.import", {"import": str(started.uid)}, by=pharmacist.actor, hospital=story.hospital)
    run_pending()


def _exports(story: Story) -> None:
    """One asked by make_things; it is approved, made, and another one refused."""
    with hospital_scope(story.hospital):
        request = ExportRequest.objects.get(uid=story.things.rows["exports.export"])
        with acting(BY):
            request.purpose_text, request.about = story.mark(), story.mark()
            request.save()
            facts = {"request": str(request.uid), "number": request.number}
            emit("export.ready", facts, hospital=story.hospital)
        run_pending()
        with acting(BY):
            ExportRequest.objects.filter(pk=request.pk).update(state="refused", note=story.mark())
            emit("export.refused", facts, hospital=story.hospital)
    run_pending()


def _rights(story: Story) -> None:
    security = signed_in(story.world.user("security_admin"))
    doctor = story.world.user("doctor")
    rows = ask(security, "GET", f"/resources/{CODE_WAITS}/rows/{doctor.uid}").json()
    body = {"uid": str(doctor.uid), "expected_version": rows["row"]["version"], "values": {}}
    answer = ask(security, "POST", f"/resources/{CODE_WAITS}/commands/issue_code", body)
    assert answer.status_code == 200, answer.content
    story.marks.append(json.loads(answer.content)["data"]["code"] if "data" in answer.json() else "no-code")
    with hospital_scope(story.hospital), acting(BY):
        row = Delegation.objects.create(
            giver_id=story.person("leader"),
            receiver_id=story.person("doctor"),
            role="leader",
            reason=story.mark(),
            starts_on=date(2027, 3, 1),
            ends_on=date(2027, 3, 31),
        )
        emit("policy.delegation.add", {"uid": str(row.uid)}, hospital=story.hospital)
    run_pending()
    with acting(BY):
        call_command(
            "notify",
            "send-test",
            "--hospital",
            "binjiang",
            "--user",
            doctor.username,
            "--json",
            stdout=io.StringIO(),
        )


def _pages(story: Story) -> None:
    editor, reviewer = story.world.user("editor"), story.world.user("reviewer")
    with acting(BY):
        root = ensure_site(story.hospital, BY)
        column: Any = ColumnPage(title="栏目", slug="told", audience="public", live=False)
        root.add_child(instance=column)
        column.save_revision().publish()
    for n, decision in enumerate(("reject", "approve", "")):
        with acting(Actor.user(editor)):
            page = ArticlePage(title=f"第{n}篇", slug=f"n{n}", audience="internal", live=False, owner=editor)
            ColumnPage.objects.get(pk=column.pk).add_child(instance=page)
            page.save_revision(user=editor)
            state = Workflow.objects.get(name=WORKFLOW).start(page, editor).current_task_state
        if decision:
            with acting(Actor.user(reviewer)):
                state.task.specific.on_action(state, reviewer, decision, comment=story.mark())


def test_every_kind_of_the_product_was_caused(story: Story) -> None:
    with hospital_scope(story.hospital):
        caused = set(Notice.objects.values_list("kind", flat=True))
    assert {kind.key for kind in all_kinds() if not kind.key.startswith("test.")} - caused == set()


def test_no_mark_of_class_3_or_4_is_in_any_notice_message_or_delivery(story: Story) -> None:
    sink, wecom = story.sink, story.wecom  # type: ignore[attr-defined]
    assert len(story.marks) >= 15 and len(sink.mails) >= 10 and len(wecom.inbox) >= 10
    with hospital_scope(story.hospital):
        texts = [
            *map(str, Notice.objects.values_list("title", "text", "href", "key", "subject_uid", "due_basis")),
            *map(str, Delivery.objects.values_list("title", "text", "key", "reason", "code")),
            *(str(mail) + mail.get_content() + str(mail["Subject"]) for mail in sink.mails),
            *(json.dumps(message, ensure_ascii=False) for message in wecom.requests),
        ]
    found = [(mark, text) for mark in story.marks for text in texts if mark in text]
    assert found == []
    assert any("骨科：次均药费偏高" in text for text in texts), "the texts are not looked at"


def test_the_department_is_asked_reminded_and_told_the_end(story: Story) -> None:
    head = story.person("department_head", "骨科")
    inspector = story.person("inspector")
    for kind in ("assigned", "due", "overdue", "closed", "returned"):
        assert set(story.told(f"warning.{kind}")) == {head}, kind
    for kind in ("answered", "judge_due", "judge_overdue", "overdue_seen"):
        assert inspector in story.told(f"warning.{kind}") and head not in story.told(f"warning.{kind}"), kind


def test_each_reminder_comes_once_however_often_the_job_runs(story: Story) -> None:
    with hospital_scope(story.hospital):
        rows = list(Notice.objects.filter(kind="warning.due").order_by("pk").values_list("text", flat=True))
    assert len(rows) == 2, rows
    assert "还有 3 个工作日" in rows[0] and "还有 1 个工作日" in rows[1]
    assert len(story.told("warning.overdue")) == 1
    days = {day for day, sent in story.reminded if sent}
    assert days >= {"2", "3", "5"} or days >= {"1", "3"}, story.reminded


def test_what_is_finished_is_open_nowhere(story: Story) -> None:
    for kind in all_kinds():
        if kind.key.startswith("warning.") and kind.key != "warning.closed":
            assert story.open(kind.key) == 0, kind.key
    assert story.open("warning.closed") == 1
    assert story.open("export.asked") == 0


def test_the_first_page_counts_a_thing_once(story: Story) -> None:
    before, late, after = story.home["head"]
    assert before["todo"]["n"] == 1 and before["todo"]["sentence"] == "今天有 1 件事等您"
    assert late["todo"]["n"] == 1 and late["notices"]["open"] >= 3, (
        "three reminders of one thing are one thing"
    )
    assert len(late["todo"]["items"]) == 1
    assert after["todo"]["n"] == 1 and after["todo"]["items"][0]["title"].endswith("已结案")
    judged, _ = story.home["inspector"]
    assert judged["todo"]["n"] >= 1 and "件事等您" in judged["todo"]["sentence"]
    hrefs = [item["href"] for item in judged["todo"]["items"]]
    assert len(hrefs) == len(set(hrefs))


def test_nothing_waits_says_so_and_many_are_cut_with_a_way_to_the_rest(story: Story) -> None:
    from core.notify.core_kinds import TEST
    from core.notify.domain import send

    user = story.world.user("staff")
    client = signed_in(user)
    empty = ask(client, "GET", "/home").json()
    assert (empty["todo"]["n"], empty["todo"]["sentence"]) == (0, "今天没有需要您办的事")
    with acting(BY):
        for n in range(14):
            send(
                TEST.key,
                [user.person_id],
                hospital=story.hospital,
                slots={"hospital": f"第{n}"},
                href=f"/h/binjiang/x/{n}",
                subject=None,
                key=f"many{n}",
            )
    full = ask(client, "GET", "/home").json()
    assert full["todo"]["n"] == 14 and full["notices"]["open"] == 14 and len(full["todo"]["items"]) == 10
    assert full["todo"]["more"] == [{"n": 4, "label": "还有 4 条消息", "href": "/h/binjiang/notices"}]


def test_notices_of_a_plugin_that_is_off_are_hidden_and_come_back(story: Story) -> None:
    from core.plugin_host.service import disable, enable

    client = signed_in(story.world.user("department_head", department="骨科"))
    before = ask(client, "GET", "/notices?state=all").json()["notices"]
    assert any(one["kind"].startswith("warning.") for one in before)
    disable("warning", story.hospital, by=BY)
    shown = ask(client, "GET", "/notices?state=all").json()["notices"]
    assert not any(one["kind"].startswith("warning.") for one in shown)
    enable("warning", story.hospital, by=BY)
    assert ask(client, "GET", "/notices?state=all").json()["notices"] == before


def test_a_failed_job_is_told_to_who_started_it_and_the_platforms_own_to_nobody(story: Story) -> None:
    assert story.told("jobs.failed") == [story.person("doctor")]


def test_an_import_is_told_to_who_started_it(story: Story) -> None:
    assert story.told("lake.import_finished") == [story.person("pharmacy")]


def test_an_export_goes_to_who_may_approve_and_never_to_who_asks(story: Story) -> None:
    asked = story.told("export.asked")
    assert story.person("leader") in asked and story.person("inspector") not in asked
    assert story.told("export.ready") == story.told("export.refused") == [story.person("inspector")]


def test_a_code_and_a_delegation_are_told_to_the_one_they_concern(story: Story) -> None:
    assert story.told("accounts.code_issued") == [story.person("doctor")]
    assert story.told("rights.delegated") == [story.person("doctor")]


def test_a_text_waits_for_reviewers_and_comes_back_to_its_writer(story: Story) -> None:
    reviewer, editor = story.person("reviewer"), story.person("editor")
    assert reviewer in story.told("cms.review_waits") and editor not in story.told("cms.review_waits")
    assert story.told("cms.approved") == story.told("cms.sent_back") == [editor]
    with hospital_scope(story.hospital):
        waiting = Receipt.objects.filter(
            notice__kind="cms.review_waits", closed_at__isnull=True, person_id=reviewer
        )
        assert [row.notice.title for row in waiting.select_related("notice")] == ["“第2篇”待审核"]
