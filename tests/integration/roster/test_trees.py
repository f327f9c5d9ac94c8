"""Departments, campuses, Party organisations, members and offices: difference, effect, and back again."""

from datetime import date
from typing import Any

import pytest

from core.kernel.errors import Problem
from core.org.models import Campus, Department, Hospital, PartyOrg, Person, Post
from core.roster.models import PartyMembership
from core.testing import factories
from tests.integration.roster.conftest import Bring

TREE = "科室代码,科室名称,上级科室,院区,类别,并入\n"
STAFF = "工号,姓名,科室\n001,张三,内科\n002,李四,外科\n003,王芳,内科\n"
PARTY = (
    "组织代码,组织名称,类别,上级组织,成立日期,并入\n"
    "DW,医院党委,党委,,2000-01-01,\n"
    "B1,第一党支部,党支部,医院党委,2001-01-01,\n"
    "B2,第二党支部,党支部,DW,,\n"
)
MEMBERS = (
    "工号,姓名,党组织,党员类型,入党日期,转正日期\n"
    "001,张三,第一党支部,正式党员,2012-06-20,2013-06-20\n"
    "002,李四,B2,预备党员,2026-07-01,\n"
)


def paths() -> dict[str, str]:
    """Code → the codes from the root down, read from the stored path alone."""
    codes = {d.pk: d.code for d in Department.objects.all()}
    return {
        d.code: "/".join(codes[int(pk)] for pk in d.path.strip("/").split("/"))
        for d in Department.objects.all()
    }


def snapshot() -> Any:
    """Everything these lists can change, without row ids and versions."""
    return (
        sorted(
            Department.objects.values_list(
                "code", "name", "parent__code", "campus__code", "kind", "state", "merged_into__code", "path", "tree_key"
            ),
            key=str,
        ),
        sorted(PartyOrg.objects.values_list("code", "name", "parent__code", "state", "dissolved_on", "path"), key=str),
        sorted(
            Post.objects.values_list("person__name", "role", "department__code", "party_org__code", "starts_on", "ends_on"),
            key=str,
        ),
        sorted(
            PartyMembership.objects.values_list("person__name", "party_org__code", "kind", "joined_on", "full_on", "left_on"),
            key=str,
        ),
        sorted(Person.objects.values_list("name", "sort_key")),
    )  # fmt: skip


def test_a_tree_in_any_order_of_rows(bring: Bring) -> None:
    done = bring.apply(
        "departments",
        TREE + "C,丙科,乙科,,,\nB,乙科,A,,医技,\nA,甲科,内科,总院,,\n",
    )
    assert done.counts["joined"] == 3
    assert paths() == {"NK": "NK", "WK": "WK", "A": "NK/A", "B": "NK/A/B", "C": "NK/A/B/C"}
    assert Department.objects.get(code="B").kind == "technical"
    assert all(d.tree_key for d in Department.objects.exclude(code__in=["NK", "WK"]))
    assert bring.undo(done).state == "undone"
    assert paths() == {"NK": "NK", "WK": "WK"}


def test_renamed_and_moved_with_everything_below(bring: Bring) -> None:
    bring.apply("departments", TREE + "A,甲科,内科,,,\nB,乙科,甲科,,,\n")
    before = snapshot()
    done = bring.apply("departments", TREE + "A,甲乙科,外科,,,\nNK,大内科,,,,\n")
    assert {g["kind"] for g in [{"kind": k} for k, n in done.counts.items() if n and k != "same"]} == {
        "moved",
        "renamed",
    }
    assert paths()["B"] == "WK/A/B"
    found = Department.objects.get(code="A")
    assert (found.name, found.sort_key.split()[0]) == ("甲乙科", "jia3")
    bring.undo(done)
    assert snapshot() == before


