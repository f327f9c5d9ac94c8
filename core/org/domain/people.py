"""Persons, accounts and posts."""

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from core.kernel import clock
from core.kernel.sortkey import sort_key
from core.org.models import Hospital, Person, Post, User


def add_person(name: str) -> Person:
    """A new person with the sort key of the name."""
    return Person.objects.create(name=name, sort_key=sort_key(name, 200))


def open_account(person: Person, username: str, password: str) -> User:
    """An account for a person; the name is folded to lower case so that it is unique in any letter case."""
    user = User(username=username.strip().casefold(), person=person)
    user.set_password(password)
    user.save()
    return user


def appoint(
    person: Person, hospital: Hospital, role: str, *, starts_on: date | None = None, **values: Any
) -> Post:
    """A dated post, from today when no day is named."""
    return Post.unscoped.create(
        person=person,
        hospital=hospital,
        role=role,
        starts_on=starts_on or clock.today(hospital.zone),
        **values,
    )


def current_posts(person_id: int, day: date) -> QuerySet[Post]:
    """Posts of a person on `day`, over all hospitals."""
    held = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    return Post.unscoped.filter(held, person_id=person_id).select_related("hospital", "department", "campus")
