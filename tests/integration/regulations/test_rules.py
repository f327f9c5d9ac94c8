"""What a rule says on a day in a hospital: defaults, confirmation, revision by date, bounds; and the page."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.errors import Problem
from core.org.domain.calendar import add_working_days
from core.org.models import Hospital
from core.regulations.domain import NotInForce, UnknownRule, confirm, history, revise, value
from core.regulations.domain.load import load_defaults
from core.regulations.models import DefaultVersion, HospitalVersion, Rule
from core.testing import factories
from core.testing.world import World

pytestmark = pytest.mark.django_db

BY = Actor("user", "0", "石示例")
PUBLICITY = "development.object_publicity"


@pytest.fixture
def hospital() -> Hospital:
    return factories.hospital()


def today() -> date:
    return clock.today()


def make_stricter(
    hospital: Hospital, days: int = 7, starts_on: date | None = None, **more: Any
) -> HospitalVersion:
    with acting(BY):
        return revise(
            PUBLICITY,
            {"working_days": days},
            starts_on=starts_on or today(),
            hospital=hospital,
            by=BY,
            basis="院发〔2026〕3号",
            **more,
        )


def test_a_default_is_unconfirmed_until_the_hospital_says_so_and_only_there(hospital: Hospital) -> None:
    other = factories.hospital()
    now = value(PUBLICITY, on=today(), hospital=hospital)
    assert (now.confirmed, now.label, now.mark, now.whole("working_days")) == (
        False,
        "未确认",
        "second_hand",
        5,
    )
    assert now.said == "《中国共产党发展党员工作细则》第十三条（未确认）"
    with acting(BY):
        made = confirm(PUBLICITY, hospital=hospital, by=BY)
    now = value(PUBLICITY, on=today(), hospital=hospital)
    assert (now.confirmed, now.label, now.said) == (True, "", "《中国共产党发展党员工作细则》第十三条")
    assert (made.confirmed_by, made.confirmed_by_actor) == ("石示例", "user:0") and made.confirmed_at
    assert value(PUBLICITY, on=today(), hospital=other).label == "未确认"
    with acting(BY), pytest.raises(Problem, match="已经确认"):
        confirm(PUBLICITY, hospital=hospital, by=BY)


def test_a_revision_holds_from_its_day_and_what_was_before_stays(hospital: Hospital) -> None:
    soon = today() + timedelta(days=10)
    make_stricter(hospital, 7, soon)
    before, after = (value(PUBLICITY, on=day, hospital=hospital) for day in (soon - timedelta(days=1), soon))
    assert (before.whole("working_days"), before.confirmed) == (5, False)
    assert (after.whole("working_days"), after.confirmed, after.version) == (7, True, "本院第 1 版")
    assert "院发〔2026〕3号" in after.basis
    make_stricter(hospital, 9, soon + timedelta(days=10))
    days = [
        value(PUBLICITY, on=soon + timedelta(days=n), hospital=hospital).whole("working_days")
        for n in (9, 10)
    ]
    assert days == [7, 9]
    said = [(one.version, one.params["working_days"]) for one in history(PUBLICITY, hospital=hospital)]
    assert said == [("本院第 2 版", 9), ("本院第 1 版", 7), ("平台第 1 版", 5)]


def test_a_revision_with_a_last_day_gives_way_again(hospital: Hospital) -> None:
    make_stricter(hospital, 8, today(), ends_on=today() + timedelta(days=5))
    later = value(PUBLICITY, on=today() + timedelta(days=6), hospital=hospital)
    assert (later.whole("working_days"), later.label) == (5, "未确认")


@pytest.mark.parametrize(
    ("params", "starts", "basis", "place"),
    [
        ({"working_days": 4}, 0, "院发", "/values/working_days"),  # a national node is never shortened
        ({"working_days": "五"}, 0, "院发", "/values/working_days"),
        ({"working_days": "5.5"}, 0, "院发", "/values/working_days"),
        ({"working_days": None}, 0, "院发", "/values/working_days"),
        ({"working_days": 7}, -1, "院发", "/values/starts_on"),
        ({"working_days": 7}, 0, " ", "/values/basis"),
        ({"weeks": 1}, 0, "院发", "/values/weeks"),
    ],
)
def test_what_a_hospital_may_not_decide(
    hospital: Hospital, params: dict[str, Any], starts: int, basis: str, place: str
) -> None:
    with acting(BY), pytest.raises(Problem) as caught:
        revise(
            PUBLICITY,
            params,
            starts_on=today() + timedelta(days=starts),
            hospital=hospital,
            by=BY,
            basis=basis,
        )
    assert [error.pointer for error in caught.value.errors] == [place]
    assert not HospitalVersion.unscoped.filter(hospital=hospital).exists()


def test_the_regulation_in_force_on_the_day_is_named(hospital: Hospital) -> None:
    assert value("data.logs", on=date(2025, 12, 31), hospital=hospital).default.article == "第二十一条"
    assert value("data.logs", on=date(2026, 1, 1), hospital=hospital).default.article == "第二十三条"
    with pytest.raises(NotInForce):
        value("data.logs", on=date(2010, 1, 1), hospital=hospital)
    with pytest.raises(UnknownRule):
        value("data.nothing", on=today(), hospital=hospital)


def test_a_default_that_was_corrected_is_unconfirmed_again(hospital: Hospital) -> None:
    with acting(BY):
        confirm(PUBLICITY, hospital=hospital, by=BY)
        old = DefaultVersion.objects.get(rule__code=PUBLICITY)
        DefaultVersion.objects.create(
            rule=old.rule, number=2, digest="c" * 64, regulation=old.regulation, article=old.article,
            mark="read", source="原文", starts_on=old.starts_on, params={"working_days": 6}, shape=old.shape,
        )  # fmt: skip
    now = value(PUBLICITY, on=today(), hospital=hospital)
    assert (now.whole("working_days"), now.label) == (6, "未确认")
    with acting(BY):
        confirm(PUBLICITY, hospital=hospital, by=BY)
    assert value(PUBLICITY, on=today(), hospital=hospital).confirmed


def test_loading_again_writes_nothing_and_a_correction_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.regulations.domain import load

    declared, subjects = load.defaults()
    before = DefaultVersion.objects.count()
    assert before == len(declared) and Rule.objects.count() == len({one.code for one in declared})
    with acting(BY):
        assert load_defaults() == 0
        changed = declared[0].model_copy(update={"note": "核对过"})
        monkeypatch.setattr(load, "defaults", lambda: ((changed, *declared[1:]), subjects))
        assert load_defaults() == 1
        monkeypatch.setattr(load, "defaults", lambda: (declared[1:], subjects))
        load_defaults()
    assert Rule.objects.get(code=declared[0].code).retired, "a rule that is no more keeps its versions"
    assert DefaultVersion.objects.filter(rule__code=declared[0].code).count() >= 2


def test_the_page_over_http_by_subject(client: Client) -> None:
    """Party rules by the Party office, reporting rules by the inspector, data rules by the administrator; all may look."""
    world = World.small()
    may = {
        "party_office": PUBLICITY, "inspector": "integrity.hand_up",
        "ethics_office": "ethics.gifts", "hospital_admin": "data.necessity",
    }  # fmt: skip
    uids = {code: str(Rule.objects.get(code=code).uid) for code in may.values()}
    for role, own in may.items():
        asking = Client(enforce_csrf_checks=True)
        with actor_scope(Actor.system("test")):
            asking.force_login(world.user(role))
        asking.get("/api/v1/session")
        path = "/api/v1/h/binjiang/resources/regulations.rule"
        for code, uid in uids.items():
            row = asking.get(f"{path}/rows/{uid}").json()["row"]
            assert ("confirm" in row["actions"]) == (code == own), (role, code)
            answer = asking.post(
                f"{path}/commands/confirm",
                {"uid": uid, "expected_version": row["version"], "values": {"note": "核对过"}},
                content_type="application/json",
                headers={"X-CSRFToken": asking.cookies["csrftoken"].value},
            )
            wanted = {200} if code == own else {403, 409}
            assert answer.status_code in wanted, (role, code, answer.content.decode())
        page = asking.get(f"{path}/rows/{uids[own]}").json()
        assert page["row"]["values"]["confirmed"] == "yes" and page["badges"][0]["label"] == "已确认"
        assert world.user(role).person.name in str(page["panels"])
        form = next(a["form"] for a in page["actions"] if a["verb"] == "revise")
        assert {"starts_on", "basis"} <= {f["key"] for f in form["fields"]}
        assert not any(p["kind"] == "table" and not p["rows"] for p in page["panels"])
        unconfirmed = asking.get(
            f"{path}/rows", {"where": '{"op":"eq","args":[{"field":"confirmed"},{"value":"no"}]}'}
        )
        assert uids[own] not in {r["uid"] for r in unconfirmed.json()["rows"]}


def test_a_publicity_period_counts_both_ends_and_says_when_it_is_provisional(hospital: Hospital) -> None:
    """Five working days from Monday are over on Friday; over National Day the calendar of the State Council counts."""
    with acting(Actor.system("test")):
        from core.org.domain.place import load_calendar

        load_calendar()
    rule = value(PUBLICITY, on=date(2026, 6, 1), hospital=hospital)
    ends = add_working_days(date(2025, 3, 3), rule.whole("working_days"), hospital.id, inclusive=True)
    assert (ends.day, ends.provisional) == (date(2025, 3, 7), False)
    over = add_working_days(date(2025, 9, 29), rule.whole("working_days"), hospital.id, inclusive=True)
    assert over.day == date(2025, 10, 11), "29 and 30 September, 9, 10 and the worked Saturday 11 October"
    unknown = add_working_days(date(2035, 3, 5), rule.whole("working_days"), hospital.id, inclusive=True)
    assert unknown.provisional and "2035" in unknown.source