def test_two_departments_become_one(bring: Bring, hospital: Hospital) -> None:
    bring.apply("departments", TREE + "A,内科二病区,内科,,,\n")
    bring.apply("staff", STAFF)
    head = factories.post(
        hospital,
        "department_head",
        Person.objects.get(name="张三"),
        department=Department.objects.get(code="NK"),
    )
    before = snapshot()
    told = bring.preview("departments", TREE + "NK,内科,,,,外科\n")
    [group] = [g for g in told["groups"] if g["kind"] == "merged"]
    assert group["rows"][0]["text"] == "代码 NK 并入 WK，2 项任职转入" and group["rows"][0]["to"] == "外科"
    assert [q["id"] for q in told["questions"]] == ["merge:NK"] and "张三" in told["questions"][0]["text"]
    done = bring.apply("departments", TREE + "NK,内科,,,,外科\n", {"merge:NK": "end"})
    old = Department.objects.get(code="NK")
    assert (old.state, old.merged_into.code, old.parent.code) == ("retired", "WK", "WK")
    assert paths()["A"] == "WK/A"
    here = Post.objects.filter(ends_on=None).values_list("person__name", "department__code", "starts_on")
    assert set(here) == {
        ("张三", "WK", date(2026, 11, 22)), ("王芳", "WK", date(2026, 11, 22)), ("李四", "WK", date(2026, 11, 22)),
    }  # fmt: skip
    head.refresh_from_db()
    assert head.ends_on == date(2026, 11, 21)
    assert bring.preview("departments", TREE + "NK,内科,,,,外科\n")["counts"]["same"] == 1
    bring.undo(done)
    assert snapshot() == before


