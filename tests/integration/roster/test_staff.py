"""Staff month by month, as a hospital's own people do it: what the page says and what the database then holds."""

from collections.abc import Callable
from datetime import date

import pytest

from core.kernel.errors import Problem
from core.org.models import Enrolment, Hospital, Person, Post
from core.policy.principal import principal_for
from core.roster.models import ChangeSet
from core.testing import factories
from tests.integration.roster.conftest import Bring, names

HEAD = "工号,姓名,科室,职务,人员类别,入职日期,离职日期,出生日期\n"
FIRST = HEAD + (
    "001,张三,内科,主治医师,医师,2015-07-01,,1988-03-12\n"
    "002,李四,外科,护士,,2020/02/03,,\n"
    "003,王芳,NK,护师,职工,20180901,,\n"
)
Held = Callable[[str], list[tuple[str, str, str, str]]]


def test_the_first_list_makes_people_posts_and_the_roll(bring: Bring, held: Held) -> None:
    told = bring.preview("staff", FIRST)
    assert told["counts"] == {
        "joined": 3, "left": 0, "moved": 0, "renamed": 0, "merged": 0, "changed": 0, "same": 0,
    }  # fmt: skip
    assert names() == set(), "a preview writes nothing"
    done = bring.apply("staff", FIRST)
    assert done.state == "applied" and done.changed == 3
    assert names() == {"张三", "李四", "王芳"}
    assert held("001") == [("doctor", "内科", "2015-07-01", "")]
    assert held("003") == [("staff", "内科", "2018-09-01", "")]
    assert Person.objects.get(name="张三").born_on == date(1988, 3, 12)
    assert set(Enrolment.objects.values_list("number", "joined_on")) == {
        ("001", date(2015, 7, 1)), ("002", date(2020, 2, 3)), ("003", date(2018, 9, 1)),
    }  # fmt: skip


def test_the_same_list_again_changes_nothing_and_is_refused(bring: Bring) -> None:
    bring.apply("staff", FIRST)
    told = bring.preview("staff", FIRST, complete=True)
    assert told["counts"]["same"] == 3 and sum(told["counts"].values()) == 3
    assert told["can_apply"] is False
    with pytest.raises(Problem, match="没有要变动的内容"):
        bring.apply("staff", FIRST, complete=True)


def test_the_next_month_joins_moves_renames_and_ends(bring: Bring, held: Held) -> None:
    bring.apply("staff", FIRST)
    second = HEAD + (
        "001,张三,外科,副主任医师,医师,2015-07-01,,1988-03-12\n"
        "003,王方,内科,护师,职工,20180901,,\n"
        "004,赵六,内科,护士,,2026-11-01,,\n"
    )
    told = bring.preview("staff", second, complete=True)
    assert {g["kind"]: [r["name"] for r in g["rows"]] for g in told["groups"]} == {
        "joined": ["赵六"],
        "left": ["李四"],
        "moved": ["张三"],
    }
    assert [q["id"] for q in told["questions"]] == ["name:003"]
    done = bring.apply("staff", second, {"name:003": "rename"}, complete=True)
    assert done.counts | {"same": 0} == {
        "joined": 1, "left": 1, "moved": 1, "renamed": 1, "merged": 0, "changed": 0, "same": 0,
    }  # fmt: skip
    assert held("001") == [
        ("doctor", "内科", "2015-07-01", "2026-11-21"),
        ("doctor", "外科", "2026-11-22", ""),
    ]
    assert held("002") == [("staff", "外科", "2020-02-03", "2026-11-21")]
    assert Enrolment.objects.get(number="002").left_on == date(2026, 11, 21)
    assert names() == {"张三", "李四", "王方", "赵六"}


def test_a_leavers_rights_end_at_once(bring: Bring, hospital: Hospital) -> None:
    bring.apply("staff", FIRST)
    user = factories.user(Person.objects.get(name="李四"))
    assert principal_for(user, hospital) is not None
    bring.apply("staff", FIRST.replace("002,李四,外科,护士,,2020/02/03,,\n", ""), complete=True)
    assert principal_for(user, hospital) is None


def test_a_named_last_day_is_the_last_day_of_every_post(bring: Bring, hospital: Hospital, held: Held) -> None:
    bring.apply("staff", FIRST)
    factories.post(hospital, "department_head", Person.objects.get(name="李四"), source_code="002")
    bring.apply("staff", HEAD + "002,李四,外科,护士,,2020/02/03,2026-12-31,\n")
    assert {last for _, _, _, last in held("002")} == {"2026-12-31"}


def test_many_missing_asks_and_keeping_them_changes_nothing(bring: Bring, held: Held) -> None:
    everyone = HEAD + "".join(f"{n:03d},职工{n:03d},内科,,,,,\n" for n in range(1, 11))
    bring.apply("staff", everyone)
    few = HEAD + "".join(f"{n:03d},职工{n:03d},内科,,,,,\n" for n in range(1, 8)) + "011,新来的,内科,,,,,\n"
    told = bring.preview("staff", few, complete=True)
    assert [q["id"] for q in told["questions"]] == ["many_leave"] and "30%" in told["questions"][0]["text"]
    with pytest.raises(Problem, match="要您决定"):
        bring.apply("staff", few, complete=True)
    assert held("009")[0][3] == ""
    assert bring.apply("staff", few, {"many_leave": "keep"}, complete=True).counts["left"] == 0
    assert bring.apply("staff", few, {"many_leave": "leave"}, complete=True).counts["left"] == 3


