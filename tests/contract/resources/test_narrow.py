"""Text search in two steps finds what one step finds: also beyond its cap, across tables, with other conditions."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.kernel.context import acting
from core.kernel.expressions import fold
from core.org.models import Post
from core.resources import gateway, narrow, registry
from core.resources.model_source import ModelSource
from tests.contract.resources import world as made
from tests.contract.resources.test_org import _admin
from tests.contract.resources.test_reading import numbers, pages

OPEN = {"op": "eq", "args": [{"field": "state"}, {"value": "open"}]}
WORDS = ["头孢1", "ABC", "ａｂｃ", "c 片2", "=1+1", "没有", "％", "普"]


@pytest.mark.parametrize("cap", [0, 3, 3000])
@pytest.mark.parametrize("who", ["inspector", "department_head"])
def test_what_is_found_does_not_hang_on_the_cap(model_source, world, monkeypatch, cap, who):
    registry.register(made.spec(), model_source)
    monkeypatch.setattr(narrow, "CAP", cap)
    for word in WORDS:
        found = numbers(pages(world.people[who], q=word, where=OPEN, order="-number"))
        expected = [
            r["number"] for r in world.seen(who) if fold(word) in fold(r["name"]) and r["state"] == "open"
        ]
        assert found == sorted(expected, reverse=True), word


def test_page_and_count_of_a_search_take_no_more_statements_than_without(model_source, world):
    registry.register(made.spec(), model_source)
    needed = []
    for word in ("", "头孢", "没有"):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            answer = gateway.rows(world.people["inspector"], made.KEY, q=word)
        needed.append(len(seen))
        expected = [r for r in world.rows if word in r["name"]]
        assert answer["count"] == {"value": min(len(expected), 1000), "capped": len(expected) > 1000}
    assert max(needed) <= 8
    assert needed[1] <= needed[0]


def test_texts_of_other_tables_are_found_by_person_department_and_title(world):
    with acting(made.SYSTEM):
        admin = _admin(world)
        Post.unscoped.filter(person__name="测试staff").update(title="药剂师", department=world.inner)
        Post.unscoped.filter(hospital=world.other).update(title="药剂师")
    for key, word, expected in (
        ("org.post", "测试staff", {"测试staff"}),
        ("org.post", "药剂", {"测试staff"}),
        ("org.post", "心内", {"测试staff"}),
        ("org.post", "没有", set()),
        ("org.person", "心内科", {"测试staff"}),
        ("org.person", "内科", {"测试staff", "测试department_head"}),
        ("org.person", "ＳＴＡＦＦ", {"测试staff"}),
    ):
        rows = gateway.rows(admin, key, q=word)["rows"]
        assert {r["label"] for r in rows} == expected, (key, word)


def test_a_former_department_does_not_find_a_person(world):
    """The first step looks at all posts, the list's own condition at the latest one."""
    with acting(made.SYSTEM):
        admin = _admin(world)
        staff = Post.unscoped.get(person__name="测试staff")
        staff.department = world.outside
        staff.save()
        Post.unscoped.create(
            hospital=world.hospital, person=staff.person, role="staff", department=world.inner,
            starts_on=staff.starts_on.replace(year=2022),
        )  # fmt: skip
    assert gateway.rows(admin, "org.person", q="外科")["rows"] == []
    assert [r["label"] for r in gateway.rows(admin, "org.person", q="心内科")["rows"]] == ["测试staff"]


def test_the_search_of_posts_reads_one_index(world):
    if connection.vendor != "sqlite":
        return  # PostgreSQL chooses by its statistics
    with acting(made.SYSTEM):
        admin = _admin(world)
    source = registry.get("org.post").source
    assert isinstance(source, ModelSource)
    with CaptureQueriesContext(connection) as seen:
        gateway.rows(admin, "org.post", q="没有")
    search = next(q["sql"] for q in seen if "LIKE" in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + search)
        plan = " ".join(str(line[-1]) for line in cursor.fetchall())
    assert "COVERING INDEX org_post_text" in plan
