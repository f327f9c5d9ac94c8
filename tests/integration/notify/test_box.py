"""One service, one box: sent with the caller's transaction, once by key, counted, read, closed with its thing."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.notify.domain import inbox, resolve
from core.testing import factories
from tests.integration.notify.conftest import BY, KIND, MORNING, House, ask

pytestmark = pytest.mark.django_db


def box(house: House, role: str, state: str = "open", **more: str):
    query = "&".join(f"{k}={v}" for k, v in {"state": state, **more}.items())
    return ask(house.client(role), "GET", f"/notices?{query}").json()


def test_a_notice_is_in_the_box_and_counted_and_nobody_else_sees_it(house: House) -> None:
    house.send(house.person("doctor"))
    shown = box(house, "doctor")
    assert shown["open"] == 1 and shown["next"] is None
    (one,) = shown["notices"]
    assert (one["title"], one["text"]) == ("关于今年的工作", "请看今年的工作。")
    assert (one["kind"], one["kind_label"], one["href"]) == (KIND, "试验消息", "/h/binjiang/r/x/1")
    assert one["read_at"] is None and one["due"] is None and one["urgent"] is False
    assert box(house, "inspector") == {"open": 0, "notices": [], "next": None}
    assert ask(house.client("doctor"), "GET", "/notices/count").json() == {"open": 1}


def test_a_rolled_back_command_tells_nobody(house: House) -> None:
    with pytest.raises(RuntimeError), acting(BY):
        house.send(house.person("doctor"))
        raise RuntimeError
    assert house.receipts() == []


def test_the_same_key_tells_nobody_twice_and_adds_who_was_left_out(house: House) -> None:
    one, two = house.person("doctor"), house.person("inspector")
    first = house.send(one)
    assert house.send(one).pk == first.pk
    assert house.send(two, one).pk == first.pk
    assert [row.person_id for row in house.receipts()] == [one, two]


def test_people_of_another_hospital_and_leavers_are_not_told(house: House) -> None:
    stranger = house.world.user("inspector", "yunling").person_id
    gone = factories.post(
        house.hospital,
        "doctor",
        starts_on=clock.today().replace(year=2020),
        ends_on=clock.today().replace(year=2021),
    )
    assert house.send(stranger, gone.person_id) is None
    assert house.receipts() == []


def test_reading_closes_it_and_what_lasts_stays_until_it_is_finished(house: House) -> None:
    person, client = house.person("doctor"), house.client("doctor")
    house.send(person)
    from dataclasses import replace

    from core.notify.kinds import kind_of, register_kind

    lasting = register_kind(replace(kind_of(KIND), key="test.lasting", lasting=True))
    house.send(person, kind=lasting.key, key="2")
    first, second = box(house, "doctor")["notices"][::-1]
    assert ask(client, "POST", f"/notices/{first['uid']}/read").json() == {"open": 1}
    assert ask(client, "POST", f"/notices/{second['uid']}/read").json() == {"open": 1}
    shown = box(house, "doctor")
    assert [one["uid"] for one in shown["notices"]] == [second["uid"]] and shown["notices"][0]["read_at"]
    with acting(BY):
        assert resolve(("test.thing", "2"), hospital=house.hospital) == 1
        assert resolve(("test.thing", "2"), hospital=house.hospital) == 0
    assert box(house, "doctor") == {"open": 0, "notices": [], "next": None}
    assert all(one["closed_at"] for one in box(house, "doctor", "all")["notices"])


def test_read_all_and_pages(house: House) -> None:
    person, client = house.person("doctor"), house.client("doctor")
    for n in range(35):
        house.send(person, key=str(n), what=f"第{n}件")
    first = box(house, "doctor")
    assert first["open"] == 35 and len(first["notices"]) == 30
    second = box(house, "doctor", after=first["next"])
    assert second["open"] == 35 and second["next"] is None
    titles = [one["title"] for one in first["notices"] + second["notices"]]
    assert titles == [f"关于第{n}件" for n in reversed(range(35))]
    assert ask(client, "POST", "/notices/read-all").json() == {"open": 0}
    assert box(house, "doctor")["notices"] == [] and box(house, "doctor", "all")["open"] == 0


def test_somebody_elses_notice_does_not_exist(house: House) -> None:
    house.send(house.person("inspector"))
    uid = str(house.receipts()[0].uid)
    assert ask(house.client("doctor"), "POST", f"/notices/{uid}/read").status_code == 404
    assert house.receipts()[0].read_at is None


@pytest.mark.parametrize("query", ["state=none", "after=x", "after=-1", "after=99999999999999999999"])
def test_a_wrong_question_is_answered_in_words(house: House, query: str) -> None:
    answer = ask(house.client("doctor"), "GET", f"/notices?{query}")
    assert answer.status_code == 422 and answer.json()["code"] == "invalid"


def test_a_due_notice_says_days_and_basis(house: House) -> None:
    from datetime import date

    from core.notify.domain import Due

    with clock.turned(MORNING):  # 24 November
        house.send(house.person("doctor"), due=Due(date(2026, 11, 27), "院内默认期限", True))
        with hospital_scope(house.hospital):
            page = inbox.page(house.hospital, house.person("doctor"), today=clock.today())
    assert page["notices"][0]["due"] == {
        "days_left": 3,
        "text": "还有 3 天（暂算：当年节假日安排未录入），11月27日截止",
        "basis": "院内默认期限",
    }


def test_the_box_takes_one_query_whatever_is_in_it(house: House) -> None:
    person = house.person("doctor")
    for n in range(40):
        house.send(person, key=str(n))
    with hospital_scope(house.hospital), CaptureQueriesContext(connection) as asked:
        inbox.page(house.hospital, person, today=clock.today())
    assert len(asked) == 1
    with hospital_scope(house.hospital), CaptureQueriesContext(connection) as asked:
        inbox.count(house.hospital, person)
    assert len(asked) == 1


def test_the_request_for_the_box_adds_one_query_to_those_that_ask_who_it_is(house: House) -> None:
    """Session, account, device, hospital, posts and departments are read for every request: six."""
    for n in range(40):
        house.send(house.person("doctor"), key=str(n))
    client = house.client("doctor")
    with CaptureQueriesContext(connection) as asked:
        assert ask(client, "GET", "/notices").status_code == 200
    said = "\n".join(query["sql"][:200] for query in asked.captured_queries)
    assert len([q for q in asked.captured_queries if "notify_" in q["sql"]]) == 1, said
    assert len(asked) <= 7, said


def test_1420_recipients_take_few_queries(house: House) -> None:
    from core.org.models import Person, Post

    with acting(BY):
        rows = Person.objects.bulk_create([Person(name=f"职工{n}", sort_key=f"zg{n}") for n in range(1420)])
        Post.unscoped.bulk_create(
            [
                Post(hospital=house.hospital, person=row, role="staff", starts_on=clock.today())
                for row in rows
            ],
            batch_size=200,
        )
    people = [row.pk for row in rows]
    with CaptureQueriesContext(connection) as asked:
        house.send(*people)
    assert len(house.receipts()) == 1420
    assert len([q for q in asked.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]) <= 20


def test_a_wrong_kind_or_slot_is_a_fault_of_ours_told_at_once(house: House) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        house.send(house.person("doctor"), kind="test.none")
    with pytest.raises(ValueError, match="slots"):
        from core.notify.domain import send

        with acting(BY):
            send(KIND, [1], hospital=house.hospital, slots={"who": "x"}, href="", subject=None, key="1")


def test_json_of_a_problem_names_the_place(house: House) -> None:
    client = house.client("doctor")
    answer = ask(client, "PUT", "/notices/settings", {"rest": {"starts": "25:00", "ends": "07:00"}})
    assert answer.status_code == 422
    assert (
        answer.json()["errors"][0]["pointer"] == "/rest/starts"
        and "22:00" in answer.json()["errors"][0]["cure"]
    )
    assert json.loads(answer.content)["code"] == "invalid"