def test_a_department_with_people_is_not_dropped(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    told = bring.preview("departments", TREE + "NK,内科,,,,\n", complete=True)
    [finding] = [f for f in told["findings"] if f["severity"] == "error"]
    assert "“外科”（代码 WK）" in finding["message"] and "1 项任职" in finding["message"]
    bring.apply("departments", TREE + "Z,空科,,,,\n")
    done = bring.apply("departments", TREE + "NK,内科,,,,\nWK,外科,,,,\n", complete=True)
    assert done.counts["left"] == 1 and Department.objects.get(code="Z").state == "retired"


def test_a_row_others_stand_on_cannot_be_left_out(bring: Bring) -> None:
    with pytest.raises(Problem, match="被依赖的“A”"):
        bring.apply("departments", TREE + "A,甲科,,,,\nB,乙科,A,,,\n", leave_out=["department:A"])
    assert set(paths()) == {"NK", "WK"}


def test_campuses(bring: Bring) -> None:
    done = bring.apply("campuses", "院区代码,院区名称\nZB,总院区\nDY,东院区\n")
    assert dict(Campus.objects.values_list("code", "name")) == {"ZB": "总院区", "DY": "东院区"}
    bring.apply("departments", TREE + "NK,内科,,东院区,,\n")
    with pytest.raises(Problem, match="不能撤销"):
        bring.undo(done)
    assert dict(Campus.objects.values_list("code", "name")) == {"ZB": "总院区", "DY": "东院区"}


def test_party_organisations_and_members(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    bring.apply("party_orgs", PARTY)
    assert PartyOrg.objects.get(code="B2").parent.code == "DW"
    done = bring.apply("members", MEMBERS, on=date(2026, 8, 1))
    assert done.counts["joined"] == 2
    assert set(PartyMembership.objects.values_list("person__name", "party_org__code", "kind", "joined_on", "full_on")) == {
        ("张三", "B1", "full", date(2012, 6, 20), date(2013, 6, 20)), ("李四", "B2", "probationary", date(2026, 7, 1), None),
    }  # fmt: skip
    assert set(Post.objects.filter(role="member").values_list("person__name", "party_org__code")) == {
        ("张三", "B1"), ("李四", "B2"),
    }  # fmt: skip
    assert bring.preview("members", MEMBERS, complete=True)["counts"]["same"] == 2
    before = snapshot()
    moved = MEMBERS.replace("001,张三,第一党支部", "001,张三,第二党支部").replace(
        "预备党员,2026-07-01,", "正式党员,2026-07-01,2026-11-01"
    )
    done = bring.apply("members", moved)
    assert done.counts["moved"] == 1 and done.counts["changed"] == 1
    rows = PartyMembership.objects.filter(person__name="张三").order_by("since_on")
    assert [(r.party_org.code, r.left_on) for r in rows] == [("B1", date(2026, 11, 21)), ("B2", None)]
    assert Post.objects.get(role="member", person__name="张三", ends_on=None).party_org.code == "B2"
    bring.undo(done)
    assert snapshot() == before


def test_branches_merge_with_their_members(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    bring.apply("party_orgs", PARTY)
    bring.apply("members", MEMBERS)
    before = snapshot()
    done = bring.apply("party_orgs", PARTY.replace("2001-01-01,\n", "2001-01-01,B2\n"))
    assert done.counts["merged"] == 1
    assert PartyOrg.objects.get(code="B1").dissolved_on == date(2026, 11, 22)
    assert PartyMembership.objects.get(person__name="张三", left_on=None).party_org.code == "B2"
    bring.undo(done)
    assert snapshot() == before


def test_a_member_who_leaves_the_hospital_leaves_the_branch(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    bring.apply("party_orgs", PARTY)
    bring.apply("members", MEMBERS, on=date(2026, 8, 1))
    done = bring.apply("staff", STAFF.replace("001,张三,内科\n", ""), complete=True)
    assert PartyMembership.objects.get(person__name="张三").left_on == date(2026, 11, 21)
    assert not Post.objects.filter(person__name="张三", ends_on=None).exists()
    bring.undo(done)
    assert PartyMembership.objects.get(person__name="张三").left_on is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("X,某总支,党总支,B1,,\n", "党总支不能设在党支部下面。"),
        ("X,某小组,党小组,,,\n", "党小组必须属于一个党支部。"),
        ("X,某小组,党小组,DW,,\n", "党小组不能设在党委下面。"),
    ],
)
def test_ranks_of_party_organisations(bring: Bring, rows: str, message: str) -> None:
    told = bring.preview("party_orgs", PARTY + rows)
    assert [f["message"] for f in told["findings"] if f["severity"] == "error"] == [message]


def test_contradicting_party_dates(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    bring.apply("party_orgs", PARTY)
    told = bring.preview(
        "members",
        "工号,姓名,党组织,党员类型,入党日期,转正日期\n"
        "001,张三,B1,正式党员,2012-06-20,2011-06-20\n"
        "002,李四,B1,预备党员,2012-06-20,2013-06-20\n"
        "003,王芳,B1,正式党员,2027-06-20,\n",
    )
    assert [(f["row"], f["cell"]) for f in told["findings"]] == [(2, "F2"), (3, "D3"), (4, "E4")]


def test_offices_come_change_and_end(bring: Bring) -> None:
    bring.apply("staff", STAFF)
    head = "工号,姓名,角色,职务,科室,任职日期,免职日期\n"
    first = (
        head + "001,张三,科室负责人,科主任,内科,2020-01-01,\n002,李四,科室负责人,科主任,外科,2021-01-01,\n"
    )
    assert bring.apply("posts", first, complete=True).counts["joined"] == 2
    assert bring.preview("posts", first, complete=True)["counts"]["same"] == 2
    before = snapshot()
    second = (
        head
        + "003,王芳,科室负责人,副主任,内科,2026-11-22,\n001,张三,科室负责人,科主任,内科,2020-01-01,2026-11-21\n"
    )
    done = bring.apply("posts", second, complete=True)
    assert {k: n for k, n in done.counts.items() if n} == {"joined": 1, "left": 2}
    now = Post.objects.filter(role="department_head", ends_on=None)
    assert [(p.person.name, p.department.code) for p in now] == [("王芳", "NK")]
    bring.undo(done)
    assert snapshot() == before
