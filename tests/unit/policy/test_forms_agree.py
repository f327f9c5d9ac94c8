"""The forms of one policy table say the same of every thing: object check, ORM filter, line filter, search tokens.

The database is asked about real rows of posts, DuckDB about the same rows as a table.
"""

import ibis
import pyarrow as pa
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.context import Actor, acting
from core.org.models import Post
from core.policy.decide import can, ibis_filter, may, q
from core.policy.principal import visitor
from core.policy.tokens import holds, token, token_filter, tokens_of
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
                found = token_filter(principal, ACTION, TYPE)
                for number, thing in zip(numbers, world.things, strict=True):
                    attrs = thing.attributes(world.policy)
                    carried, shown = tokens_of(TYPE, attrs), can(principal, ACTION, TYPE, attrs).max_class
                    assert holds(found, carried, 1, 4) == (number in by_object)
                    for level in (
                        1,
                        2,
                        3,
                        4,
                    ):  # a document for one class is seen by those shown just that class
                        assert holds(found, carried, level, level) == (number in by_object and shown == level)
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


def test_what_holds_for_every_post_holder_does_not_hold_for_a_visitor() -> None:
    pools, hospital = _pools()

    @given(worlds(pools))
    def nothing(world: PolicyWorld) -> None:
        nobody = visitor(hospital)
        with policy_rows(world.table), registered(as_posts(world.policy)):
            found = token_filter(nobody, ACTION, TYPE)
            assert not may(nobody, ACTION, TYPE)
            assert not Post.unscoped.filter(q(nobody, ACTION, TYPE)).exists()
            for thing in world.things:
                attrs = thing.attributes(world.policy)
                assert not can(nobody, ACTION, TYPE, attrs).allowed
                assert not holds(found, tokens_of(TYPE, attrs), 1, 4)

    factories.post(hospital, "staff")
    nothing()


@given(st.text(max_size=200), st.text(max_size=200), st.integers())
def test_two_values_never_share_a_token(one: str, other: str, number: int) -> None:
    assert (token("state", one) == token("state", other)) == (one == other)
    assert token("state", str(number)) != token("state", number)
    assert token("a:b", "c") != token("a", "b:c")
    assert not any(mark.isspace() for mark in token("state", one))


def _pools() -> tuple[Pools, object]:
    hospital = factories.hospital()
    departments = [factories.department(hospital) for _ in range(5)]
    campuses = [factories.campus(hospital) for _ in range(2)]
    users = [factories.user() for _ in range(3)]
    pools = Pools(
        tuple((d.id, d.code) for d in departments),
        tuple((c.id, c.code, c.name) for c in campuses),
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
            ("campus", pa.int64() if world.policy.campus_by == "id" else text),
            ("person", pa.int64() if world.policy.person_by in {"person", "user"} else text),
            ("state", text),
        ]
    )
    return engine.create_table("things", pa.Table.from_pylist(rows, schema=schema), overwrite=True)
