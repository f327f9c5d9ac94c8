"""WeCom against a server that behaves as the vendor's documents say: token, limits, unknown members, duplicates, a kill."""

import os
import signal
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections

from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.notify.domain import deliver
from core.notify.models import Delivery
from tests.integration.notify.conftest import BY, MORNING, House
from tests.integration.notify.servers import WeCom


@pytest.fixture
def people(house: House) -> list[int]:
    """Three persons known to WeCom."""
    found = [house.person("doctor"), house.person("inspector"), house.person("leader")]
    for name, person in zip(("LiSi", "WangWu", "zhao_liu"), found, strict=True):
        house.reach(person, wecom=name)
    return found


def test_one_request_tells_everybody(house: House, wecom: WeCom, people: list[int], db: None) -> None:
    house.send(*people)
    house.at(MORNING)
    (request,) = wecom.requests
    assert request["touser"] == "LiSi|WangWu|zhao_liu" and request["agentid"] == wecom.agent
    assert request["msgtype"] == "textcard" and request["enable_duplicate_check"] == 1
    assert request["textcard"] == {
        "title": "关于今年的工作",
        "description": "请看今年的工作。",
        "url": "https://qinglian.example.cn/h/binjiang/r/x/1",
        "btntxt": "查看",
    }
    assert sorted(user for user, _ in wecom.inbox) == ["LiSi", "WangWu", "zhao_liu"]
    assert {row.state for row in house.deliveries()} == {"sent"}


def test_without_the_sites_address_a_plain_text_goes(
    house: House, wecom: WeCom, people: list[int], settings: Any, db: None
) -> None:
    settings.PUBLIC_URL = ""
    house.send(people[0])
    house.at(MORNING)
    assert wecom.requests[0]["msgtype"] == "text"
    assert wecom.requests[0]["text"] == {"content": "关于今年的工作\n请看今年的工作。"}


def test_the_token_is_kept_and_lies_sealed(house: House, wecom: WeCom, people: list[int], db: None) -> None:
    for n in range(3):
        house.send(people[0], key=str(n), what=f"第{n}件")
    house.at(MORNING)
    assert wecom.tokens_given == 1 and len(wecom.inbox) == 3
    kept = cache.get(f"notify:wecom:{wecom.corp}:{wecom.agent}")
    assert kept and "token-1" not in kept


@pytest.mark.parametrize("code", [40014, 42001])
def test_a_token_withdrawn_before_its_time_is_fetched_again_at_once(
    house: House, wecom: WeCom, people: list[int], code: int, db: None
) -> None:
    house.send(people[0], key="1")
    house.at(MORNING)
    wecom.withdraw_token(code)
    house.send(people[0], key="2", what="另一件")
    house.at(MORNING)
    assert len(wecom.got("LiSi")) == 2 and wecom.tokens_given == 2
    assert {row.state for row in house.deliveries()} == {"sent"}


def test_unknown_members_fail_by_themselves_whatever_the_letter_case(
    house: House, wecom: WeCom, people: list[int], db: None
) -> None:
    wecom.unknown.add("LiSi")
    wecom.unlicensed.add("zhao_liu")
    house.send(*people)
    house.at(MORNING)
    codes = {row.person_id: (row.state, row.code) for row in house.deliveries()}
    assert codes == {
        people[0]: ("failed", "wecom_invaliduser"),
        people[1]: ("sent", ""),
        people[2]: ("failed", "wecom_unlicenseduser"),
    }
    assert [user for user, _ in wecom.inbox] == ["WangWu"]


def test_all_unknown_is_81013_and_final(house: House, wecom: WeCom, people: list[int], db: None) -> None:
    wecom.unknown.update({"LiSi", "WangWu"})
    house.send(*people[:2])
    house.at(MORNING, again=2)
    assert {(row.state, row.code) for row in house.deliveries()} == {("failed", "wecom_81013")}
    assert len(wecom.requests) == 1
    assert all("可见范围" in row.reason for row in house.deliveries())


def test_a_frequency_limit_pauses_the_channel_and_nothing_is_lost(
    house: House, wecom: WeCom, people: list[int], db: None
) -> None:
    for n in range(3):
        house.send(people[0], key=str(n), what=f"第{n}件")
    wecom.limited = 1
    house.at(MORNING, again=0)
    assert wecom.inbox == [] or len(wecom.requests) <= 3
    first = [row for row in house.deliveries() if row.code == "wecom_45009"]
    assert len(first) == 1 and first[0].due_at >= MORNING + timedelta(minutes=10)
    house.at(MORNING + timedelta(minutes=11), again=2)
    assert len(wecom.got("LiSi")) == 3


