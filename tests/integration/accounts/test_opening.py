"""Accounts for many at once: how many, the job, the one sheet, the first sign-in; and everybody who gets nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from core.accounts.domain import codes, opening_sheet
from core.accounts.domain import opening as openings
from core.accounts.models import OneTimeCode, OpenedLine, Opening
from core.audit.models import Change, Event
from core.files.models import StoredFile
from core.jobs.models import Job, Outbox
from core.jobs.testing import run_pending
from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.org.domain import people as staff
from core.org.domain import trees
from core.org.models import Person, User
from core.resources.models import ExportRequest, IdempotentAnswer
from core.testing.world import World
from tests.integration.accounts.conftest import HERE, NEW, Browser

pytestmark = pytest.mark.django_db
SPEND = "/api/v1/session/one-time"
BY = Actor.system("test")
SignedIn = Callable[..., Browser]
Make = Callable[..., User]
HEADS = ["科室", "姓名", "工号", "账号", "登录码", "有效期至", "怎么用"]


class Ward:
    """A department with a part below it: three without accounts, one with, one on the roll without a post."""

    def __init__(self, world: World) -> None:
        hospital = world.hospital()
        with hospital_scope(hospital), acting(BY):
            self.top = trees.add_department(hospital=hospital, code="W1", name="示例病区")
            self.part = trees.add_department(
                hospital=hospital, code="W2", name="示例病区一组", parent=self.top
            )
            other = trees.add_department(hospital=hospital, code="W3", name="别的病区")
            self.people = [
                self._person(hospital, "甘示例", "8001", self.top),
                self._person(hospital, "白示例", "8002", self.part),
                self._person(hospital, "申示例", "", self.part),
            ]
            self.has_one = self._person(hospital, "有账号", "8004", self.top)
            User.objects.create(username="8004", person=self.has_one)
            self.unposted = self._person(hospital, "无任职", "8005", self.top)
            staff.end_post(self.unposted.posts.get())
            self.gone = self._person(hospital, "已离院", "8006", self.top)
            staff.leave(self.gone, hospital)
            self.moved = self._person(hospital, "已调走", "8007", self.top)
            staff.transfer(self.moved.posts.get(), on=clock.today(), department=other)

    def _person(self, hospital: Any, name: str, number: str, department: Any) -> Person:
        person, since = staff.add_person(name), clock.today() - timedelta(days=30)
        staff.enrol(person, hospital, number=number, joined_on=since)
        staff.appoint(person, hospital, "doctor", starts_on=since, department=department)
        return person


@pytest.fixture
def ward(world: World) -> Ward:
    """Made anew for each test and rolled back with it."""
    return Ward(world)


def _plan(admin: Browser, **values: Any) -> str:
    answer = admin.act("open_many", values=values)
    assert answer.status_code == 200, answer.content.decode()
    return str(answer.json()["href"].rsplit("/", 1)[1])


def _do(admin: Browser, verb: str, uid: str) -> Any:
    return admin.act(verb, uid, key="accounts.opening")


def _page(admin: Browser, uid: str) -> dict[str, Any]:
    answer = admin.get(f"{HERE}/resources/accounts.opening/rows/{uid}")
    assert answer.status_code == 200, answer.content.decode()
    return dict(answer.json())


def _opened(admin: Browser, ward: Ward) -> str:
    uid = _plan(admin, whom="department", department=str(ward.top.uid))
    assert _do(admin, "run", uid).status_code == 200
    run_pending()
    return uid


def _link(page: dict[str, Any]) -> str:
    found = next(panel for panel in page["panels"] if panel["id"] == "sheet")
    return str(next(item["href"] for item in found["items"] if "/exports/" in item["href"]))


def _sheet(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    book = load_workbook(BytesIO(b"".join(answer.streaming_content)))
    page = book.worksheets[1]
    assert page.oddHeader.left.text and page.print_title_rows, "each printed page says whose copy it is"
    lines = list(page.iter_rows(min_row=3, values_only=True))
    assert list(lines[0]) == HEADS
    return [dict(zip(HEADS, line, strict=True)) for line in lines[1:]]


def _spend(username: str, code: str, address: str = "10.9.8.7") -> Any:
    browser = Browser(address=address)
    return browser, browser.send(SPEND, {"username": username, "code": code, "new_password": NEW})


def test_from_the_choice_to_the_first_sign_in(ward: Ward, signed_in: SignedIn) -> None:
    admin, other = signed_in("hospital_admin"), signed_in("hospital_admin")
    uid = _plan(admin, whom="department", department=str(ward.top.uid))
    page = _page(admin, uid)
    facts = next(panel for panel in page["panels"] if panel["id"] == "counts")["items"]
    told = {item["label"]: item["value"] for item in facts}
    assert told == {"将开通": "3", "没有工号": "1", "已有账号": "1", "现在没有任职": "1"}
    left = next(panel for panel in page["panels"] if panel["id"] == "left_out")["rows"]
    assert {(row["values"]["name"], row["values"]["why"]) for row in left} == {
        ("有账号", "已有账号"),
        ("无任职", "现在没有任职"),
    }
    assert not User.objects.filter(person__in=ward.people).exists(), "seeing how many opens nothing"
    answer = _do(admin, "run", uid)
    assert answer.status_code == 200 and answer.json()["job"], answer.content
    ended = [job for job in run_pending() if job.kind == "accounts.open"]
    assert [job.state for job in ended] == ["done"], ended[0].error
    assert ended[0].result["opened"] == 3
    for person in (ward.unposted, ward.gone, ward.moved):
        assert not User.objects.filter(person=person).exists()
    href = _link(_page(admin, uid))
    assert other.get(href).status_code == 404, "not another administrator"
    assert not [panel for panel in _page(other, uid)["panels"] if panel["id"] == "sheet"]
    assert _do(other, "renew", uid).status_code == 403
    rows = _sheet(admin.get(href))
    assert {(row["姓名"], row["科室"], row["工号"] or "", row["账号"]) for row in rows} == {
        ("甘示例", "示例病区", "8001", "8001"),
        ("白示例", "示例病区一组", "8002", "8002"),
        ("申示例", "示例病区一组", "", "shenshili"),
    }
    assert all("用登录码设置密码" in row["怎么用"] for row in rows)
    again = admin.get(href)
    assert again.status_code == 410 and "只能下载一次" in again.json()["detail"]
    one = next(row for row in rows if row["账号"] == "8001")
    browser, spent = _spend("8001", one["登录码"])
    assert spent.status_code == 200 and browser.inside() == 200
    assert _spend("8001", one["登录码"], "10.9.8.6")[1].status_code == 422, "a code is good once"
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert {"accounts.opening.done", "export.asked", "export.taken", "accounts.account.create"} <= kinds
    request = ExportRequest.unscoped.get(exporter="accounts.codes")
    assert request.state == "taken" and request.rows == 3 and "示例病区" in request.purpose_text


def test_the_codes_lie_nowhere_in_the_clear(ward: Ward, signed_in: SignedIn, tmp_path: Any) -> None:
    admin = signed_in("security_admin")
    uid = _opened(admin, ward)
    sealed = list(OpenedLine.unscoped.values_list("text", flat=True))
    files = StoredFile.unscoped.count()
    assert len(sealed) == 3 and all(str(cell).startswith("1:A256GCM:") for cell in sealed)
    rows = _sheet(admin.get(_link(_page(admin, uid))))
    assert not OpenedLine.unscoped.filter(text__isnull=False).exists(), "gone with the one download"
    assert StoredFile.unscoped.count() == files, "no file was ever made of them"
    texts = [row["登录码"].replace("-", "") for row in rows]
    models = (
        Change,
        Event,
        IdempotentAnswer,
        Job,
        Outbox,
        ExportRequest,
        Opening,
        OpenedLine,
        OneTimeCode,
        User,
    )
    kept = [one for model in models for one in model._base_manager.values()]
    assert len(texts) == 3
    for text in texts:
        shown = (text, f"{text[:4]}-{text[4:]}")
        assert not [one for one in kept for form in shown if form in str(one)]
    assert not [one for one in kept for cell in sealed if str(cell) in str(one)], "nor sealed, in the record"


@pytest.mark.parametrize(("hours", "status"), [(7 * 24 - 1, 200), (7 * 24 + 1, 422)])
def test_codes_of_the_sheet_are_good_for_seven_days(
    ward: Ward, signed_in: SignedIn, hours: int, status: int
) -> None:
    admin = signed_in("hospital_admin")
    start = clock.now()
    rows = _sheet(admin.get(_link(_page(admin, _opened(admin, ward)))))
    with clock.turned(start + timedelta(hours=hours)):
        assert (
            _spend("8001", rows[0]["登录码"] if rows[0]["账号"] == "8001" else _of(rows, "8001"))[
                1
            ].status_code
            == status
        )


def _of(rows: list[dict[str, Any]], username: str) -> str:
    return str(next(row["登录码"] for row in rows if row["账号"] == username))


def test_a_sheet_that_nobody_fetches_ends_with_its_codes(ward: Ward, signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    start = clock.now()
    uid = _opened(admin, ward)
    href = _link(_page(admin, uid))
    late = start + timedelta(hours=73)
    with clock.turned(late):
        assert signed_in("security_admin").get(href).status_code == 404
        fresh = Browser()
        fresh.sign_in(admin.user)  # type: ignore[attr-defined]
        assert fresh.get(href).status_code == 410
        with acting(BY):
            assert opening_sheet.sweep(clock.now()) == 3
        assert not OpenedLine.unscoped.filter(text__isnull=False).exists()
        assert not OneTimeCode.objects.filter(withdrawn_at=None, user__person__in=ward.people).exists()
        assert _do(fresh, "renew", uid).status_code == 200
        run_pending()
        assert len(_sheet(fresh.get(_link(_page(fresh, uid))))) == 3


def test_new_codes_for_who_has_not_come_and_for_nobody_else(ward: Ward, signed_in: SignedIn) -> None:
    admin = signed_in("security_admin")
    uid = _opened(admin, ward)
    first = _sheet(admin.get(_link(_page(admin, uid))))
    assert _spend("8001", _of(first, "8001"))[1].status_code == 200
    assert _do(admin, "renew", uid).status_code == 200
    run_pending()
    second = _sheet(admin.get(_link(_page(admin, uid))))
    assert {row["账号"] for row in second} == {"8002", "shenshili"}
    assert _spend("8002", _of(first, "8002"))[1].status_code == 422, "the former code has ended"
    assert _spend("8002", _of(second, "8002"), "10.9.8.5")[1].status_code == 200


@pytest.mark.parametrize(("place", "kept"), [("prepare", 1), ("issue", 1), ("lay_ready", 3)])
def test_a_run_broken_off_opens_nobody_twice(
    ward: Ward, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, place: str, kept: int
) -> None:
    """The process ends between two accounts, in the middle of one, before the sheet: the next attempt goes on there."""
    monkeypatch.setattr(openings, "BATCH", 1)
    admin = signed_in("security_admin")
    uid = _plan(admin, whom="department", department=str(ward.top.uid))
    _do(admin, "run", uid)
    room: Any = opening_sheet if place == "lay_ready" else codes
    whole, calls, fatal = getattr(room, place), [0], 1 if place == "lay_ready" else 2

    def dying(*given: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == fatal:
            raise KeyboardInterrupt
        return whole(*given, **more)

    monkeypatch.setattr(room, place, dying)
    monkeypatch.setattr("core.jobs.domain.run.connections.close_all", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        run_pending()
    before = dict(User.objects.filter(person__in=ward.people).values_list("person_id", "pk"))
    assert len(before) == kept and not ExportRequest.unscoped.filter(exporter="accounts.codes").exists()
    run_pending()
    after = dict(User.objects.filter(person__in=ward.people).values_list("person_id", "pk"))
    assert len(after) == 3 and before.items() <= after.items()
    assert OneTimeCode.objects.filter(user__person__in=ward.people).count() == 3
    assert len(_sheet(admin.get(_link(_page(admin, uid))))) == 3


def test_a_cancelled_run_goes_on_where_it_stopped(
    ward: Ward, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "BATCH", 1)
    admin = signed_in("security_admin")
    uid = _plan(admin, whom="department", department=str(ward.top.uid))
    job = _do(admin, "run", uid).json()["job"]
    prepare, calls = codes.prepare, [0]

    def cancelling() -> tuple[str, str]:
        calls[0] += 1
        if calls[0] == 2:
            with acting(BY):
                Job.unscoped.filter(uid=job).update(cancel_requested=True)
            monkeypatch.setattr("core.jobs.domain.context.THROTTLE", 0)
        return prepare()

    monkeypatch.setattr(codes, "prepare", cancelling)
    assert [one.state for one in run_pending() if one.kind == "accounts.open"] == ["cancelled"]
    page = _page(admin, uid)
    assert page["row"]["state"] == "stopped" and User.objects.filter(person__in=ward.people).count() == 2
    half = _link(page)
    assert _do(admin, "run", uid).status_code == 200
    run_pending()
    whole = _link(_page(admin, uid))
    assert admin.get(half).status_code == 410 and len(_sheet(admin.get(whole))) == 3
    assert User.objects.filter(person__in=ward.people).count() == 3


def test_who_may_and_for_whom(ward: Ward, world: World, make: Make, signed_in: SignedIn) -> None:
    """A hospital administrator opens ordinary accounts only; whoever may open none is not even told of the list."""
    with hospital_scope(world.hospital()), acting(BY):
        staff.appoint(ward.people[0], world.hospital(), "inspector")
    uid = _plan(signed_in("security_admin"), whom="department", department=str(ward.top.uid))
    assert openings.counted(Opening.unscoped.get(uid=uid), ["ordinary"])["not_allowed"] == 1
    admin = signed_in("hospital_admin")
    _opened(admin, ward)
    assert not User.objects.filter(person=ward.people[0]).exists()
    assert User.objects.filter(person__in=ward.people).count() == 2
    for role in ("inspector", "doctor", "department_head", "audit_admin"):
        browser = signed_in(role)
        assert browser.act("open_many", values={"whom": "everyone"}).status_code in (403, 404)
        assert browser.get(f"{HERE}/resources/accounts.opening/rows").status_code == 404


def test_an_administrator_who_loses_the_post_gets_no_sheet(
    ward: Ward, world: World, signed_in: SignedIn
) -> None:
    admin = signed_in("hospital_admin")
    uid = _opened(admin, ward)
    href = _link(_page(admin, uid))
    person = admin.user.person  # type: ignore[attr-defined]
    with hospital_scope(world.hospital()), acting(BY):
        staff.appoint(person, world.hospital(), "staff")
        staff.end_post(person.posts.get(role="hospital_admin"))
    assert admin.get(href).status_code in (403, 404)
    assert OpenedLine.unscoped.filter(text__isnull=False).count() == 3


def test_who_left_before_the_download_is_not_on_the_sheet_and_the_code_is_void(
    ward: Ward, world: World, signed_in: SignedIn
) -> None:
    admin = signed_in("hospital_admin")
    uid = _opened(admin, ward)
    with hospital_scope(world.hospital()), acting(BY):
        staff.leave(ward.people[0], world.hospital())
    rows = _sheet(admin.get(_link(_page(admin, uid))))
    assert {row["账号"] for row in rows} == {"8002", "shenshili"}
    assert OneTimeCode.objects.get(user__person=ward.people[0]).withdrawn_at is not None


@pytest.mark.parametrize("whom", ["department", "party_org"])
def test_a_unit_must_be_named(signed_in: SignedIn, whom: str) -> None:
    answer = signed_in("hospital_admin").act("open_many", values={"whom": whom})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == f"/values/{whom}"


def test_a_party_organisation_and_the_whole_hospital(ward: Ward, world: World, signed_in: SignedIn) -> None:
    hospital = world.hospital()
    with hospital_scope(hospital), acting(BY):
        above = trees.add_party_org(hospital=hospital, code="P1", name="示例总支", kind="general_branch")
        branch = trees.add_party_org(
            hospital=hospital, code="P2", name="示例支部", kind="branch", parent=above
        )
        staff.appoint(ward.people[1], hospital, "member", party_org=branch)
    admin = signed_in("hospital_admin")
    uid = _plan(admin, whom="party_org", party_org=str(above.uid))
    assert openings.counted(Opening.unscoped.get(uid=uid), ["ordinary"])["to_open"] == 1
    everyone = _plan(admin, whom="everyone")
    inside = openings.to_open(Opening.unscoped.get(uid=everyone), ["ordinary"])
    assert {person.pk for person in [*ward.people, ward.moved]} <= set(inside.values_list("pk", flat=True))
    assert not inside.filter(pk__in=[ward.gone.pk, ward.unposted.pk, ward.has_one.pk]).exists()


def test_the_console_opens_shows_each_code_once_and_tells_who_is_left_out(ward: Ward) -> None:
    def run(*more: str) -> dict[str, Any]:
        out = StringIO()
        call_command(
            "accounts", "open", "--hospital", "binjiang", "--department", "W1", "--json", *more, stdout=out
        )
        return dict(json.loads(out.getvalue()))

    assert run("--dry-run")["to_open"] == 3 and not Opening.unscoped.filter(person=None).exists()
    found = run()
    assert (found["opened"], found["has_account"], found["no_post"]) == (3, 1, 1)
    assert {(one["number"], one["username"]) for one in found["accounts"]} == {
        ("8001", "8001"),
        ("8002", "8002"),
        ("", "shenshili"),
    }
    code = next(one["code"] for one in found["accounts"] if one["username"] == "8001")
    assert _spend("8001", code)[1].status_code == 200
    assert run()["accounts"] == [], "nobody is left, and nothing is shown again"
    event = Event.objects.filter(kind="accounts.opening.done").latest("pk")
    assert event.actor == "command:accounts"


def test_a_console_that_broke_off_while_printing_shows_the_codes_the_next_time(ward: Ward) -> None:
    class Broken(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    ask = ["accounts", "open", "--hospital", "binjiang", "--department", "W1", "--json"]
    with pytest.raises(BrokenPipeError):
        call_command(*ask, stdout=Broken())
    assert OpenedLine.unscoped.filter(text__isnull=False).count() == 3
    out = StringIO()
    call_command(*ask, stdout=out)
    assert len(json.loads(out.getvalue())["accounts"]) == 3
    assert not OpenedLine.unscoped.filter(text__isnull=False).exists()


@pytest.mark.parametrize("bad", [["--department", "没有"], ["--party-org", "没有"]])
def test_the_console_names_what_it_does_not_find(ward: Ward, bad: list[str]) -> None:
    with pytest.raises(CommandError, match="没有代码为“没有”的"):
        call_command("accounts", "open", "--hospital", "binjiang", *bad)
