"""The lists of the organisation, as administrator, head and stranger see them."""

import pytest

from core.kernel.errors import Problem
from core.org.models import User
from core.policy.principal import principal_for
from core.resources import gateway
from tests.contract.resources import world as made


def _who(world, role):
    return world.people[role]


def _admin(world):
    person = made._person(world.hospital, "hospital_admin", None)
    return principal_for(User.objects.get(id=person.user_id), world.hospital)


def test_lists(world):
    with made.acting(made.SYSTEM):
        admin = _admin(world)
    names = {r["values"]["name"] for r in gateway.rows(admin, "org.person", q="测试")["rows"]}
    assert names == {
        f"测试{role}"
        for role in ("inspector", "leader", "department_head", "party_office", "staff", "hospital_admin")
    }
    for key in ("org.department", "org.post", "org.party_org", "org.person"):
        said = gateway.spec(admin, key)
        found = gateway.rows(admin, key)
        assert set(found) >= {"rows", "next", "count"}
        for order in said["orders"]:
            assert gateway.rows(admin, key, order=order["key"])["count"] == found["count"]
        for row in found["rows"]:
            assert gateway.row(admin, key, row["uid"])["row"]["values"] == row["values"]
    departments = {r["values"]["name"] for r in gateway.rows(admin, "org.department")["rows"]}
    assert departments == {"内科", "心内科", "外科"}


def test_a_head_sees_the_own_department(world):
    head = _who(world, "department_head")
    assert {r["values"]["name"] for r in gateway.rows(head, "org.department")["rows"]} == {"内科", "心内科"}
    assert {r["values"]["name"] for r in gateway.rows(head, "org.person")["rows"]} == {"测试department_head"}
    for key in ("org.post", "org.department"):
        with pytest.raises(Problem) as caught:
            gateway.rows(_who(world, "staff"), key)
        assert caught.value.status == 404
