"""Mail over a real SMTP server: taken, refused, not there, slow to be sent; once for each, or said why not."""

from datetime import timedelta
from typing import Any

import pytest

from core.kernel.context import acting, hospital_scope
from core.notify.domain import deliver, resolve
from core.notify.models import Delivery
from tests.integration.notify.conftest import BY, MORNING, House
from tests.integration.notify.servers import MailSink

pytestmark = pytest.mark.django_db


def test_a_mail_says_what_the_box_says_and_where_to_go(house: House, sink: MailSink, settings: Any) -> None:
    settings.PUBLIC_URL = "https://qinglian.example.cn"
    person = house.person("doctor")
    house.reach(person, mail="li.si@hospital.example")
    house.send(person)
    house.at(MORNING)
    (mail,) = sink.mails
    assert sink.envelopes == [("qinglian@hospital.example", ["li.si@hospital.example"])]
    assert mail["Subject"].endswith("关于今年的工作") and mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "请看今年的工作。" in text and "https://qinglian.example.cn/h/binjiang/r/x/1" in text
    (row,) = house.deliveries()
    assert (row.state, row.attempts, row.reason) == ("sent", 1, "")


def test_each_person_gets_a_mail_of_their_own_once(house: House, sink: MailSink) -> None:
    people = [house.person("doctor"), house.person("inspector"), house.person("leader")]
    for n, person in enumerate(people):
        house.reach(person, mail=f"p{n}@hospital.example")
    house.send(*people)
    house.at(MORNING, again=3)
    assert sorted(rcpts for _, rcpts in sink.envelopes) == [[f"p{n}@hospital.example"] for n in range(3)]
    assert all(len(mail["To"].addresses) == 1 for mail in sink.mails)


def test_whoever_has_no_address_gets_the_box_alone(house: House, sink: MailSink) -> None:
    house.send(house.person("doctor"))
    house.at(MORNING)
    assert sink.mails == [] and house.deliveries() == [] and len(house.receipts()) == 1


def test_without_any_way_out_no_job_is_made(house: House, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    house.reach(house.person("doctor"), mail="a@b.example")
    house.send(house.person("doctor"))
    assert "notify.deliver" not in {job.kind for job in house.at(MORNING)} and house.deliveries() == []


def test_a_refused_address_fails_with_a_reason_that_holds_no_address(house: House, sink: MailSink) -> None:
    one, two = house.person("doctor"), house.person("inspector")
    house.reach(one, mail="gone@hospital.example")
    house.reach(two, mail="here@hospital.example")
    sink.refuse["gone@hospital.example"] = "550 5.1.1 <gone@hospital.example> no such user"
    house.send(one, two)
    house.at(MORNING)
    assert [rcpts for _, rcpts in sink.envelopes] == [["here@hospital.example"]]
    failed, sent = sorted(house.deliveries(), key=lambda row: row.state)
    assert (failed.state, sent.state) == ("failed", "sent")
    assert failed.code == "mail_recipient_550" and "gone" not in failed.reason and "请核对" in failed.reason


def test_a_greylisted_address_is_tried_again_later_and_only_then(house: House, sink: MailSink) -> None:
    person = house.person("doctor")
    house.reach(person, mail="slow@hospital.example")
    sink.refuse["slow@hospital.example"] = "451 4.7.1 try later"
    house.send(person)
    house.at(MORNING)
    assert house.deliveries()[0].state == "waiting"
    sink.refuse.clear()
    house.at(MORNING + timedelta(seconds=30))
    assert sink.mails == []
    house.at(MORNING + timedelta(seconds=61))
    assert len(sink.mails) == 1 and house.deliveries()[0].attempts == 2


def test_a_server_that_is_not_there_is_tried_again_and_given_up_with_a_reason(
    house: House, sink: MailSink, settings: Any
) -> None:
    settings.EMAIL_PORT = 1  # nobody listens
    person = house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    house.send(person)
    moment, tries = MORNING, 0
    waits = []
    while house.deliveries() == [] or house.deliveries()[0].state == "waiting":
        house.at(moment)
        tries += 1
        row = house.deliveries()[0]
        waits.append((row.due_at - moment).total_seconds())
        moment = max(row.due_at, moment)
        assert tries < 12
    assert row.state == "failed" and "连接不上" in row.reason and row.attempts == 7
    assert waits[0] == 60 and waits[:4] == sorted(waits[:4])
    with hospital_scope(house.hospital), acting(BY):
        assert deliver.resend(house.deliveries()) == 1
    settings.EMAIL_PORT = sink.port
    house.at(moment + timedelta(days=3))
    assert len(sink.mails) == 1 and house.deliveries()[0].state == "sent"


def test_an_urgent_one_goes_first_and_what_was_finished_goes_never(house: House, sink: MailSink) -> None:
    person = house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    house.send(person, key="1", what="第一件")
    house.send(person, key="2", what="急事", urgent=True)
    house.send(person, key="3", what="已经办完的事")
    with acting(BY):
        resolve(("test.thing", "3"), hospital=house.hospital)
    house.at(MORNING)
    assert not any("已经办完" in text for text in sink.texts()) and len(sink.mails) == 2


def test_nothing_that_a_slot_holds_becomes_a_header(house: House, sink: MailSink) -> None:
    person = house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    house.send(person, what="事\r\nBcc: other@hospital.example\r\n\r\n正文")
    house.at(MORNING)
    assert sink.envelopes[0][1] == ["a@hospital.example"] and sink.mails[0]["Bcc"] is None


def test_a_repeated_try_carries_the_same_message_id(house: House, sink: MailSink) -> None:
    """The process ended between the server's yes and our record: at least once, and the reader can tell."""
    person = house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    house.send(person)
    house.at(MORNING)
    with hospital_scope(house.hospital), acting(BY):  # as a killed sender leaves it
        Delivery.objects.update(state="sending", claimed_until=MORNING + timedelta(minutes=5), attempts=0)
    house.at(MORNING + timedelta(minutes=4))
    assert len(sink.mails) == 1
    house.at(MORNING + timedelta(minutes=6))
    assert len({mail["Message-ID"] for mail in sink.mails}) == 1 and len(sink.mails) == 2


def test_a_broken_cell_is_said_and_kept_for_later(house: House, sink: MailSink) -> None:
    person = house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    from django.db import connection

    with acting(BY), connection.cursor() as cursor:
        cursor.execute("UPDATE notify_contact SET mail = %s", ["1:A256GCM:broken"])
    house.send(person)
    house.at(MORNING)
    (row,) = house.deliveries()
    assert row.state == "waiting" and row.code == "sealed" and "密钥" in row.reason


def test_contacts_lie_sealed_and_are_shown_masked(house: House, sink: MailSink) -> None:
    from django.db import connection

    from core.notify.domain import contacts

    person = house.person("doctor")
    house.reach(person, mail="li.si@hospital.example", mobile="13812345678", wecom="LiSi")
    with connection.cursor() as cursor:
        cursor.execute("SELECT mail, mobile, wecom, mail_hash FROM notify_contact")
        raw = "".join(map(str, cursor.fetchone()))
    assert "li.si" not in raw and "13812345678" not in raw and "LiSi" not in raw
    with hospital_scope(house.hospital):
        assert contacts.masked(person) == {
            "mail_masked": "l***@hospital.example",
            "mobile_masked": "138****78",
            "wecom_masked": "L***",
        }
