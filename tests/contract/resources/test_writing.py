"""Commands: one transaction for change, record and announcement; conflicts, repeats, refusals."""

import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.audit.models import Event
from core.jobs.models import Outbox
from core.kernel.context import hospital_scope
from core.kernel.errors import Problem
from core.resources import gateway, idempotency, registry
from core.resources.models import IdempotentAnswer
from core.resources.registry import BadSpec
from tests.contract.resources import world as made

KEY = made.KEY
SHOWN = {"name": "新名", "amount": "12.50", "state": "open"}


def first(world, who="inspector", **values):
    """A row of the given values, as the person's list shows it."""
    args = [{"op": "eq", "args": [{"field": k}, {"value": v}]} for k, v in values.items()]
    where = {"op": "and", "args": args} if args else None
    return gateway.rows(world.people[who], KEY, where=where, order="number", limit=1)["rows"][0]


def stored(uid):
    return made.Thing.unscoped.get(uid=uid)


def do(world, verb, who="inspector", **asked):
    return gateway.command(world.people[who], KEY, verb, **asked)


def refused(status, call, **asked):
    with pytest.raises(Problem) as caught:
        call(**asked)
    assert caught.value.status == status, caught.value
    return caught.value


def test_a_command_changes_records_and_announces_in_one(writable, world):
    row = first(world)
    answer = do(world, "edit", uid=row["uid"], expected_version=row["version"], values=SHOWN)
    assert answer["message"] == "已修改。"
    assert answer["row"]["version"] == row["version"] + 1
    assert answer["row"]["values"]["name"] == "新名"
    assert answer["row"]["values"]["amount"] == "12.50"
    thing = stored(row["uid"])
    assert (thing.name, thing.amount, thing.version) == ("新名", 1250, row["version"] + 1)
    event = Event.objects.get(kind=f"{KEY}.edit")
    assert (event.subject_uid, event.hospital, event.actor) == (
        row["uid"],
        world.hospital.id,
        str(world.people["inspector"].actor),
    )
    assert set(event.data["changed"]) == {"amount", "name"}
    assert "新名" not in json.dumps(event.data, ensure_ascii=False), "names of fields, not values"
    assert event.data["why"] == "test"
    [sent] = Outbox.objects.filter(kind=f"{KEY}.edit")
    assert sent.data["uid"] == row["uid"]


def test_a_failing_handler_leaves_nothing(writable, world):
    row = first(world)
    found = refused(
        409, do, world=world, verb="edit", uid=row["uid"], expected_version=row["version"],
        values=SHOWN | {"name": "坏"}, idempotency_key="k-bad",
    )  # fmt: skip
    assert found.code == "refused"
    assert stored(row["uid"]).name == row["values"]["name"]
    assert not Event.objects.filter(kind=f"{KEY}.edit").exists()
    assert not Outbox.objects.filter(kind=f"{KEY}.edit").exists()
    assert not IdempotentAnswer.objects.exists(), "the key may be used again"


def test_a_stale_version_answers_both_values(writable, world):
    row = first(world)
    asked = {"uid": row["uid"], "expected_version": row["version"]}
    do(world, "edit", **asked, values=SHOWN)
    found = refused(
        409, do, world=world, verb="edit", **asked, values=SHOWN | {"name": "我的名", "amount": "1"}
    )
    assert found.code == "conflict"
    assert found.data["current"]["name"] == "新名"
    assert found.data["current"]["version"] == row["version"] + 1
    assert found.data["yours"]["name"] == "我的名"
    assert found.data["fields"][0] == {"key": "name", "label": "名称", "current": "新名", "yours": "我的名"}
    assert [f["key"] for f in found.data["fields"]][:2] == ["name", "amount"]
    assert stored(row["uid"]).name == "新名"
    refused(422, do, world=world, verb="edit", uid=row["uid"], values=SHOWN)


def test_a_repeated_key_gives_the_first_answer(writable, world):
    row = first(world)
    asked = {"uid": row["uid"], "expected_version": row["version"], "values": SHOWN, "idempotency_key": "k1"}
    answer = do(world, "edit", **asked)
    assert do(world, "edit", **asked) == answer
    assert stored(row["uid"]).version == row["version"] + 1
    assert Event.objects.filter(kind=f"{KEY}.edit").count() == 1
    assert refused(422, do, world=world, verb="edit", **(asked | {"values": SHOWN | {"name": "别的"}})).errors
    assert stored(row["uid"]).name == "新名"
    # the same key of another person is another key
    made_by_head = do(
        world,
        "add",
        who="department_head",
        values={"name": "甲", "department": str(world.inner.id)},
        idempotency_key="k1",
    )
    assert made_by_head["row"]["values"]["name"] == "甲"


def test_a_repeated_list_action_makes_one_row(writable, world):
    asked = {"values": {"name": "新建的", "department": str(world.inner.id)}, "idempotency_key": "add-1"}
    answer = do(world, "add", **asked)
    assert do(world, "add", **asked) == answer
    with hospital_scope(world.hospital):
        assert made.Thing.objects.filter(number=9000).count() == 1
    assert answer["row"]["uid"] == str(made.Thing.unscoped.get(number=9000).uid)


