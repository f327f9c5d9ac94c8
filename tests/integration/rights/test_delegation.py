"""A role entrusted for a time: what it gives, what it never gives, and how it ends."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Post
from core.policy.decide import can, q
from core.policy.models import Delegation, Recusal
from core.policy.principal import Principal, principal_for, principal_of
from core.testing import factories
from core.testing.world import World
from tests.integration.rights.conftest import get, post

BY = Actor.system("test")
pytestmark = pytest.mark.django_db


def sent(world: World, **changed: Any) -> dict[str, Any]:
    """The form as the head of orthopaedics fills it for a doctor."""
    today = clock.today()
    values = {
        "role": "department_head",
        "receiver": str(world.user("doctor").person.uid),
        "department": None,
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=7)),
        "reason": "外出学习",
        **changed,
    }
    return {"values": values}


def made(world: World, **changed: Any) -> Delegation:
    today = clock.today()
    head, doctor = world.user("department_head", department="骨科").person, world.user("doctor").person
    values = {
        "hospital": world.hospital(),
        "giver": head,
        "receiver": doctor,
        "role": "department_head",
        "reason": "外出学习",
        "starts_on": today - timedelta(days=1),
        "ends_on": today + timedelta(days=7),
        **changed,
    }
    with acting(BY):
        return Delegation.unscoped.create(**values)


def rights(world: World) -> Principal:
    found = principal_for(world.user("doctor"), world.hospital())
    assert found is not None
    return found


def sees(world: World, department: str) -> bool:
    thing = {"department": world.department(department).id}
    return can(rights(world), "view", "org.department", thing).allowed


def test_a_head_entrusts_the_role_and_the_colleague_has_it_from_the_next_request(
    world: World, as_: Callable[..., Client]
) -> None:
    head, doctor = as_("department_head", "骨科"), as_("doctor")
    assert get(doctor, "resources/org.department/rows").status_code == 404
    answer = post(head, "resources/policy.delegation/commands/add", sent(world))
    assert answer.status_code == 200, answer.content.decode()
    shown = get(doctor, "resources/org.department/rows").json()["rows"]
    assert {row["label"] for row in shown} == {"骨科", "骨科关节病区"}
    [given] = [one for one in rights(world).posts if one.delegated_from]
    assert given.delegated_from == world.user("department_head", department="骨科").person.name
    row = answer.json()["row"]
    head_post = "resources/policy.delegation/commands/revoke"
    gone = post(head, head_post, {"uid": row["uid"], "expected_version": row["version"]})
    assert gone.status_code == 200, gone.content.decode()
    assert get(doctor, "resources/org.department/rows").status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"role": "leader"}, "role"),
        ({"ends_on": "2020-01-01"}, "ends_on"),
        ({"starts_on": "2020-01-01"}, "starts_on"),
        ({"ends_on": "2099-01-01"}, "ends_on"),
        ({"reason": "  "}, "reason"),
        ({"department": "心内科"}, "department"),
        ({"department": "骨科关节病区"}, None),
    ],
)
def test_a_form_that_does_not_fit_is_told_where(
    world: World, as_: Callable[..., Client], changed: dict[str, Any], field: str | None
) -> None:
    if changed.get("department"):
        changed = {"department": str(world.department(changed["department"]).uid)}
    answer = post(
        as_("department_head", "骨科"), "resources/policy.delegation/commands/add", sent(world, **changed)
    )
    if field is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/values/{field}"]


def test_privileged_roles_are_never_entrusted_whatever_the_row_says(
    world: World, as_: Callable[..., Client]
) -> None:
    answer = post(
        as_("hospital_admin"), "resources/policy.delegation/commands/add", sent(world, role="hospital_admin")
    )
    assert answer.status_code == 422
    made(world, giver=world.user("inspector").person, role="inspector")  # written past the form
    assert "inspector" not in rights(world).roles


def test_it_ends_with_its_last_day_with_the_givers_post_and_with_ones_own(world: World) -> None:
    one, today = made(world), clock.today()
    assert sees(world, "骨科")
    with acting(BY):
        Delegation.unscoped.filter(pk=one.pk).update(starts_on=today + timedelta(days=1))
    assert not sees(world, "骨科")
    with acting(BY):
        Delegation.unscoped.filter(pk=one.pk).update(starts_on=today, ends_on=today)
    assert sees(world, "骨科")
    head = Post.unscoped.filter(person=one.giver, role="department_head")
    with acting(BY):
        head.update(ends_on=today - timedelta(days=1))
    assert not sees(world, "骨科")
    with acting(BY):
        head.update(ends_on=None)
        Post.unscoped.filter(person=one.receiver).update(ends_on=today - timedelta(days=1))
    assert principal_for(world.user("doctor"), world.hospital()) is None


def test_it_gives_no_more_than_the_giver_may(world: World) -> None:
    one = made(world)
    with acting(BY):
        Recusal.unscoped.create(
            hospital=world.hospital(),
            person=one.giver,
            kind="department",
            subject_department=world.department("骨科关节病区"),
            label="骨科关节病区",
            reason="亲属",
            starts_on=date(2020, 1, 1),
        )
    assert sees(world, "骨科") and not sees(world, "骨科关节病区")


def test_nothing_is_handed_on(world: World) -> None:
    made(world)
    third = factories.post(world.hospital(), "staff")
    made(world, giver=world.user("doctor").person, receiver=third.person)
    found = principal_of(third.person, world.hospital())
    assert found is not None and found.roles == {"staff"}


def test_rights_take_two_queries_and_three_with_delegation_and_recusal(
    world: World,
    django_assert_num_queries: Any,
) -> None:
    user, hospital = world.user("doctor"), world.hospital()
    with django_assert_num_queries(2):
        plain = principal_for(user, hospital)
    one = made(world)
    with acting(BY):
        Recusal.unscoped.create(
            hospital=hospital,
            person=user.person,
            kind="person",
            subject_person=world.user("leader").person,
            label="院领导",
            reason="亲属",
            starts_on=date(2020, 1, 1),
        )
    with django_assert_num_queries(3):
        more = principal_for(user, hospital)
    assert plain is not None and more is not None and plain.stamp != more.stamp
    assert {p.role for p in more.posts if p.giver} == {"department_head"} and len(more.recusals) == 1
    with acting(BY):
        Delegation.unscoped.filter(pk=one.pk).update(revoked_on=clock.today())
    again = principal_for(user, hospital)
    assert again is not None and again.stamp not in (plain.stamp, more.stamp)


def test_the_security_administrator_sees_and_revokes_all_and_others_only_their_own(
    world: World, as_: Callable[..., Client]
) -> None:
    one = made(world)
    listed = get(as_("security_admin"), "resources/policy.delegation/rows").json()["rows"]
    assert [row["uid"] for row in listed] == [str(one.uid)]
    assert get(as_("pharmacy"), "resources/policy.delegation/rows").json()["rows"] == []
    sent_ = {"uid": str(one.uid), "expected_version": one.version}
    assert post(as_("pharmacy"), "resources/policy.delegation/commands/revoke", sent_).status_code == 404
    assert (
        post(as_("security_admin"), "resources/policy.delegation/commands/revoke", sent_).status_code == 200
    )
    assert q(rights(world), "view", "org.department") is not None and not sees(world, "骨科")


def test_after_signing_in_the_receiver_reads_whose_role_it_is(
    world: World, as_: Callable[..., Client]
) -> None:
    def roles(client: Client) -> list[dict[str, str]]:
        [here] = client.get("/api/v1/session").json()["hospitals"]
        return list(here["roles"])

    doctor, head = as_("doctor"), as_("department_head", "骨科")
    own = roles(doctor)
    assert [role["code"] for role in own] == ["doctor"] and "delegated_from" not in own[0]
    with CaptureQueriesContext(connection) as plain:
        roles(doctor)
    given = made(world)
    name = world.user("department_head", department="骨科").person.name
    assert roles(doctor) == [
        *own,
        {"code": "department_head", "label": "科室负责人", "delegated_from": name},
    ]
    assert all("delegated_from" not in role for role in roles(head)), "the giver reads nothing of it"
    made(world, receiver=world.user("staff").person)
    with CaptureQueriesContext(connection) as asked:
        roles(doctor)
    assert len(asked) <= len(plain) + 3
    with acting(BY):
        Delegation.unscoped.filter(pk=given.pk).update(revoked_on=clock.today())
    assert roles(doctor) == own, "taken back: gone from the next request on"
    made(world, role="inspector", giver=world.user("inspector").person)
    assert roles(doctor) == own, "a privileged role is never entrusted, whatever the row says"
    made(world, starts_on=clock.today() + timedelta(days=1))
    made(world, giver=world.user("staff").person, receiver=world.user("doctor").person)
    assert roles(doctor) == own, "not yet begun; and not held by the giver"


def test_what_no_department_bounds_is_not_narrowed_in_words_alone(
    world: World, as_: Callable[..., Client]
) -> None:
    """The pharmacy sees warnings of the whole hospital: “only for orthopaedics” would be an empty promise."""
    pharmacist, department = world.user("pharmacy").person, world.department("骨科")
    with acting(BY):
        Post.unscoped.filter(person=pharmacist, role="pharmacy").update(department=department)
    narrowed = sent(world, role="pharmacy", department=str(department.uid))
    answer = post(as_("pharmacy"), "resources/policy.delegation/commands/add", narrowed)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/values/department"]
    whole = sent(world, role="pharmacy")
    assert post(as_("pharmacy"), "resources/policy.delegation/commands/add", whole).status_code == 200
    head = sent(world, department=str(department.uid), receiver=str(world.user("staff").person.uid))
    answer = post(as_("department_head", "骨科"), "resources/policy.delegation/commands/add", head)
    assert answer.status_code == 200, answer.content.decode()