@pytest.mark.parametrize("fault", ["busy", "http_errors"])
def test_a_busy_server_is_asked_again_with_the_very_same_request(
    house: House, wecom: WeCom, people: list[int], fault: str, db: None
) -> None:
    setattr(wecom, fault, 1)
    house.send(*people)
    house.at(MORNING)
    assert {row.state for row in house.deliveries()} == {"waiting"} and wecom.inbox == []
    house.at(MORNING + timedelta(minutes=2))
    assert len(wecom.inbox) == 3 and {row.state for row in house.deliveries()} == {"sent"}


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"wecom_secret": "wrong"}, "wecom_40001", "密钥"),
        ({"wecom_corp": "ww-other"}, "wecom_40013", "企业ID"),
        ({"wecom_agent": 7}, "wecom_40056", "应用编号"),
    ],
)
def test_a_wrong_setting_is_named_and_the_administrator_sends_again(
    house: House, wecom: WeCom, people: list[int], change: dict[str, Any], code: str, word: str, db: None
) -> None:
    from core.notify.domain import switches

    with hospital_scope(house.hospital), acting(BY):
        row = switches.of_hospital(house.hospital)
        for name, value in change.items():
            setattr(row, name, value)
        row.save()
    house.send(people[0])
    house.at(MORNING)
    (failed,) = house.deliveries()
    assert (failed.state, failed.code) == ("failed", code) and word in failed.reason
    house.set_wecom(wecom)
    with hospital_scope(house.hospital), acting(BY), clock.turned(MORNING):
        deliver.resend([failed])
    house.at(MORNING)
    assert house.deliveries()[0].state == "sent" and len(wecom.inbox) == 1


def test_a_repeated_request_is_delivered_once(
    house: House, wecom: WeCom, people: list[int], db: None
) -> None:
    """As a sender leaves it that was killed after the vendor's yes: sent again, swallowed by the duplicate check."""
    house.send(*people)
    house.at(MORNING)
    with hospital_scope(house.hospital), acting(BY):
        Delivery.objects.update(state="sending", claimed_until=MORNING + timedelta(minutes=5), attempts=0)
    house.at(MORNING + timedelta(minutes=6))
    assert len(wecom.requests) == 2 and wecom.requests[0] == wecom.requests[1]
    assert len(wecom.inbox) == 3 and {row.state for row in house.deliveries()} == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_between_the_vendors_yes_and_the_record_doubles_nothing(
    house: House, wecom: WeCom, people: list[int]
) -> None:
    """A real process, a real SIGKILL, at the moment when the members have the message and the answer is on its way."""
    with clock.turned(MORNING):
        house.send(*people)
        from core.notify.domain import plan

        notice = house.receipts()[0].notice
        with hospital_scope(house.hospital), acting(BY):
            plan.plan(notice, house.hospital)
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            with clock.turned(MORNING):
                deliver.deliver_due(house.hospital)
        finally:
            os._exit(3)
    wecom.after_delivery = lambda: os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    wecom.after_delivery = lambda: None
    assert os.WIFSIGNALED(status), "the child was not killed in time"
    assert {row.state for row in house.deliveries()} == {"sending"} and len(wecom.inbox) == 3
    house.at(MORNING + timedelta(minutes=6))
    assert {row.state for row in house.deliveries()} == {"sent"}
    assert len(wecom.requests) == 2 and len(wecom.inbox) == 3, "somebody was told twice"


def test_1420_recipients_are_two_requests_and_few_queries(house: House, wecom: WeCom, db: None) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from core.notify.domain import contacts, plan
    from core.org.models import Person, Post

    with acting(BY):
        rows = Person.objects.bulk_create([Person(name=f"职工{n}", sort_key=f"zg{n}") for n in range(1420)])
        posts = [
            Post(hospital=house.hospital, person=row, role="staff", starts_on=MORNING.date()) for row in rows
        ]
        Post.unscoped.bulk_create(posts, batch_size=200)
    with clock.turned(MORNING):
        contacts.keep(house.hospital, {row.pk: {"wecom": f"u{n}"} for n, row in enumerate(rows)}, by=BY)
        notice = house.send(*[row.pk for row in rows])
        with CaptureQueriesContext(connection) as asked, hospital_scope(house.hospital):
            with acting(BY):
                assert plan.plan(notice, house.hospital) == 1420
            assert deliver.deliver_due(house.hospital)["sent"] == 1420
    assert len(wecom.requests) == 2 and len(wecom.inbox) == 1420
    real = [q for q in asked.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))]
    assert len(real) <= 80, len(
        real
    )  # 3 parts of 500, planned and sent; 1,420 single ones would be thousands
