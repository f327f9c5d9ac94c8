"""Whom a notice concerns: the persons who may do what it asks for, and the person behind an actor."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q

from core.kernel import clock
from core.kernel.context import Actor
from core.org.models import Hospital, Post, User
from core.policy.decide import can
from core.policy.principal import principal_for
from core.policy.table import table

#: Rows that one IN names (SQLite takes 999 and more; one size for both databases).
CHUNK = 500
#: At most this many people are asked of policy one by one.
MOST = 100


def holders(action: str, type_key: str, thing: Any, *, hospital: Hospital) -> list[int]:
    """Persons who may do `action` to `thing` today, by policy: posts, delegation and recusal count as everywhere.

    Candidates are those with a post of a role that some row of the table lets do it; rows for everybody (`*`) name
    nobody. At most `MOST` are asked, oldest posts first.
    """
    roles = {
        row.role
        for row in table()
        if row.type == type_key and row.action == action and row.effect in {"allow", "mask"}
    } - {"*"}
    posts = _current(hospital).filter(role__in=roles).order_by("starts_on", "id")
    persons = list(dict.fromkeys([*posts.values_list("person_id", flat=True), *_delegated(hospital, roles)]))
    users = {
        user.person_id: user
        for user in User.objects.filter(person_id__in=persons[:MOST], is_active=True).select_related("person")
    }
    found = []
    for person in persons[:MOST]:
        principal = principal_for(users[person], hospital) if person in users else None
        if principal is not None and can(principal, action, type_key, thing).allowed:
            found.append(person)
    return found


def here(people: Iterable[int], hospital: Hospital) -> list[int]:
    """Those of the persons who hold a post in the hospital today, each once, in the given order. A query per 500."""
    wanted = list(dict.fromkeys(people))
    there: set[int] = set()
    for part in chunks(wanted):
        there |= set(_current(hospital).filter(person_id__in=part).values_list("person_id", flat=True))
    return [person for person in wanted if person in there]


def person_of(actor: Actor | str) -> int | None:
    """The person behind an actor (or `kind:id:label` of one); None for the platform itself."""
    kind, _, rest = (str(actor) if isinstance(actor, Actor) else actor).partition(":")
    if kind != "user":
        return None
    try:
        uid = uuid.UUID(rest.partition(":")[0])
    except ValueError:
        return None
    return User.objects.filter(uid=uid).values_list("person_id", flat=True).first()


def chunks(items: list[Any]) -> Iterator[list[Any]]:
    """Parts of at most `CHUNK`."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _current(hospital: Hospital) -> Any:
    day = clock.today(hospital.zone)
    held = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    return Post.unscoped.filter(held, hospital_id=hospital.id).order_by()


def _delegated(hospital: Hospital, roles: set[str]) -> list[int]:
    """Receivers of these roles by delegation, where the installation knows delegation."""
    from core.policy import models

    delegation = getattr(models, "Delegation", None)
    if delegation is None:
        return []
    day = clock.today(hospital.zone)
    running = delegation.unscoped.filter(
        hospital_id=hospital.id, role__in=roles, starts_on__lte=day, ends_on__gte=day, revoked_on__isnull=True
    )
    return list(running.values_list("receiver_id", flat=True))
