"""Asking policy about any type on one real table: posts carry a department, campus, person, code and two free texts.

`as_posts` maps a type's attributes to columns of `org.Post`, so that the ORM form of every type can be run against
rows that a test wrote, whatever the type's own table looks like.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from core.org.models import Hospital, Post
from core.policy import table as policy_table
from core.policy import types as policy_types
from core.policy.table import TableRow
from core.policy.types import TypePolicy
from core.testing.strategies import Thing

#: `person_by` → where a post carries it. The free columns: role holds the state, title the actor.
PERSON = {"person": "person_id", "user": "person__user__id", "actor": "title", "source_code": "source_code"}


def as_posts(policy: TypePolicy) -> TypePolicy:
    """The same type with its ORM paths on `org.Post`."""
    paths = {
        "department": "department_id" if policy.department_by == "id" else "department__code",
        "campus": {"id": "campus_id", "code": "campus__code", "name": "campus__name"}[policy.campus_by],
        "person": PERSON[policy.person_by],
        "state": "role",
    }
    named = set(policy.attrs) | set(policy.lines)
    return replace(policy, attrs={name: path for name, path in paths.items() if name in named})


def write_things(things: Iterable[Thing], hospital: Hospital) -> list[Post]:
    """One post for each thing, in order. Needs an actor."""
    rows = [
        Post(
            hospital=hospital,
            department_id=thing.department[0] if thing.department else None,
            campus_id=thing.campus[0] if thing.campus else None,
            person_id=thing.person[0] if thing.person else None,
            title=thing.person[2] if thing.person else "",
            source_code=thing.code,
            role=thing.state,
            starts_on=date(2020, 1, 1),
        )
        for thing in things
    ]
    return Post.unscoped.bulk_create(rows)


@contextmanager
def policy_rows(rows: Iterable[TableRow]) -> Iterator[None]:
    """Only these rows are in force for the block."""
    policy_table.table()  # so that the core's own are loaded and come back
    kept = dict(policy_table._rows)
    policy_table._rows.clear()
    policy_table._rows["core"] = list(rows)  # under this name, or the core table would be read again
    try:
        yield
    finally:
        policy_table._rows.clear()
        policy_table._rows.update(kept)


@contextmanager
def registered(policy: TypePolicy) -> Iterator[None]:
    """The type is known under its key for the block."""
    before = policy_types._types.get(policy.key)
    policy_types._types[policy.key] = policy
    try:
        yield
    finally:
        if before is None:
            del policy_types._types[policy.key]
        else:
            policy_types._types[policy.key] = before
