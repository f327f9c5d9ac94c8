"""Keeping away: what is recused is neither seen nor acted on, in lists, pages and search alike."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client

from core.kernel import clock
from core.kernel.context import Actor, acting
from core.policy.decide import can, check_recusals
from core.policy.models import Recusal
from core.policy.principal import principal_for
from core.policy.tokens import holds, token_filter, tokens_of
from core.policy.types import TypePolicy
from core.testing.world import World
from tests.integration.rights.conftest import get, post

BY = Actor.system("test")
DECLARE = "resources/policy.recusal/commands/declare"


def labels(client: Client, key: str) -> set[str]:
    return {row["label"] for row in get(client, f"resources/{key}/rows?limit=200").json()["rows"]}


def test_a_declared_recusal_works_at_once_in_list_page_and_search(
    world: World, as_: Callable[..., Client]
) -> None:
    client, department = as_("inspector"), world.department("骨科")
    assert {"骨科", "骨科关节病区", "心内科"} <= labels(client, "org.department")
    sent = {
        "values": {"about": "department", "department": str(department.uid), "reason": "近亲属在该科室任职"}
    }
    answer = post(client, DECLARE, sent)
    assert answer.status_code == 200, answer.content.decode()
    assert not {"骨科", "骨科关节病区"} & labels(client, "org.department")
    assert "心内科" in labels(client, "org.department")
    assert get(client, f"resources/org.department/rows/{department.uid}").status_code == 404
    principal = principal_for(world.user("inspector"), world.hospital())
    assert principal is not None
    found = token_filter(principal, "view", "org.department")
    for name, seen in (("骨科", False), ("心内科", True)):
        carried = tokens_of("org.department", {"department": world.department(name).id})
        assert holds(found, carried, 1, 4) is seen


def test_about_a_person_and_about_one_object(world: World, as_: Callable[..., Client]) -> None:
    client, colleague = as_("party_office"), world.user("leader").person
    assert colleague.name in labels(client, "org.person")
    with acting(BY):
        Recusal.unscoped.create(
            hospital=world.hospital(),
            person=world.user("party_office").person,
            kind="person",
            subject_person=colleague,
            label=colleague.name,
            reason="夫妻",
            starts_on=date(2020, 1, 1),
        )
    assert colleague.name not in labels(client, "org.person")
    uid = "0198a000-0000-7000-8000-000000000001"
    with acting(BY):
        Recusal.unscoped.create(
            hospital=world.hospital(),
            person=world.user("inspector").person,
            kind="object",
            subject_type="warning.warning",
            subject_uid=uid,
            label="预警",
            reason="本人举报",
            starts_on=date(2020, 1, 1),
        )
    principal = principal_for(world.user("inspector"), world.hospital())
    thing = {"state": "open", "department": None, "object": uid}
    assert not can(principal, "view", "warning.warning", thing).allowed
    assert can(principal, "view", "warning.warning", {**thing, "object": uid[:-1] + "2"}).allowed


def test_one_object_by_the_address_of_its_page(world: World, as_: Callable[..., Client]) -> None:
    """What a person can copy is the address in the browser: type and thing are read out of it."""
    uid = "0198a000-0000-7000-8000-000000000009"
    page = f"https://qinglian.example.cn/h/binjiang/r/warning.warning/{uid}?from=list"
    answer = post(
        as_("inspector"), DECLARE, {"values": {"about": "object", "uid": page, "reason": "本人举报的事项"}}
    )
    assert answer.status_code == 200, answer.content.decode()
    made = Recusal.unscoped.get(subject_uid=uid)
    assert (made.kind, made.subject_type) == ("object", "warning.warning") and uid not in made.label
    wrong = post(
        as_("inspector"),
        DECLARE,
        {"values": {"about": "object", "uid": "骨科那件", "reason": "本人举报的事项"}},
    )
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["pointer"] == "/values/uid"


def test_dates_bound_it_and_nobody_ends_their_own(world: World, as_: Callable[..., Client]) -> None:
    today = clock.today()
    admin = world.user("security_admin").person
    with acting(BY):
        own, other = (
            Recusal.unscoped.create(
                hospital=world.hospital(),
                person=person,
                kind="department",
                subject_department=world.department("心内科"),
                label="心内科",
                reason="亲属",
                starts_on=today - timedelta(days=3),
            )
            for person in (admin, world.user("inspector").person)
        )
    client, inspector = as_("security_admin"), as_("inspector")
    assert "心内科" not in labels(inspector, "org.department")
    path = "resources/policy.recusal/commands/end"
    assert post(client, path, {"uid": str(own.uid), "expected_version": 1}).status_code == 409
    assert post(inspector, path, {"uid": str(other.uid), "expected_version": 1}).status_code == 403
    assert post(client, path, {"uid": str(other.uid), "expected_version": 1}).status_code == 200
    assert "心内科" in labels(inspector, "org.department")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"reason": "亲属"}, "/values/about"),
        ({"reason": "亲属", "about": "person"}, "/values/about_person"),
        ({"reason": "亲属", "about": "department", "uid": "x"}, "/values/department"),
        ({"reason": "亲属", "about": "object", "type": "warning.warning", "uid": "x"}, "/values/uid"),
        ({"reason": "亲属", "about": "object", "type": "warning.warning"}, "/values/uid"),
        ({"reason": "亲属", "about": "object", "type": "lake.lines", "uid": "x"}, "/values/type"),
    ],
)
def test_what_cannot_be_kept_away_from_is_told_where(
    world: World, as_: Callable[..., Client], values: dict[str, str], pointer: str
) -> None:
    answer = post(as_("inspector"), DECLARE, {"values": values})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_type_whose_forms_differ_in_what_can_be_recused_does_not_start() -> None:
    sound = TypePolicy("a.b", "样品", 2, {"department": "x"}, {"department": "y"})
    leaky = TypePolicy("a.c", "样品", 2, {"department": "x", "person": "p"}, {"department": "y"})
    assert check_recusals([sound]) == []
    assert len(check_recusals([leaky])) == 1
