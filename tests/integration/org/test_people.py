"""Persons, the roll and dated posts: what a hospital enters by hand, and what is refused."""

from datetime import date, timedelta
from typing import Any

import pytest

from core.audit.models import Event
from core.kernel import clock
from core.kernel.context import acting
from core.org.domain import people
from core.org.models import Enrolment, Hospital, Person, Post
from core.policy.roles import PRIVILEGED_ROLES
from core.testing import factories
from core.testing.world import World
from tests.integration.org.conftest import BY

PERSON, POST = "org.person", "org.post"


def day(offset: int = 0) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


def new_person(browser: Any, name: str = "石示例", **values: Any) -> str:
    return browser.done(PERSON, "add", name=name, **values)["row"]["uid"]


def new_post(browser: Any, person: str, role: str = "staff", **values: Any) -> dict[str, Any]:
    return browser.done(POST, "add", person=person, role=role, **values)["row"]


def pointers(problem: dict[str, Any]) -> list[str]:
    assert all(error.get("cure") for error in problem["errors"]), "each place says what to do"
    return [error["pointer"] for error in problem["errors"]]


def test_a_person_is_registered_appointed_moved_and_found(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    uid = new_person(admin, number="T001", born_on="1990-01-02", joined_on=day(-30))
    assert [
        r["uid"] for r in admin.rows(PERSON, where='{"op":"eq","args":[{"field":"posted"},{"value":"no"}]}')
    ] == [uid], "on the roll without a post: seen in the list, and by the line of health"
    bones = str(world.department("骨科").uid)
    post = new_post(admin, uid, "doctor", department=bones, source_code="T001", starts_on=day(-20))
    moved = admin.done(
        POST,
        "move",
        post["uid"],
        department=str(world.department("心内科").uid),
        on=day(-3),
        title="主治医师",
    )
    assert moved["row"]["values"]["ends_on"] == day(-4)
    held = Post.unscoped.filter(person__uid=uid).order_by("starts_on")
    assert [(p.department.name, p.starts_on.isoformat()) for p in held] == [
        ("骨科", day(-20)),
        ("心内科", day(-3)),
    ]
    assert {p.source_code for p in held} == {"T001"}
    shown = admin.row(PERSON, uid)["values"]
    assert (shown["department"], shown["title"], shown["number"]) == ("心内科", "主治医师", "T001")
    assert (
        browser("department_head", department="心内科").get(f"/resources/{PERSON}/rows/{uid}").status_code
        == 200
    )
    assert (
        browser("department_head", department="骨科").get(f"/resources/{PERSON}/rows/{uid}").status_code
        == 404
    )


@pytest.mark.parametrize("verb", ["leave", "end"])
def test_a_leavers_rights_end_with_the_next_request(world: World, browser: Any, verb: str) -> None:
    """The leaver is signed in all the while; nobody signs out or restarts anything."""
    admin, leaver = browser("hospital_admin"), browser("pharmacy")
    post = Post.unscoped.get(hospital=world.hospital(), role="pharmacy")
    assert leaver.get("/resources/lake.import/rows").status_code == 200
    if verb == "leave":
        admin.done(PERSON, "leave", post.person.uid, last_day=None)
    else:
        admin.done(POST, "end", post.uid, last_day=None)
    assert leaver.get("/resources/lake.import/rows").status_code == 404
    assert leaver.get("/home").status_code == 404
    post.refresh_from_db()
    assert post.ends_on == clock.today() - timedelta(days=1)


def test_a_last_day_to_come_leaves_the_rights_until_then(world: World, browser: Any) -> None:
    admin, leaver = browser("hospital_admin"), browser("pharmacy")
    post = Post.unscoped.get(hospital=world.hospital(), role="pharmacy")
    admin.done(POST, "end", post.uid, last_day=day(0))
    assert leaver.get("/resources/lake.import/rows").status_code == 200, "the last day is still held"


def test_a_post_taken_back_on_its_first_day_is_gone_at_once(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    made = new_post(admin, new_person(admin), "pharmacy", starts_on=day(0))
    admin.done(POST, "end", made["uid"], last_day=None)
    assert not Post.unscoped.filter(uid=made["uid"]).exists()
    assert Event.objects.filter(kind="org.post.end", subject_uid=made["uid"]).exists(), "the record keeps it"


def test_dates_that_cannot_be(world: World, browser: Any) -> None:
    admin, hospital = browser("hospital_admin"), world.hospital()
    with acting(BY):
        Hospital.objects.filter(pk=hospital.pk).update(opened_on=date(1998, 5, 1))
    uid = new_person(admin, born_on="1980-06-01", joined_on="2010-01-01")

    def refused(**values: Any) -> list[str]:
        return pointers(admin.refused(POST, "add", person=uid, role="staff", **values))

    assert refused(starts_on="1979-01-01") == ["/values/starts_on"], "before birth"
    assert refused(starts_on="1998-04-30") == ["/values/starts_on"], "before the hospital opened"
    assert refused(starts_on="2020-01-01", ends_on="2019-12-31") == ["/values/ends_on"], (
        "ends before it starts"
    )
    assert pointers(admin.refused(PERSON, "add", name="某人", born_on=day(1))) == ["/values/born_on"]
    assert pointers(admin.refused(PERSON, "add", name="某人", born_on="1850-01-01")) == ["/values/born_on"]
    new_post(admin, uid, starts_on="2010-01-01")
    problem = admin.refused(PERSON, "edit", uid, born_on="2011-01-01", number="")
    assert pointers(problem) == ["/values/born_on"], "a birth after the first post"
    post = Post.unscoped.get(person__uid=uid)
    assert pointers(admin.refused(POST, "end", post.uid, last_day="2009-12-31")) == ["/values/ends_on"]
    assert pointers(admin.refused(POST, "move", post.uid, on="2010-01-01")) == ["/values/on"]
    assert Post.unscoped.filter(person__uid=uid).count() == 1


def test_doubled_numbers_codes_and_posts_are_refused(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    first, second = new_person(admin, number="T1"), new_person(admin, "石另例")
    assert pointers(admin.refused(PERSON, "add", name="某人", number="T1")) == ["/values/number"]
    assert not Person.objects.filter(name="某人").exists(), "nothing is left of a refused form"
    new_post(admin, first, "doctor", source_code="D1", starts_on=day(-9))
    assert pointers(admin.refused(POST, "add", person=second, role="doctor", source_code="D1")) == [
        "/values/source_code"
    ]
    assert pointers(admin.refused(POST, "add", person=first, role="doctor", starts_on=day(-2))) == [
        "/values/starts_on"
    ], "the same post twice"


def test_two_people_of_one_name_are_two_people(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    one, other = new_person(admin, "石同名"), new_person(admin, "石同名")
    assert one != other and {r["uid"] for r in admin.rows(PERSON, q="石同名")} == {one, other}


@pytest.mark.parametrize("role", sorted(PRIVILEGED_ROLES))
def test_posts_of_administrators_and_of_class_4_are_given_by_the_security_administrator_alone(
    world: World, browser: Any, role: str
) -> None:
    admin, security = browser("hospital_admin"), browser("security_admin")
    uid = new_person(admin)
    assert role not in {choice["value"] for choice in choices(admin)}
    answer = admin.do(POST, "add", person=uid, role=role)
    assert answer.status_code in (403, 422) and not Post.unscoped.filter(person__uid=uid).exists()
    made = new_post(security, uid, role, starts_on=day(-1))
    assert admin.do(POST, "end", made["uid"], last_day=None).status_code == 403
    problem = admin.refused(PERSON, "leave", uid, status=409, last_day=None)
    assert "安全管理员" in problem["errors"][0]["cure"]
    security.done(POST, "end", made["uid"], last_day=None)
    assert Post.unscoped.get(uid=made["uid"]).ends_on == clock.today() - timedelta(days=1)


def test_the_security_administrator_gives_no_ordinary_posts(world: World, browser: Any) -> None:
    uid = new_person(browser("hospital_admin"))
    assert browser("security_admin").do(POST, "add", person=uid, role="doctor").status_code in (403, 422)
    assert {c["value"] for c in choices(browser("security_admin"))} == set(PRIVILEGED_ROLES)
    assert not Post.unscoped.filter(person__uid=uid).exists()


def choices(browser: Any) -> list[dict[str, str]]:
    actions = browser.get(f"/resources/{POST}").json()["actions"]
    form = next(action["form"] for action in actions if action["verb"] == "add")
    return next(field["choices"] for field in form["fields"] if field["key"] == "role")


def test_a_person_of_another_hospital_is_not_found_by_its_uid(world: World, browser: Any) -> None:
    foreign = world.user("doctor", "yunling").person
    problem = browser("hospital_admin").refused(POST, "add", person=str(foreign.uid), role="staff")
    assert pointers(problem) == ["/values/person"] and foreign.name not in str(problem)


def test_a_name_is_not_changed_over_the_head_of_another_hospital(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    uid = new_person(admin)
    admin.done(PERSON, "rename", uid, name="石新名")
    assert Person.objects.get(uid=uid).name == "石新名"
    assert [row["uid"] for row in admin.rows(PERSON, q="石新名")] == [uid]
    factories.post(world.hospital("yunling"), "staff", Person.objects.get(uid=uid))
    assert pointers(admin.refused(PERSON, "rename", uid, name="石再改")) == ["/values/name"]


def test_leaving_ends_every_post_and_the_place_on_the_roll_here_only(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    uid = new_person(admin, joined_on=day(-50))
    person = Person.objects.get(uid=uid)
    new_post(admin, uid, "doctor", starts_on=day(-40)), new_post(admin, uid, "member", starts_on=day(-10))
    elsewhere = factories.post(world.hospital("yunling"), "staff", person)
    admin.done(PERSON, "leave", uid, last_day=None)
    here = Post.unscoped.filter(person=person, hospital=world.hospital())
    assert {p.ends_on for p in here} == {clock.today() - timedelta(days=1)}
    assert Enrolment.unscoped.get(person=person).left_on == clock.today() - timedelta(days=1)
    elsewhere.refresh_from_db()
    assert elsewhere.ends_on is None
    assert admin.get(f"/resources/{PERSON}/rows/{uid}").status_code == 404
    with acting(BY):
        people.enrol(person, world.hospital())
    assert admin.get(f"/resources/{PERSON}/rows/{uid}").status_code == 200, "somebody may come back"


def test_someone_who_is_not_shown_the_code_does_not_empty_it(world: World, browser: Any) -> None:
    post = Post.unscoped.get(hospital=world.hospital(), role="audit_admin")
    code = post.source_code
    assert code
    browser("security_admin").done(
        POST, "edit", post.uid, title="审计员", starts_on=post.starts_on.isoformat(), ends_on=None
    )
    post.refresh_from_db()
    assert (post.title, post.source_code) == ("审计员", code)


def test_a_leaver_has_no_right_on_any_later_day(world: World, browser: Any) -> None:
    """A post that was to begin after the last day never begins; one that ends sooner is not drawn out."""
    admin = browser("hospital_admin")
    uid = new_person(admin, "离示例", joined_on=day(-40))
    new_post(admin, uid, "doctor", starts_on=day(-40))
    new_post(admin, uid, "staff", starts_on=day(-40), ends_on=day(3), title="轮转")
    new_post(admin, uid, "correspondent", starts_on=day(30))
    admin.done(PERSON, "leave", uid, last_day=day(10))
    held = Post.unscoped.filter(person__uid=uid)
    assert {(post.role, post.ends_on.isoformat()) for post in held if post.ends_on} == {
        ("doctor", day(10)),
        ("staff", day(3)),
    }
    assert held.count() == 2
    assert Enrolment.unscoped.get(person__uid=uid).left_on == clock.today() + timedelta(days=10)
    admin.done(PERSON, "leave", uid)
    assert Enrolment.unscoped.get(person__uid=uid).left_on == clock.today() - timedelta(days=1), (
        "who leaves sooner than planned is off the roll as well"
    )
    assert not Post.unscoped.filter(person__uid=uid, ends_on__gte=clock.today()).exists()


def test_a_birth_after_coming_to_the_hospital_is_refused(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    uid = new_person(admin, "生示例", joined_on=day(-40))
    for born in (day(-40), day(-10)):
        problem = admin.refused(PERSON, "edit", uid, number="", born_on=born)
        assert pointers(problem) == ["/values/born_on"]
    new_post(admin, uid, "staff", starts_on=day(-40))
    problem = admin.refused(PERSON, "edit", uid, number="", born_on=day(-40))
    assert pointers(problem) == ["/values/born_on"], "the day a post begins, as when it is registered"