def test_old_answers_are_swept(writable, world):
    from datetime import timedelta

    from core.kernel import clock
    from core.kernel.context import actor_scope

    row = first(world)
    do(world, "edit", uid=row["uid"], expected_version=row["version"], values=SHOWN, idempotency_key="k")
    with actor_scope(made.SYSTEM):
        assert idempotency.sweep() == 0
        with clock.turned(clock.now() + timedelta(days=8)):
            assert idempotency.sweep() == 1


def test_rights_of_verbs(writable, world):
    row = first(world)
    asked = {"uid": row["uid"], "expected_version": row["version"], "values": SHOWN}
    assert refused(403, do, world=world, verb="edit", who="leader", **asked).code == "forbidden"
    refused(404, do, world=world, verb="edit", who="staff", **asked)
    refused(404, do, world=world, verb="edit", who="foreign", **asked)
    refused(404, do, world=world, verb="vanish", **asked)
    assert stored(row["uid"]).version == row["version"]


def test_a_row_made_outside_ones_reach_is_rolled_back(writable, world):
    values = {"name": "越界", "department": str(world.outside.id)}
    before = made.Thing.unscoped.count()
    answer = do(world, "add", who="inspector", values=values)
    assert answer["row"]
    # the head may add, but only below the own department; the row is not even visible afterwards
    with pytest.raises(Problem):
        do(world, "add", who="department_head", values=values)
    assert made.Thing.unscoped.count() == before + 1


def test_states(writable, world):
    row = first(world, state="open")
    assert "close" in row["actions"]
    answer = do(world, "close", uid=row["uid"], expected_version=row["version"])
    assert answer["row"]["state"] == "closed"
    assert "close" not in answer["row"]["actions"]
    found = refused(409, do, world=world, verb="close", uid=row["uid"], expected_version=row["version"] + 1)
    assert found.code == "refused"


def test_forms_name_each_wrong_field(writable, world):
    row = first(world)
    asked = {"uid": row["uid"], "expected_version": row["version"]}
    cases = [
        ({"name": ""}, {"/values/name"}),
        (
            {"name": "x" * 21, "amount": "abc", "state": "gone", "hack": 1},
            {"/values/name", "/values/amount", "/values/state", "/values/hack"},
        ),
        ({"name": "好", "amount": 1.5}, {"/values/amount"}),
        ({"name": "好", "amount": "0.001"}, {"/values/amount"}),
        ({"name": "好", "amount": "1e400"}, {"/values/amount"}),
        ({"name": ["好"]}, {"/values/name"}),
        ({"name": "a\0b"}, {"/values/name"}),
    ]
    for values, pointers in cases:
        found = refused(422, do, world=world, verb="edit", **asked, values=values)
        assert {e.pointer for e in found.errors} == pointers
        assert all(e.message for e in found.errors)
    do(world, "edit", **asked, values={"name": " 好 ", "amount": "￥1,234.5"})
    assert (stored(row["uid"]).name, stored(row["uid"]).amount) == ("好", 123450)


def test_spec_and_detail_offer_what_may_be_done(writable, world):
    said = gateway.spec(world.people["inspector"], KEY)
    assert [a["verb"] for a in said["actions"]] == ["edit", "close", "add"]
    assert [a["verb"] for a in gateway.spec(world.people["leader"], KEY)["actions"]] == []
    assert said["export"]
    assert not gateway.spec(world.people["department_head"], KEY)["export"]
    row = first(world, state="open")
    page = gateway.row(world.people["inspector"], KEY, row["uid"])
    [form] = [a["form"] for a in page["actions"] if a["verb"] == "edit"]
    filled = {f["key"]: f.get("value") for f in form["fields"]}
    assert filled["name"] == row["values"]["name"]
    assert form["fields"][2]["choices"] == [
        {"value": "open", "label": "待处理"},
        {"value": "closed", "label": "已办结"},
    ]
    json.dumps(said)


def test_a_null_amount_stays_exact(writable, world):
    row = first(world)
    do(
        world,
        "edit",
        uid=row["uid"],
        expected_version=row["version"],
        values=SHOWN | {"amount": "99999999999.99"},
    )
    assert Decimal(first(world, number=row["values"]["number"])["values"]["amount"]) == Decimal(
        "99999999999.99"
    )


def test_lines_are_read_only(line_source, world):
    with pytest.raises(BadSpec):
        registry.register(made.spec(actions=made.ACTIONS), line_source)
    registry.register(made.spec(), line_source)
    uid = gateway.rows(world.people["inspector"], KEY, limit=1)["rows"][0]["uid"]
    refused(404, do, world=world, verb="edit", uid=uid, expected_version=1)


def test_queries_of_a_command(writable, world):
    row = first(world)
    with CaptureQueriesContext(connection) as seen:
        do(world, "edit", uid=row["uid"], expected_version=row["version"], values=SHOWN, idempotency_key="k")
    assert len([q for q in seen if "SAVEPOINT" not in q["sql"]]) <= 12, [q["sql"] for q in seen]
