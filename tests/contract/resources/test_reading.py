"""What every source does alike: lists, pages, rights, masks, totals. Run on SQLite or PostgreSQL, as configured."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.audit.models import Event
from core.kernel.context import acting
from core.kernel.errors import Problem
from core.policy.models import PluginActivation
from core.resources import gateway, registry
from core.resources.registry import BadSpec
from tests.contract.resources import world as made

KEY = made.KEY


def pages(principal, limit=50, **asked):
    """All rows, page by page."""
    after, found = None, []
    while True:
        answer = gateway.rows(principal, KEY, after=after, limit=limit, **asked)
        found += answer["rows"]
        assert len(answer["rows"]) <= limit
        after = answer["next"]
        if after is None:
            return found


def numbers(rows):
    return [int(r["values"]["number"]) for r in rows]


def op(name, *args):
    return {"op": name, "args": [a if isinstance(a, dict) else {"value": a} for a in args]}


def field(key):
    return {"field": key}


@pytest.mark.parametrize("order", ["number", "-number", "day", "-day", "amount", "-amount"])
@pytest.mark.parametrize("limit", [93, 200])
def test_paging_gives_each_row_once_in_order(resource, world, order, limit):
    found = pages(world.people["inspector"], limit=limit, order=order)
    assert Counter(numbers(found)) == Counter(range(made.N))
    key = order.removeprefix("-")
    values = [r["values"][key] for r in found]
    held = [v for v in values if v is not None]
    assert values == held + [None] * (len(values) - len(held)), "nulls come last"
    typed = [v if key == "day" else Decimal(str(v)) for v in held]
    assert typed == sorted(typed, reverse=order.startswith("-"))


def test_ties_are_stable_between_page_sizes(resource, world):
    who = world.people["inspector"]
    assert numbers(pages(who, limit=71, order="-day")) == numbers(pages(who, limit=200, order="-day"))


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_small_pages_cross_the_null_border(resource, world, limit):
    where = op("and", op("lt", field("number"), 12))
    found = pages(world.people["inspector"], limit=limit, order="day", where=json.dumps(where))
    assert sorted(numbers(found)) == list(range(12))


def test_filters(resource, world):
    who = world.people["inspector"]
    cases = [
        (op("eq", field("state"), "open"), lambda r: r["state"] == "open"),
        (op("ne", field("day"), "2024-01-03"), lambda r: r["day"] != date(2024, 1, 3)),
        (op("is_null", field("amount")), lambda r: r["amount"] is None),
        (
            op("between", field("amount"), "0.01", "499.99"),
            lambda r: r["amount"] is not None and 0 < r["amount"] < 500,
        ),
        (
            op("not", op("gt", field("amount"), "12.345")),
            lambda r: r["amount"] is None or r["amount"] < Decimal("12.345"),
        ),
        (
            op("contains", field("name"), "ａbc"),
            lambda r: "abc" in r["name"].lower().replace("ＡＢＣ".lower(), "abc"),
        ),
    ]
    for where, wanted in cases:
        expected = [r["number"] for r in world.rows if wanted(r)]
        assert numbers(pages(who, limit=200, order="number", where=where)) == expected, where
        answer = gateway.rows(who, KEY, where=where, limit=1)
        assert answer["count"] == {"value": min(len(expected), 1000), "capped": len(expected) > 1000}


def test_search_folds_case_and_width(resource, world):
    found = pages(world.people["inspector"], limit=200, order="number", q=" Abc ")
    expected = [r["number"] for r in world.rows if "ＡＢＣ" in r["name"] or "abc" in r["name"]]
    assert numbers(found) == expected


def test_count_stops_at_the_cap(resource, world):
    assert gateway.rows(world.people["inspector"], KEY)["count"] == {"value": 1000, "capped": True}
    few = gateway.rows(world.people["inspector"], KEY, where=op("lt", field("number"), 3))
    assert few["count"] == {"value": 3, "capped": False}


def test_everyone_sees_only_own_rows(resource, world):
    for who, principal in world.people.items():
        expected = sorted(r["number"] for r in world.seen(who))
        if who == "staff":
            with pytest.raises(Problem) as caught:
                gateway.rows(principal, KEY)
            assert caught.value.status == 404
        else:
            assert sorted(numbers(pages(principal, limit=200))) == expected, who


def test_a_foreign_row_does_not_exist(resource, world):
    inspector, foreign, head = (world.people[k] for k in ("inspector", "foreign", "department_head"))
    other = {r["uid"] for r in pages(foreign)}
    mine = {r["values"]["number"]: r["uid"] for r in pages(inspector, limit=200)}
    outside = next(r["number"] for r in world.rows if r["department"] == world.outside.id)
    for who, uid in [
        (head, mine[outside]),
        (inspector, "none"),
        (inspector, "9-9"),
        (inspector, "0190f3c2-0000-7000-8000-000000000001"),
        (world.people["staff"], mine[0]),
    ]:
        with pytest.raises(Problem) as caught:
            gateway.row(who, KEY, uid)
        assert (caught.value.status, caught.value.code) == (404, "not_found")
    for uid in other - set(mine.values()):
        with pytest.raises(Problem):
            gateway.row(inspector, KEY, uid)


def test_detail(resource, world):
    who = world.people["inspector"]
    listed = gateway.rows(who, KEY, order="number", limit=1)["rows"][0]
    found = gateway.row(who, KEY, listed["uid"])
    assert found["row"]["values"] == listed["values"]
    assert found["title"] == world.rows[0]["name"]
    assert found["row"]["href"] == f"/h/contract-a/r/{KEY}/{listed['uid']}"
    assert {i["key"] for i in found["panels"][0]["items"]} == set(listed["values"])
    assert found["breadcrumbs"][1]["href"] == f"/h/contract-a/r/{KEY}"
    json.dumps(found)


def test_values_are_exact(resource, world):
    found = {int(r["values"]["number"]): r["values"] for r in pages(world.people["inspector"], limit=200)}
    for row in world.rows:
        shown = found[row["number"]]
        assert shown["amount"] == (None if row["amount"] is None else str(row["amount"]))
        assert shown["day"] == (row["day"].isoformat() if row["day"] else None)
        assert shown["double"] == row["number"] * 2


@pytest.mark.parametrize("who", ["leader", "party_office"])
def test_a_masked_field_is_empty_named_and_not_to_be_asked(resource, world, who):
    principal = world.people[who]
    for row in pages(principal, limit=200):
        assert row["values"]["note"] is None
        assert row["masked"] == ["note"]
    uid = gateway.rows(principal, KEY, limit=1)["rows"][0]["uid"]
    items = {i["key"]: i for i in gateway.row(principal, KEY, uid)["panels"][0]["items"]}
    assert items["note"]["value"] is None
    assert items["note"]["masked"]
    for asked in (
        {"where": op("eq", field("note"), "密 1")},
        {"where": op("is_null", field("note"))},
        {"order": "note"},
    ):
        with pytest.raises(Problem) as caught:
            gateway.rows(principal, KEY, **asked)
        assert caught.value.status == 422
    said = gateway.spec(principal, KEY)
    assert "note" not in {f["key"] for f in said["filters"]} | {o["key"] for o in said["orders"]}
    assert not next(c for c in said["columns"] if c["key"] == "note")["sortable"]


def test_unfilterable_and_unsortable_are_refused(resource, world):
    who = world.people["inspector"]
    for asked, pointer in [
        ({"where": op("eq", field("double"), 2)}, "/args/0/field"),
        ({"where": op("eq", field("password"), "x")}, "/args/0/field"),
        ({"where": "{"}, "/where"),
        ({"order": "state"}, "/order"),
        ({"order": "double"}, "/order"),
        ({"order": "hospital__slug"}, "/order"),
        ({"limit": 0}, "/limit"),
        ({"limit": 201}, "/limit"),
        ({"after": "zzzz"}, "/after"),
        ({"after": "!"}, "/after"),
        ({"q": "x" * 101}, "/q"),
    ]:
        with pytest.raises(Problem) as caught:
            gateway.rows(who, KEY, **asked)
        assert caught.value.status == 422
        assert caught.value.errors[0].pointer == pointer


def test_a_cursor_is_for_one_person_and_one_list(resource, world):
    inspector = world.people["inspector"]
    cursor = gateway.rows(inspector, KEY, order="day", limit=5)["next"]
    assert gateway.rows(inspector, KEY, order="day", limit=9, after=cursor)["rows"]
    flipped = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    for who, asked in [
        ("leader", {"order": "day", "after": cursor}),
        ("foreign", {"order": "day", "after": cursor}),
        ("inspector", {"order": "-day", "after": cursor}),
        ("inspector", {"order": "day", "q": "x", "after": cursor}),
        ("inspector", {"order": "day", "after": flipped}),
    ]:
        with pytest.raises(Problem) as caught:
            gateway.rows(world.people[who], KEY, **asked)
        assert caught.value.status == 422


def test_specs_that_ask_too_much_are_refused(source, world):
    Field, Filter = made.Field, made.Filter
    plain = made.spec().fields
    for changed in [
        {"filters": (Filter("double"),)},
        {"orders": (("state", "状态"),)},
        {"default_order": "-state"},
        {"search": ("number",)},
        {"fields": (*plain, Field("number", "又一个"))},
        {"fields": (*plain, Field("bad", "坏", path="nowhere"))},
        {"fields": (*plain, Field("sum", "和", "number", compute=len, sortable=True))},
        {"fields": (*plain, Field("odd", "怪", "blob"))},
    ]:
        with pytest.raises(BadSpec):
            registry.register(made.spec(**changed), source)


def test_a_disabled_plugin_hides_everything(resource, world):
    who = world.people["inspector"]
    uid = gateway.rows(who, KEY, limit=1)["rows"][0]["uid"]
    with acting(made.SYSTEM):
        PluginActivation.unscoped.filter(hospital=world.hospital).update(enabled=False)
    for call in (
        lambda: gateway.spec(who, KEY),
        lambda: gateway.rows(who, KEY),
        lambda: gateway.row(who, KEY, uid),
        lambda: gateway.export(who, KEY),
        lambda: gateway.aggregate(who, KEY),
        lambda: gateway.command(who, KEY, "edit", uid=uid),
    ):
        with pytest.raises(Problem) as caught:
            call()
        assert caught.value.status == 404
    assert gateway.rows(world.people["foreign"], KEY, limit=1)["rows"], "the other hospital keeps its own"


def test_reading_sensitive_rows_is_one_event_a_request(resource, world):
    def events():
        return Event.objects.filter(kind="read", subject_type=KEY).count()

    gateway.rows(world.people["leader"], KEY)
    assert events() == 0, "masked: nothing sensitive was read"
    gateway.rows(world.people["inspector"], KEY)
    assert events() == 1
    holder = next(r["number"] for r in world.rows if r["note"])
    uid = gateway.rows(world.people["leader"], KEY, where=op("eq", field("number"), holder))["rows"][0]["uid"]
    gateway.row(world.people["inspector"], KEY, uid)
    assert events() == 2
    assert Event.objects.filter(kind="read", subject_type=KEY, subject_uid=uid).count() == 1


def test_totals(resource, world):
    who = world.people["inspector"]
    found = gateway.aggregate(
        who,
        KEY,
        by=["state"],
        measures=[("count", None), ("sum", "amount"), ("min", "amount"), ("max", "number")],
    )
    for one in found:
        rows = [r for r in world.rows if r["state"] == one["state"]]
        held = [r["amount"] for r in rows if r["amount"] is not None]
        assert one == {
            "state": one["state"],
            "count": len(rows),
            "sum_amount": sum(held),
            "min_amount": min(held),
            "max_number": max(r["number"] for r in rows),
        }
    assert [one["state"] for one in found] == ["closed", "open"]
    [all_of_head] = gateway.aggregate(world.people["department_head"], KEY, measures=[("count", None)])
    assert all_of_head == {"count": len(world.seen("department_head"))}
    for bad in [{"by": ["double"]}, {"measures": [("sum", "name")]}, {"measures": [("avg", "amount")]}]:
        with pytest.raises(Problem):
            gateway.aggregate(who, KEY, **bad)


@pytest.mark.parametrize("limit", [1, 50])
def test_query_counts_do_not_grow(resource, world, limit):
    who = world.people["inspector"]
    for asked in ({"order": "number"}, {"order": "day", "where": op("is_null", field("day"))}):
        with CaptureQueriesContext(connection) as seen:
            gateway.rows(who, KEY, limit=limit, **asked)
        # activation, page, null tail, count, read event: HTTP adds session, user, hospital, posts
        assert len(seen) <= 5, [q["sql"] for q in seen]
    uid = gateway.rows(who, KEY, limit=1)["rows"][0]["uid"]
    with CaptureQueriesContext(connection) as seen:
        gateway.row(who, KEY, uid)
    assert len(seen) <= 3