def test_a_new_number_with_a_known_name_asks_who_it_is(bring: Bring, held: Held) -> None:
    bring.apply("staff", FIRST)
    changed = FIRST.replace("003,王芳", "103,王芳")
    told = bring.preview("staff", changed)
    [question] = told["questions"]
    assert question["id"] == "same:103" and len(question["options"]) == 2
    one = str(Person.objects.get(name="王芳").uid)
    assert {o["value"] for o in question["options"]} == {"new", one}
    done = bring.apply("staff", changed, {"same:103": one})
    assert done.counts["changed"] == 1 and Person.objects.filter(name="王芳").count() == 1
    assert held("003") == [("staff", "内科", "2018-09-01", "2026-11-21")], "what was keeps the former number"
    assert held("103") == [("staff", "内科", "2026-11-22", "")]
    assert bring.preview("staff", changed, complete=True)["counts"]["same"] == 3


def test_two_persons_of_one_name_are_two_by_number(bring: Bring) -> None:
    bring.apply("staff", FIRST)
    both = FIRST + "103,王芳,外科,护士,,,,\n"
    told = bring.preview("staff", both)
    assert told["questions"] == [], "the other one stands in the list herself"
    bring.apply("staff", both)
    assert Person.objects.filter(name="王芳").count() == 2


def test_a_number_given_to_somebody_else(bring: Bring, held: Held) -> None:
    bring.apply("staff", FIRST)
    other = FIRST.replace("002,李四", "002,周七")
    bring.apply("staff", other, {"name:002": "other"})
    assert names() == {"张三", "李四", "王芳", "周七"}
    assert Enrolment.objects.get(number="002").person.name == "周七"
    assert Enrolment.objects.get(person__name="李四").left_on == date(2026, 11, 21)
    assert bring.preview("staff", other, complete=True)["counts"]["same"] == 3


def test_who_comes_back_is_the_same_person(bring: Bring, held: Held) -> None:
    bring.apply("staff", FIRST)
    gone = FIRST.replace("002,李四,外科,护士,,2020/02/03,,\n", "")
    bring.apply("staff", gone, complete=True)
    assert bring.apply("staff", FIRST, complete=True).counts["joined"] == 1
    assert Person.objects.filter(name="李四").count() == 1
    assert held("002")[-1] == ("staff", "外科", "2026-11-22", "")


def test_an_administrators_post_is_ended_only_when_told(bring: Bring, hospital: Hospital) -> None:
    bring.apply("staff", FIRST)
    factories.post(hospital, "hospital_admin", Person.objects.get(name="李四"))
    gone = FIRST.replace("002,李四,外科,护士,,2020/02/03,,\n", "")
    told = bring.preview("staff", gone, complete=True)
    assert [q["id"] for q in told["questions"]] == ["guarded:002"]
    bring.apply("staff", gone, {"guarded:002": "keep"}, complete=True)
    assert Post.objects.get(role="hospital_admin").ends_on is None


def test_a_head_who_moves_is_asked_about(bring: Bring, hospital: Hospital) -> None:
    bring.apply("staff", FIRST)
    inner = Post.objects.get(source_code="001").department
    factories.post(hospital, "department_head", Person.objects.get(name="张三"), department=inner)
    moved = FIRST.replace("001,张三,内科", "001,张三,外科")
    assert [q["id"] for q in bring.preview("staff", moved)["questions"]] == ["stay:001"]
    bring.apply("staff", moved, {"stay:001": "end"})
    assert Post.objects.get(role="department_head").ends_on == date(2026, 11, 21)


def test_a_row_may_be_left_out(bring: Bring) -> None:
    bring.apply("staff", FIRST, leave_out=["staff:002"])
    assert names() == {"张三", "王芳"}
    with pytest.raises(Problem, match="不在这次变动里"):
        bring.apply("staff", FIRST, leave_out=["staff:999"])


def test_other_hospitals_people_are_never_named(bring: Bring) -> None:
    elsewhere = factories.hospital(name="别的医院")
    factories.post(elsewhere, "staff", factories.person("张三"), source_code="777")
    assert bring.preview("staff", FIRST)["questions"] == []


def test_undo_puts_everything_back(bring: Bring, held: Held) -> None:
    bring.apply("staff", FIRST)
    before = {number: held(number) for number in ("001", "002", "003")}
    second = (
        FIRST.replace("001,张三,内科", "001,张三,外科").replace("003,王芳", "003,王方")
        + "004,赵六,内科,,,,,\n"
    )
    done = bring.apply("staff", second, {"name:003": "rename"})
    assert bring.undo(done).state == "undone"
    assert {number: held(number) for number in before} == before
    assert names() == {"张三", "李四", "王芳"}
    assert bring.preview("staff", FIRST, complete=True)["counts"]["same"] == 3
    with pytest.raises(Problem, match="只有已生效"):
        bring.undo(done)


def test_undo_is_refused_once_something_was_built_on_it(bring: Bring) -> None:
    done = bring.apply("staff", FIRST)
    factories.user(Person.objects.get(name="李四"))
    with pytest.raises(Problem, match="不能撤销") as refused:
        bring.undo(done)
    assert "账号" in refused.value.detail
    assert names() == {"张三", "李四", "王芳"}, "nothing was taken back by half"
    assert ChangeSet.objects.get(pk=done.pk).state == "applied"


def test_undo_is_refused_once_a_row_was_changed_again(bring: Bring) -> None:
    done = bring.apply("staff", FIRST)
    bring.apply("staff", FIRST.replace("001,张三,内科,主治医师", "001,张三,内科,主任医师"))
    with pytest.raises(Problem, match="又有了新的变动"):
        bring.undo(done)
    assert names() == {"张三", "李四", "王芳"}
