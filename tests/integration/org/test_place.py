"""The hospital's own data, campuses, the calendar, and the line of health."""

import json
from datetime import date, timedelta
from io import StringIO
from typing import Any

from django.core.management import call_command

from core.kernel import clock
from core.kernel.context import acting
from core.org.domain.calendar import add_working_days
from core.org.models import CalendarDay, Department, Hospital, Post
from core.testing import factories
from core.testing.world import World
from tests.integration.org.conftest import BY

HOSPITAL, CAMPUS, DAY = "org.hospital", "org.campus", "org.calendar_day"
OWN = {
    "name": "滨江示范医院", "short_name": "滨江", "zone": "Asia/Shanghai",
    "night_starts": 21, "night_ends": 6, "opened_on": "1998-05-01", "groups": "手术科室\n非手术科室",
}  # fmt: skip


def test_the_hospitals_data_are_kept_by_its_administrator(world: World, browser: Any) -> None:
    admin, uid = browser("hospital_admin"), world.hospital().uid
    admin.done(HOSPITAL, "edit", uid, **OWN)
    found = Hospital.objects.get(uid=uid)
    assert (found.night_starts, found.night_ends, found.opened_on) == (21, 6, date(1998, 5, 1))
    assert found.peer_groups == ["手术科室", "非手术科室"] and found.short_name == "滨江"
    assert [row["uid"] for row in admin.rows(HOSPITAL)] == [str(uid)], "no other hospital is ever listed"
    for role in ("inspector", "party_office", "security_admin"):
        assert browser(role).get(f"/resources/{HOSPITAL}/rows").status_code == 404


def test_data_that_cannot_be(world: World, browser: Any) -> None:
    admin, uid = browser("hospital_admin"), world.hospital().uid
    for wrong, place in (
        ({"zone": "Asia/Nowhere"}, "zone"),
        ({"night_starts": 24}, "night_starts"),
        ({"night_ends": "6.5"}, "night_ends"),
        ({"groups": "手术科室"}, "peer_groups"),  # 心内科 is in 非手术科室
        ({"groups": "甲\n甲"}, "peer_groups"),
        ({"opened_on": clock.today().isoformat()}, "opened_on"),  # posts began long before
    ):
        problem = admin.refused(HOSPITAL, "edit", uid, **(OWN | wrong))
        assert [e["pointer"] for e in problem["errors"]] == [f"/values/{place}"], wrong
        said = problem["errors"][0]
        assert said.get("cure") or "请" in said["message"]
    assert Hospital.objects.get(uid=uid).opened_on is None


def test_campuses_are_added_and_put_out_of_use_when_empty(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    made = admin.done(CAMPUS, "add", name="江北院区", code="jb")["row"]
    assert admin.refused(CAMPUS, "add", name="另一个", code="jb")["errors"][0]["cure"]
    admin.done(CAMPUS, "retire", made["uid"])
    main = world.department("骨科").campus
    problem = admin.refused(CAMPUS, "retire", main.uid, status=409)
    assert "骨科" in problem["detail"] and problem["errors"][0]["cure"]


def test_a_hospitals_own_day_moves_its_deadlines_and_no_other_hospitals(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    day = date(2025, 3, 5)
    made = admin.done(DAY, "add", day=day.isoformat(), kind="rest", name="院庆", source="院发〔2025〕1号")[
        "row"
    ]
    mine, other = world.hospital(), world.hospital("yunling")
    assert add_working_days(date(2025, 3, 4), 1, mine.id).day == date(2025, 3, 6)
    assert add_working_days(date(2025, 3, 4), 1, other.id).day == day
    assert admin.refused(DAY, "add", day=day.isoformat(), kind="work", name="院庆")["errors"][0]["cure"]
    assert browser("hospital_admin", "yunling").get(f"/resources/{DAY}/rows/{made['uid']}").status_code == 404
    admin.done(DAY, "remove", made["uid"])
    assert add_working_days(date(2025, 3, 4), 1, mine.id).day == day


def test_nobody_in_a_hospital_changes_the_common_days(world: World, browser: Any) -> None:
    common = CalendarDay.objects.filter(hospital=None).latest("day")
    for verb in ("edit", "remove"):
        answer = browser("hospital_admin").do(DAY, verb, common.uid)
        assert answer.status_code in (403, 409)
    assert CalendarDay.objects.filter(pk=common.pk).exists()


def test_the_line_of_health_names_what_is_missing_and_leads_to_it(world: World, browser: Any) -> None:
    hospital, admin = world.hospital(), browser("hospital_admin")
    with acting(BY):  # the branch of the small world has its secretary; heads are there
        Post.unscoped.filter(hospital=hospital, role="department_head", department__name="心内科").update(
            ends_on=clock.today() - timedelta(days=1)
        )
    for name in ("甲示例", "乙示例", "丙示例"):
        admin.done("org.person", "add", name=name)
    answer = admin.get("/org/health").json()
    assert "3 人没有任职" in answer["sentence"] and "1 个科室没有负责人" in answer["sentence"]
    for item in answer["items"]:
        if "?" not in item["href"]:
            continue
        path, query = item["href"].split("?")
        key, (field, value) = path.rsplit("/", 1)[1], query.split("=")
        offered = {f["key"] for f in admin.get(f"/resources/{key}").json()["filters"]}
        assert field in offered, "the page must know the filter of the link"
        where = json.dumps({"op": "eq", "args": [{"field": field}, {"value": value}]})
        assert len(admin.rows(key, where=where)) == item["n"], item
    card = next(c for c in admin.get("/home").json()["cards"] if "组织信息" in c.get("title", ""))
    assert [i["label"] for i in card["items"]] == [i["text"] for i in answer["items"]]
    for role in ("inspector", "doctor", "leader"):
        assert browser(role).get("/org/health").status_code == 404
        assert not any("组织信息" in c.get("title", "") for c in browser(role).get("/home").json()["cards"])


def test_a_ward_below_a_head_and_a_group_of_departments_need_none(world: World) -> None:
    from core.org.domain.health import departments_without_head

    hospital = world.hospital()
    with acting(BY):
        Department.unscoped.create(
            hospital=hospital, code="系统", name="系统", kind="other", path="/999/", sort_key="x"
        )
    assert not departments_without_head(hospital, clock.today()).exists()
    made = factories.department(hospital, name="孤科")
    assert [d.name for d in departments_without_head(hospital, clock.today())] == [made.name]


def test_the_command_says_the_same_as_the_page(world: World, browser: Any) -> None:
    out = StringIO()
    call_command("org", "health", "--hospital", "binjiang", "--json", stdout=out)
    [found] = json.loads(out.getvalue())["hospitals"]
    assert found["sentence"] == browser("hospital_admin").get("/org/health").json()["sentence"]


def test_loading_the_published_holidays_again_adds_nothing(world: World) -> None:
    before = CalendarDay.objects.count()
    out = StringIO()
    call_command("org", "calendar", "--json", stdout=out)
    assert json.loads(out.getvalue())["written"] == 0 and CalendarDay.objects.count() == before
