"""Why may she see this? The answer agrees with what really happens, and a refusal names the nearest reason."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from core.audit.models import Event
from core.kernel import clock
from core.kernel.context import Actor, acting, hospital_scope
from core.org.models import Department, Person, Post
from core.plugin_host.service import enable
from core.policy.decide import can
from core.policy.models import Delegation, Recusal
from core.policy.principal import principal_of
from core.policy.roles import ROLES
from core.testing.world import World
from tests.integration.rights.conftest import get

BY = Actor.system("test")


def ask(client: Client, person: Person, type_: str, uid: Any = "", action: str = "view") -> dict[str, Any]:
    answer = get(client, "rights/why", person=str(person.uid), type=type_, uid=str(uid), action=action)
    assert answer.status_code == 200, answer.content.decode()
    return dict(answer.json())


def head(world: World) -> Person:
    return world.user("department_head", department="骨科").person


def test_allowed_names_the_row_the_post_and_its_dates(world: World, as_: Callable[..., Client]) -> None:
    client, person = as_("security_admin"), head(world)
    answer = ask(client, person, "org.department", world.department("骨科关节病区").uid)
    held = Post.unscoped.get(person=person, role="department_head")
    assert answer["allowed"] and answer["effect"] == "allow"
    assert (answer["row"]["role"], answer["row"]["relation_label"]) == ("department_head", "本科室及下级")
    assert answer["post"]["where"] == "骨科" and answer["post"]["starts_on"] == held.starts_on.isoformat()
    seen = Event.objects.filter(kind="read", subject_type="org.person", subject_uid=str(person.uid))
    assert "为什么" in seen.latest("id").data["reason"]


def reasons(world: World) -> dict[str, Callable[[], tuple[Person, str, Any, str]]]:
    today, hospital, person = clock.today(), world.hospital(), head(world)

    def left() -> tuple[Person, str, Any, str]:
        Post.unscoped.filter(person=person).update(ends_on=today - timedelta(days=1))
        return person, "org.department", world.department("骨科").uid, "没有任职"

    def no_row() -> tuple[Person, str, Any, str]:
        return world.user("staff").person, "org.department", world.department("骨科").uid, "没有哪一行"

    def elsewhere() -> tuple[Person, str, Any, str]:
        return person, "org.department", world.department("心内科").uid, "其他科室"

    def recused() -> tuple[Person, str, Any, str]:
        Recusal.unscoped.create(
            hospital=hospital,
            person=person,
            kind="department",
            subject_department=world.department("骨科"),
            label="骨科",
            reason="亲属",
            starts_on=today,
        )
        return person, "org.department", world.department("骨科").uid, "已回避"

    def switched_off() -> tuple[Person, str, Any, str]:
        return world.user("inspector").person, "warning.rule", "", "已停用"

    def closed_account() -> tuple[Person, str, Any, str]:
        user = world.user("inspector")
        user.is_active = False
        user.save()
        return user.person, "org.department", world.department("骨科").uid, "账号已停用"

    return {f.__name__: f for f in (left, no_row, elsewhere, recused, switched_off, closed_account)}


@pytest.mark.parametrize("case", ["left", "no_row", "elsewhere", "recused", "switched_off", "closed_account"])
def test_a_refusal_names_the_nearest_reason(world: World, as_: Callable[..., Client], case: str) -> None:
    with acting(BY):
        person, type_, uid, word = reasons(world)[case]()
    answer = ask(as_("security_admin"), person, type_, uid)
    assert not answer["allowed"]
    assert word in answer["sentence"] and answer["steps"][-1] == {"ok": False, "text": answer["sentence"]}


def test_a_delegated_right_says_whose_it_is(world: World, as_: Callable[..., Client]) -> None:
    today, doctor = clock.today(), world.user("doctor").person
    with acting(BY):
        Delegation.unscoped.create(
            hospital=world.hospital(),
            giver=head(world),
            receiver=doctor,
            role="department_head",
            reason="外出",
            starts_on=today,
            ends_on=today,
        )
    answer = ask(as_("security_admin"), doctor, "org.department", world.department("骨科").uid)
    assert answer["allowed"] and answer["post"]["delegated_from"] == head(world).name
    assert f"受{head(world).name}委托" in answer["sentence"]


def test_the_answer_agrees_with_the_decision_in_many_cases(world: World, as_: Callable[..., Client]) -> None:
    """People of every role × departments and people × delegations and recusals at random; each answer against `can`."""
    dice, today, hospital = random.Random(5), clock.today(), world.hospital()
    with acting(BY):
        enable("warning", hospital, by=BY)
        people = [world.user(role).person for role in ROLES if role != "visitor"]
        departments = list(Department.unscoped.filter(hospital=hospital))
        for _ in range(30):
            giver, receiver = dice.sample(people, 2)
            role = Post.unscoped.filter(person=giver, hospital=hospital).values_list("role", flat=True)[0]
            day = today + timedelta(days=dice.choice((-3, 0, 0, 1)))
            Delegation.unscoped.create(
                hospital=hospital,
                giver=giver,
                receiver=receiver,
                role=role,
                reason="试",
                starts_on=day,
                ends_on=day + timedelta(days=dice.choice((0, 3))),
                revoked_on=dice.choice((None, None, today)),
            )
            department = dice.choice(departments)
            Recusal.unscoped.create(
                hospital=hospital,
                person=dice.choice(people),
                kind="department",
                subject_department=department,
                label=department.name,
                reason="试",
                starts_on=today,
            )
    from core.api import why

    counted = {True: 0, False: 0}
    for _ in range(200):
        person, department = dice.choice(people), dice.choice(departments)
        type_, action, thing = dice.choice(
            (
                ("org.department", "view", department),
                ("org.department", "export", department),
                ("org.person", "view", dice.choice(people)),
            )
        )
        answer = why.why(hospital, str(person.uid), type_, action, str(thing.uid))
        principal = principal_of(person, hospital)
        with hospital_scope(hospital):
            found = why._resource(type_)
            row = found.source.get(why._all(hospital, found), str(thing.uid))
        assert row is not None
        assert answer["allowed"] == can(principal, action, type_, dict(row.attrs)).allowed
        counted[answer["allowed"]] += 1
    assert min(counted.values()) > 20, counted


def test_only_the_security_administrator_asks_and_strangers_do_not_exist(
    world: World, as_: Callable[..., Client]
) -> None:
    person = str(head(world).uid)
    for role in ("hospital_admin", "audit_admin", "system_admin", "inspector", "staff"):
        client = as_(role)
        for path in ("rights/types", "rights/people?q=a", "rights/objects?type=org.department"):
            assert get(client, path).status_code == 404
        assert get(client, "rights/why", person=person, type="org.department").status_code == 404
    client = as_("security_admin")
    stranger = str(world.user("staff", "yunling").person.uid)
    for asked in (
        {"person": stranger, "type": "org.department"},
        {"person": "x", "type": "org.department"},
        {"person": person, "type": "no.such"},
        {"person": person, "type": "org.department", "action": "fly"},
        {"person": person, "type": "org.department", "uid": "x"},
        {"person": person, "type": "org.department", "uid": stranger},
    ):
        assert get(client, "rights/why", **asked).status_code == 404


def test_types_people_and_things_are_offered(world: World, as_: Callable[..., Client]) -> None:
    client = as_("security_admin")
    types = {one["key"]: one for one in get(client, "rights/types").json()}
    assert {"key": "view", "label": "查看"} in types["org.department"]["actions"]
    found = get(client, "rights/people", q=head(world).name).json()
    assert [one["uid"] for one in found if one["hint"] == "科室负责人"] == [str(head(world).uid)]
    assert get(client, "rights/people", q="").json() == []
    things = get(client, "rights/objects", type="org.department", q="骨科").json()
    assert {one["label"] for one in things} == {"骨科", "骨科关节病区"}


def test_the_command_says_the_same(world: World) -> None:
    out = StringIO()
    name = world.account("department_head", department="骨科").username
    uid = str(world.department("心内科").uid)
    call_command(
        "policy",
        "why",
        hospital="binjiang",
        person=name,
        type="org.department",
        uid=uid,
        json=True,
        stdout=out,
    )
    assert json.loads(out.getvalue())["allowed"] is False
    with pytest.raises(CommandError):
        call_command("policy", "why", hospital="binjiang", person="nobody", type="org.department")
    out = StringIO()
    call_command("policy", "check", stdout=out)
    assert "完整" in out.getvalue()
