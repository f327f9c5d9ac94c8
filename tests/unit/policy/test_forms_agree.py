"""The forms of one policy table say the same of every thing: object check, ORM filter, line filter.

The database is asked about real rows of posts, DuckDB about the same rows as a table.
"""

import ibis
import pyarrow as pa
import pytest
from django.db import transaction
from hypothesis import given

from core.kernel.context import Actor, acting
from core.org.models import Post
from core.policy.decide import can, ibis_filter, may, q
from core.testing import factories
from core.testing.probe import as_posts, policy_rows, registered, write_things
from core.testing.strategies import ACTION, TYPE, PolicyWorld, Pools, worlds

pytestmark = pytest.mark.django_db


def test_object_orm_and_line_forms_agree_on_every_row() -> None:
    pools, hospital = _pools()
    engine = ibis.duckdb.connect()

    @given(worlds(pools))
    def agree(world: PolicyWorld) -> None:
        with acting(Actor.system("test")), policy_rows(world.table), registered(as_posts(world.policy)):
            posts = write_things(world.things, hospital)
            numbers = [post.pk for post in posts]
            table = _table(engine, world, numbers)
            for principal in world.principals:
                by_object = {
                    number
                    for number, thing in zip(numbers, world.things, strict=True)
                    if can(principal, ACTION, TYPE, thing.attributes(world.policy)).allowed
                }
                by_instance = {post.pk for post in posts if can(principal, ACTION, TYPE, post).allowed}
                wanted = Post.unscoped.filter(q(principal, ACTION, TYPE), pk__in=numbers)
                by_orm = list(wanted.order_by("pk").values_list("pk", flat=True))
                kept = table.filter(ibis_filter(principal, ACTION, TYPE, table)).number.execute()
                assert by_orm == sorted(by_object)
                assert by_instance == by_object
                assert sorted(kept) == sorted(by_object)
                assert may(principal, ACTION, TYPE) or not by_object
            transaction.set_rollback(True)

    agree()


def test_a_person_without_a_post_and_nobody_see_nothing() -> None:
    pools, hospital = _pools()

    @given(worlds(pools))
    def nothing(world: PolicyWorld) -> None:
        with policy_rows(world.table), registered(as_posts(world.policy)):
            for thing in world.things:
                assert not can(None, ACTION, TYPE, thing.attributes(world.policy)).allowed
            assert not Post.unscoped.filter(q(None, ACTION, TYPE)).exists()

    factories.post(hospital, "staff")
    nothing()


def _pools() -> tuple[Pools, object]:
    hospital = factories.hospital()
    departments = [factories.department(hospital) for _ in range(5)]
    campuses = [factories.campus(hospital) for _ in range(2)]
    users = [factories.user() for _ in range(3)]
    pools = Pools(
        tuple((d.id, d.code) for d in departments),
        tuple(c.id for c in campuses),
        tuple((u.person_id, u.id, str(u.uid)) for u in users),
    )
    return pools, hospital


def _table(engine: ibis.BaseBackend, world: PolicyWorld, numbers: list[int]) -> ibis.Table:
    rows = [
        {"number": number, **thing.attributes(world.policy)}
        for number, thing in zip(numbers, world.things, strict=True)
    ]
    text = pa.string()
    schema = pa.schema(
        [
            ("number", pa.int64()),
            ("department", pa.int64() if world.policy.department_by == "id" else text),
            ("campus", pa.int64()),
            ("person", pa.int64() if world.policy.person_by in {"person", "user"} else text),
            ("state", text),
        ]
    )
    return engine.create_table("things", pa.Table.from_pylist(rows, schema=schema), overwrite=True)
