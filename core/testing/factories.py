"""Rows of the organisation with every field filled plausibly: one function for each model; keywords override.

Each writes as `system:test` in a transaction of its own, so that a test need not name an actor.
"""

from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any

from core.kernel.context import Actor, acting
from core.org.domain import people as org_people
from core.org.domain import trees
from core.org.models import CalendarDay, Campus, Department, Hospital, PartyOrg, Person, Post, User
from core.testing.names import people

BY = Actor.system("test")
_number = count(1)
_names: Iterator[str] = people()


def hospital(**values: Any) -> Hospital:
    """A hospital with a slug of its own."""
    n = next(_number)
    with acting(BY):
        return trees.create_hospital(**{"slug": f"yiyuan-{n}", "name": f"示例第{n}医院", **values})


def campus(at: Hospital, **values: Any) -> Campus:
    """A campus of a hospital."""
    n = next(_number)
    with acting(BY):
        return Campus.unscoped.create(**{"hospital": at, "code": f"yq{n}", "name": f"示例{n}院区", **values})


def department(at: Hospital, **values: Any) -> Department:
    """A department; `parent` and `campus` as wanted."""
    n = next(_number)
    with acting(BY):
        return trees.add_department(**{"hospital": at, "code": f"示例{n}科", "name": f"示例{n}科", **values})


def party_org(at: Hospital, **values: Any) -> PartyOrg:
    """A Party branch."""
    n = next(_number)
    given = {"hospital": at, "code": f"dzz{n}", "name": f"示例第{n}党支部", "kind": "branch", **values}
    with acting(BY):
        return trees.add_party_org(**given)


def person(name: str = "") -> Person:
    """A person with an invented name."""
    global _names
    if not name:
        try:
            name = next(_names)
        except StopIteration:
            _names = people()
            name = next(_names)
    with acting(BY):
        return org_people.add_person(name)


def user(of: Person | None = None, *, username: str = "", password: str = "示例密码-only-for-tests") -> User:
    """An account, with a person of its own unless one is given."""
    with acting(BY):
        return org_people.open_account(of or person(), username or f"renyuan-{next(_number)}", password)


def post(at: Hospital, role: str, of: Person | None = None, **values: Any) -> Post:
    """A post held since 2020."""
    held = of or person()
    with acting(BY):
        return org_people.appoint(held, at, role, **{"starts_on": date(2020, 1, 1), **values})


def calendar_day(
    day: date, *, works: bool = False, at: Hospital | None = None, name: str = "示例假日"
) -> CalendarDay:
    """A day that is not what its weekday says."""
    with acting(BY):
        return CalendarDay.objects.create(day=day, works=works, hospital=at, name=name)
