"""Switches: by kind, of the hospital and of the person; some nobody switches. Failed deliveries and 重发 for the administrator."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.kernel.context import Actor, actor_scope, hospital_scope
from core.notify.models import Contact, NightDuty
from core.org.models import Post
from tests.integration.notify.conftest import KIND, MORNING, House, ask
from tests.integration.notify.servers import MailSink, WeCom

pytestmark = pytest.mark.django_db


def of(answer: Any, key: str = KIND) -> dict[str, dict[str, Any]]:
    """The channels of one kind as the page shows them."""
    kind = next(one for one in answer.json()["kinds"] if one["key"] == key)
    return {channel["channel"]: channel for channel in kind["channels"]}


def switch(channel: str, on: bool, key: str = KIND) -> dict[str, Any]:
    """What the page sends."""
    return {"kinds": [{"key": key, "channels": [{"channel": channel, "on": on}]}]}


def test_the_page_names_what_there_is_in_words(house: House, sink: MailSink) -> None:
    shown = of(ask(house.client("doctor"), "GET", "/notices/settings"))
    assert shown == {
        "inbox": {"channel": "inbox", "label": "站内消息", "on": True, "locked": False},
        "mail": {"channel": "mail", "label": "邮件", "on": True, "locked": False},
    }, "WeCom is not set up and is not offered"


def test_a_person_switches_mail_off_and_on(house: House, sink: MailSink) -> None:
    client, person = house.client("doctor"), house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    assert of(ask(client, "PUT", "/notices/settings", switch("mail", False)))["mail"]["on"] is False
    house.send(person, key="1")
    house.at(MORNING)
    assert sink.mails == [] and len(house.receipts()) == 1
    ask(client, "PUT", "/notices/settings", switch("mail", True))
    house.send(person, key="2")
    house.at(MORNING)
    assert len(sink.mails) == 1


def test_a_box_that_is_off_keeps_the_notice_and_does_not_count_it(house: House) -> None:
    client, person = house.client("doctor"), house.person("doctor")
    ask(client, "PUT", "/notices/settings", switch("inbox", False))
    house.send(person)
    assert ask(client, "GET", "/notices/count").json() == {"open": 0}
    assert len(ask(client, "GET", "/notices?state=all").json()["notices"]) == 1


def test_what_the_hospital_switches_off_nobody_gets(house: House, sink: MailSink) -> None:
    admin, client, person = house.client("hospital_admin"), house.client("doctor"), house.person("doctor")
    house.reach(person, mail="a@hospital.example")
    assert of(ask(admin, "PUT", "/notices/hospital", switch("mail", False)))["mail"]["on"] is False
    shown = of(ask(client, "PUT", "/notices/settings", switch("mail", True)))["mail"]
    assert (shown["on"], shown["locked"]) == (False, True)
    house.send(person)
    house.at(MORNING)
    assert sink.mails == []


def test_the_hospitals_switches_are_its_administrators(house: House) -> None:
    assert ask(house.client("doctor"), "GET", "/notices/hospital").status_code == 404
    assert ask(house.client("doctor"), "PUT", "/notices/hospital", switch("inbox", False)).status_code == 404
    assert ask(house.client("hospital_admin"), "GET", "/notices/hospital").status_code == 200


@pytest.mark.parametrize("who", ["settings", "hospital"])
def test_a_locked_one_is_not_switched_by_anybody(house: House, sink: MailSink, who: str) -> None:
    client = house.client("hospital_admin")
    answer = ask(client, "PUT", f"/notices/{who}", switch("mail", False, "accounts.code_issued"))
    assert answer.status_code == 422 and "不能关闭" in answer.json()["errors"][0]["message"]
    shown = of(ask(client, "GET", f"/notices/{who}"), "accounts.code_issued")
    assert all(one["on"] and one["locked"] for one in shown.values())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (switch("mail", False, "no.kind"), "/kinds/0/key"),
        (switch("pigeon", True), "/kinds/0/channels/0"),
        ({"digest": "hourly"}, "/digest"),
        ({"rest": {"starts": "22:00", "ends": ""}}, "/rest"),
        ({"rest": {"starts": "x", "ends": "07:00"}}, "/rest/starts"),
        ({"contact": {"mail": "nobody"}}, "/0/mail"),
        ({"contact": {"mail": "a@b.example\nBcc: x@y.example"}}, "/0/mail"),
        ({"contact": {"mobile": "12ab"}}, "/0/mobile"),
    ],
)
def test_bad_input_names_its_place_and_changes_nothing(
    house: House, body: dict[str, Any], pointer: str
) -> None:
    client = house.client("doctor")
    before = ask(client, "GET", "/notices/settings").json()
    answer = ask(client, "PUT", "/notices/settings", body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer
    assert ask(client, "GET", "/notices/settings").json() == before


def test_a_person_sets_own_contacts_and_sees_them_masked(house: House) -> None:
    client = house.client("doctor")
    body = {"contact": {"mail": "li.si@hospital.example", "mobile": "13812345678"}}
    assert ask(client, "PUT", "/notices/settings", body).json()["contact"] == {
        "mail_masked": "l***@hospital.example",
        "mobile_masked": "138****78",
        "wecom_masked": "",
    }
    assert (
        ask(client, "PUT", "/notices/settings", {"contact": {"mail": ""}}).json()["contact"]["mail_masked"]
        == ""
    )
    text = json.dumps(ask(client, "GET", "/notices/settings").json())
    assert "li.si" not in text and "12345678" not in text


def test_the_administrator_sees_what_failed_and_why_and_sends_it_again(house: House, sink: MailSink) -> None:
    person, admin = house.person("doctor"), house.client("hospital_admin")
    house.reach(person, mail="gone@hospital.example")
    sink.refuse["gone@hospital.example"] = "550 no such user"
    house.send(person)
    house.at(MORNING)
    where = json.dumps({"op": "eq", "args": [{"field": "state"}, {"value": "failed"}]})
    path = "/resources/notify.delivery/rows?where=" + where.replace(" ", "%20").replace('"', "%22")
    (row,) = ask(admin, "GET", path).json()["rows"]
    assert "不接受这个邮箱" in row["values"]["reason"] and row["values"]["what"] == "试验消息"
    assert row["actions"] == ["resend"] and "今年的工作" not in json.dumps(row, ensure_ascii=False)
    assert ask(house.client("doctor"), "GET", path).status_code == 404
    sink.refuse.clear()
    body = {"uid": row["uid"], "expected_version": row["version"], "values": {}}
    answer = ask(admin, "POST", "/resources/notify.delivery/commands/resend", body)
    assert answer.status_code == 200, answer.content
    house.at(MORNING.replace(year=2099))
    assert len(sink.mails) == 1
    again = ask(admin, "POST", "/resources/notify.delivery/commands/resend", {**body, "expected_version": 99})
    assert again.status_code == 409


def test_all_that_failed_is_sent_again_with_one_press(house: House, sink: MailSink) -> None:
    people = [house.person("doctor"), house.person("inspector")]
    for n, person in enumerate(people):
        house.reach(person, mail=f"p{n}@hospital.example")
        sink.refuse[f"p{n}@hospital.example"] = "550 no"
    house.send(*people)
    house.at(MORNING)
    sink.refuse.clear()
    admin = house.client("hospital_admin")
    answer = ask(admin, "POST", "/resources/notify.delivery/commands/resend_all", {"values": {}})
    assert answer.status_code == 200 and "2 条" in answer.json()["message"]
    house.at(MORNING.replace(year=2099))
    assert len(sink.mails) == 2


def test_night_duty_is_entered_and_removed_on_a_page(house: House) -> None:
    admin = house.client("hospital_admin")
    uid = str(house.world.user("doctor").person.uid)
    body = {"values": {"person": uid, "day": "2026-11-24", "ends": "07:30"}}
    answer = ask(admin, "POST", "/resources/notify.night_duty/commands/add", body)
    assert answer.status_code == 200, answer.content
    row = answer.json()["row"]
    assert row["values"]["day"] == "2026-11-24"
    wrong = ask(
        admin,
        "POST",
        "/resources/notify.night_duty/commands/add",
        {"values": {**body["values"], "ends": "x"}},
    )
    assert wrong.status_code == 422
    gone = {"uid": row["uid"], "expected_version": row["version"], "values": {}}
    assert ask(admin, "POST", "/resources/notify.night_duty/commands/remove", gone).status_code == 200
    with hospital_scope(house.hospital):
        assert NightDuty.objects.count() == 0


def command(*arguments: str) -> Any:
    """`manage.py notify … --json`."""
    out = io.StringIO()
    with actor_scope(Actor("command", "notify", "命令行")):
        call_command("notify", *arguments, "--hospital", "binjiang", "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_commands(
    house: House, wecom: WeCom, sink: MailSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post.unscoped.filter(hospital=house.hospital, person_id=house.person("doctor")).first()
    table = tmp_path / "联系方式.csv"
    table.write_text(
        f"工号,邮箱,企业微信账号\n{post.source_code},a@hospital.example,LiSi\n", encoding="gb18030"
    )
    assert command("contacts", "--file", str(table)) == {"rows": 1, "changed": 1}
    assert command("contacts", "--file", str(table)) == {"rows": 1, "changed": 0}
    duty = tmp_path / "夜班.csv"
    duty.write_text(f"工号,值班日期\n{post.source_code},2026-11-24\n", encoding="utf-8")
    assert command("night-duty", "--file", str(duty)) == {"rows": 1}
    listed = command("list")
    assert listed["channels"] == ["wecom", "mail"] and any(k["key"] == "jobs.failed" for k in listed["kinds"])
    wecom.unknown.add("LiSi")
    sent = command("send-test", "--user", house.world.user("doctor").username)
    assert {one["channel"]: one["state"] for one in sent["deliveries"]} == {"wecom": "failed", "mail": "sent"}
    (failed,) = command("failed")["failed"]
    assert failed["code"] == "wecom_81013"
    assert command("resend", "--uid", failed["uid"]) == {"resent": 1} and command("failed") == {"failed": []}
    monkeypatch.setenv("QINGLIAN_WECOM_SECRET", "another")
    assert command("wecom", "--corp", "ww1", "--agent", "5") == {"corp": "ww1", "agent": 5}
    with pytest.raises(CommandError, match="没有账号"):
        command("send-test", "--user", "nobody")
    with pytest.raises(SystemExit):
        table.write_text("工号,邮箱\n没有,a@b.example\n", encoding="utf-8")
        command("contacts", "--file", str(table))
    with hospital_scope(house.hospital):
        assert Contact.objects.count() == 1
