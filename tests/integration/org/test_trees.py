"""Departments and Party organisations kept by the hospital's own people, over HTTP."""

from datetime import date, timedelta
from typing import Any

import pytest

from core.jobs.models import Outbox
from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.kernel.errors import Problem
from core.org.domain import people, trees
from core.org.models import Department, PartyOrg, Post
from core.testing.world import World
from tests.integration.org.conftest import BY

DEPARTMENT, PARTY = "org.department", "org.party_org"


def names(browser: Any, key: str = DEPARTMENT) -> list[str]:
    return [row["values"]["name"] for row in browser.rows(key)]


def cures(problem: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(error["pointer"], bool(error.get("cure"))) for error in problem["errors"]]


def add(browser: Any, name: str, code: str = "", **values: Any) -> str:
    given = {"name": name, "code": code or name, "kind": "clinical", **values}
    return browser.done(DEPARTMENT, "add", **given)["row"]["uid"]


def test_the_list_reads_as_the_tree(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    heart = world.department("心内科").uid
    for name in ("心内第十病区", "心内第二病区"):
        add(admin, name, parent=str(heart))
    shown = [row["values"]["tree"] for row in admin.rows(DEPARTMENT)]
    assert shown == ["骨科", "　└ 骨科关节病区", "心内科", "　└ 心内第二病区", "　└ 心内第十病区"]


def test_a_department_moves_with_all_below_it_and_so_does_the_heads_reach(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    bones, ward, heart = (world.department(n) for n in ("骨科", "骨科关节病区", "心内科"))
    inner = add(admin, "关节一组", parent=str(ward.uid))
    admin.done(DEPARTMENT, "move", ward.uid, parent=str(heart.uid))
    assert world.principal("department_head", department="心内科").posts[0].department_codes == {
        "心内科", "骨科关节病区", "关节一组",
    }  # fmt: skip
    assert world.principal("department_head", department="骨科").posts[0].department_codes == {"骨科"}
    admin.done(DEPARTMENT, "move", ward.uid, parent=None)
    top = Department.unscoped.get(uid=inner)
    assert top.path == f"/{ward.id}/{top.id}/" and bones.path == f"/{bones.id}/"


@pytest.mark.parametrize("parent", ["骨科", "骨科关节病区"])
def test_a_department_is_never_its_own_parent_nor_its_childs(world: World, browser: Any, parent: str) -> None:
    uid = str(world.department(parent).uid)
    problem = browser("hospital_admin").refused(DEPARTMENT, "move", world.department("骨科").uid, parent=uid)
    assert cures(problem) == [("/values/parent", True)]
    assert Department.unscoped.get(pk=world.department("骨科").pk).parent_id is None


def test_another_hospitals_department_is_no_parent(world: World, browser: Any) -> None:
    foreign = str(world.department("骨科", "yunling").uid)
    problem = browser("hospital_admin").refused(
        DEPARTMENT, "add", name="新科", code="新科", kind="clinical", parent=foreign
    )
    assert problem["errors"][0]["pointer"] == "/values/parent"
    assert "骨科" not in problem["detail"], "nothing is told of what the other hospital has"


def test_a_doubled_code_names_who_has_it(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    problem = admin.refused(DEPARTMENT, "add", name="骨科二部", code="骨科", kind="clinical")
    assert cures(problem) == [("/values/code", True)] and "骨科" in problem["errors"][0]["message"]
    add(admin, "骨科二部", code="GK2")
    answer = admin.refused(
        DEPARTMENT, "edit", Department.unscoped.get(code="GK2").uid, code="心内科", kind="clinical"
    )
    assert cures(answer) == [("/values/code", True)]
    assert (
        browser("hospital_admin", "yunling")
        .do(DEPARTMENT, "add", name="丙科", code="GK2", kind="clinical")
        .status_code
        == 200
    ), "another hospital may use the same code"


def test_retiring_names_the_people_who_are_still_there_and_says_the_cure(world: World, browser: Any) -> None:
    admin, heart = browser("hospital_admin"), world.department("心内科")
    problem = admin.refused(DEPARTMENT, "retire", heart.uid, status=409)
    there = {p.person.name for p in Post.unscoped.filter(department=heart).select_related("person")}
    assert any(name in problem["detail"] for name in there) and f"{len(there)} 人" in problem["detail"]
    assert "合并" in problem["errors"][0]["cure"]
    with acting(BY):
        Post.unscoped.filter(department=heart).update(ends_on=clock.today() - timedelta(days=1))
    admin.done(DEPARTMENT, "retire", heart.uid)
    assert admin.row(DEPARTMENT, heart.uid)["state"] == "retired"
    assert admin.refused(DEPARTMENT, "rename", heart.uid, status=409, name="新名")
    admin.done(DEPARTMENT, "restore", heart.uid)
    assert admin.row(DEPARTMENT, heart.uid)["state"] == "active"


def test_retiring_with_units_below_is_refused(world: World, browser: Any) -> None:
    problem = browser("hospital_admin").refused(
        DEPARTMENT, "retire", world.department("骨科").uid, status=409
    )
    assert "骨科关节病区" in problem["detail"] and problem["errors"][0]["cure"]


def test_merging_carries_people_and_units_over_and_keeps_the_history(world: World, browser: Any) -> None:
    admin = browser("hospital_admin")
    bones, ward, heart = (world.department(n) for n in ("骨科", "骨科关节病区", "心内科"))
    today = clock.today()
    there = set(Post.unscoped.filter(department=bones, ends_on=None).values_list("person_id", flat=True))
    before = Post.unscoped.filter(department=bones).count()
    admin.done(DEPARTMENT, "merge", bones.uid, into=str(heart.uid), on=None)
    bones, ward = (Department.unscoped.get(pk=d.pk) for d in (bones, ward))
    assert (bones.state, bones.merged_into_id, ward.parent_id) == ("retired", heart.pk, heart.pk)
    old = Post.unscoped.filter(department=bones)
    assert old.count() == before and not old.filter(ends_on=None).exists(), "what was, stays as it was"
    now = Post.unscoped.filter(department=heart, starts_on=today)
    assert set(now.values_list("person_id", flat=True)) == there
    reach = world.principal("department_head", department="心内科").posts[0].department_codes
    assert {"骨科", "骨科关节病区"} <= reach, "the new head goes on seeing lines written under the old code"


def test_merging_into_oneself_or_from_tomorrow_is_refused(world: World, browser: Any) -> None:
    admin, bones = browser("hospital_admin"), world.department("骨科")
    for into in ("骨科", "骨科关节病区"):
        problem = admin.refused(DEPARTMENT, "merge", bones.uid, into=str(world.department(into).uid), on=None)
        assert cures(problem) == [("/values/into", True)]
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    problem = admin.refused(
        DEPARTMENT, "merge", bones.uid, into=str(world.department("心内科").uid), on=tomorrow
    )
    assert cures(problem) == [("/values/on", True)]


def test_the_party_tree_keeps_its_ranks(world: World, browser: Any) -> None:
    office = browser("party_office")
    committee, branch = (
        PartyOrg.unscoped.get(hospital=world.hospital(), kind=kind) for kind in ("committee", "branch")
    )
    given = {"code": "X1", "formed_on": None}
    assert office.refused(PARTY, "add", name="某小组", kind="group", parent=None, **given)
    assert office.refused(PARTY, "add", name="某小组", kind="group", parent=str(committee.uid), **given)
    assert office.refused(PARTY, "add", name="某总支", kind="general_branch", parent=str(branch.uid), **given)
    made = office.done(PARTY, "add", name="第一小组", kind="group", parent=str(branch.uid), **given)
    assert made["row"]["values"]["tree"] == "　　└ 第一小组"
    assert office.refused(PARTY, "move", committee.uid, parent=str(branch.uid))
    assert office.refused(PARTY, "move", made["row"]["uid"], parent=None)


def test_who_may_not_change_the_trees(world: World, browser: Any) -> None:
    for role, expected in (("inspector", 403), ("department_head", 403), ("doctor", 404)):
        answer = browser(role, department="骨科" if role == "department_head" else "").do(
            DEPARTMENT, "add", name="某科", code="某科", kind="clinical"
        )
        assert answer.status_code == expected
    assert not Department.unscoped.filter(code="某科").exists()


def test_every_change_of_a_tree_reaches_search(world: World) -> None:
    """Also one that comes by a command line or an import, which never pass the gateway."""
    hospital = world.hospital()

    def told() -> set[str]:
        rows = Outbox.objects.filter(kind="search.changed").order_by("id").values_list("data", flat=True)
        return {uid for data in rows for uid in data["uids"]}

    ward, heart = world.department("骨科关节病区"), world.department("心内科")
    with hospital_scope(hospital), acting(BY):
        Outbox.objects.all().delete()
        made = trees.add_department(hospital=hospital, code="新", name="新", parent=ward)
        trees.move(Department.unscoped.get(pk=ward.pk), heart)
    assert {str(made.uid), str(ward.uid)} <= told()


def test_a_level_too_deep_is_refused(world: World) -> None:
    with acting(BY):
        at = world.department("心内科")
        with pytest.raises(Problem) as caught:
            for n in range(trees.MAX_DEPTH + 2):
                at = trees.add_department(hospital=world.hospital(), code=f"L{n}", name=f"第{n}层", parent=at)
    assert caught.value.errors[0].cure


def test_formed_tomorrow_is_refused(world: World, browser: Any) -> None:
    day = (clock.today() + timedelta(days=1)).isoformat()
    problem = browser("party_office").refused(
        PARTY, "add", name="某支部", kind="branch", code="Z9", parent=None, formed_on=day
    )
    assert cures(problem) == [("/values/formed_on", True)]
    assert date.fromisoformat(day)


def test_merging_departments_gives_nobody_the_same_post_twice(world: World, browser: Any) -> None:
    """Who was a doctor in both goes on as one doctor, whose post can still be corrected."""
    hospital, today = world.hospital(), clock.today()
    with hospital_scope(hospital), acting(BY):
        one = trees.add_department(hospital=hospital, code="并一", name="并一")
        two = trees.add_department(hospital=hospital, code="并二", name="并二")
        person, since = people.add_person("并示例"), today - timedelta(days=100)
        old, kept = (
            people.appoint(person, hospital, "doctor", starts_on=since, department=at) for at in (one, two)
        )
        coming = people.appoint(
            person, hospital, "staff", starts_on=today + timedelta(days=9), department=one
        )
        people.appoint(person, hospital, "staff", starts_on=today + timedelta(days=5), department=two)
    browser("hospital_admin").done(DEPARTMENT, "merge", one.uid, into=str(two.uid), on=None)
    now = Post.unscoped.filter(person=person, role="doctor", ends_on=None)
    assert [post.pk for post in now] == [kept.pk]
    assert Post.unscoped.get(pk=old.pk).ends_on == today - timedelta(days=1)
    assert not Post.unscoped.filter(pk=coming.pk).exists()
    with acting(BY):
        people.correct_post(now.select_related("person", "hospital", "department").get(), title="主任医师")


def test_codes_that_differ_by_a_blank_are_one_code(world: World) -> None:
    with hospital_scope(world.hospital()), acting(BY):
        made = trees.add_department(hospital=world.hospital(), code=" 空格 ", name="空格科")
        other = trees.add_department(hospital=world.hospital(), code="别的", name="别的科")
        assert made.code == "空格"
        with pytest.raises(Problem, match="空格"):
            trees.recode(other, "空格 ")
        trees.recode(made, "空格")
        trees.recode(other, " 别的二 ")
    assert Department.unscoped.get(pk=other.pk).code == "别的二"
