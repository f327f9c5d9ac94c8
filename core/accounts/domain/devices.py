"""Devices: one for each sign-in, asked on every request, so that a sign-out from elsewhere holds on the next one.

The one read a request makes also tells whether the password must change. `seen_at` moves at most every few minutes, in
one autocommit statement: a GET opens no transaction.
"""

import re
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.db.models import BigIntegerField, DateField, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from core.accounts.domain import agents, duties
from core.accounts.models import Device
from core.kernel import clock
from core.kernel.context import Actor, actor_scope, current_actor
from core.kernel.prepared import Prepared, Slot

SESSION_KEY = "device"
#: How often the last use is written, at most; idle limits are longer by as much.
SEEN_EVERY = timedelta(minutes=3)
#: What a page asks by itself while nobody sits before it: no sign of use.
BY_ITSELF = re.compile(r"^/api/v1/(session|h/[^/]+/(notices/count|jobs/[^/]+))$")


#: The id of the device that the running request's session names.
_asked: ContextVar[int] = ContextVar("asked_device", default=0)


def account(user_id: Any) -> Any:
    """The account of this id or None, with what every request asks of it.

    `device_seen_at` (None without one) and `device_ended_at` of the device asked for within `checked`,
    `must_change_password`, `has_second_factor`, `is_privileged` (administers or sees class 4 today, in any hospital).
    """
    rows = _ACCOUNT.rows(user=user_id, device=_asked.get(), day=clock.today())
    if not rows:
        return None
    names = _user_fields()
    user = get_user_model().from_db(DEFAULT_DB_ALIAS, names, rows[0][: len(names)])
    for name, value in zip(BESIDES, rows[0][len(names) :], strict=True):
        setattr(user, name, value)
    return user


BESIDES = (
    "device_seen_at",
    "device_ended_at",
    "must_change_password",
    "has_second_factor",
    "is_privileged",
)


def _user_fields() -> list[str]:
    return [field.attname for field in get_user_model()._meta.concrete_fields]


def _account() -> QuerySet[Any, Any]:
    asked = Device.objects.filter(pk=Slot("device", BigIntegerField()), user_id=OuterRef("pk"))
    held = duties.privileged_posts(Slot("day", DateField())).filter(person_id=OuterRef("person_id"))
    return (
        get_user_model()
        .objects.filter(pk=Slot("user", BigIntegerField()))
        .values_list(
            *_user_fields(),
            Subquery(asked.values("seen_at")),
            Subquery(asked.values("ended_at")),
            Coalesce("standing__must_change", False),
            Exists(duties.factors().filter(user_id=OuterRef("pk"))),
            Exists(held) | Q(is_superuser=True),
        )
    )


_ACCOUNT = Prepared(_account)


def checked(request: HttpRequest, lazy: Any) -> Any:
    """The session's account if its device still holds, else an anonymous one; the session is emptied then.

    `lazy` is Django's `request.user`, not yet evaluated; accounts come from `core.accounts.backends.SignIn`.
    """
    pk = current(request)
    token = _asked.set(pk)
    try:
        signed_in = lazy.is_authenticated
    finally:
        _asked.reset(token)
    if not signed_in:
        return lazy
    now, seen_at = clock.now(), getattr(lazy, "device_seen_at", None)
    if seen_at is None or lazy.device_ended_at is not None:
        return _out(request)
    if _idle(lazy, now - seen_at):
        _write(lazy, Device.objects.filter(pk=pk, ended_at=None), ended_at=now, ended_by="idle")
        return _out(request)
    if now - seen_at >= SEEN_EVERY and not BY_ITSELF.match(request.path):
        _write(lazy, Device.objects.filter(pk=pk, seen_at=seen_at), seen_at=now)
    return lazy


def bind(request: HttpRequest, user: Any) -> Device:
    """A device for the sign-in that has just happened; its id goes into the session."""
    now = clock.now()
    agent = request.META.get("HTTP_USER_AGENT", "")
    with actor_scope(current_actor() or Actor.system("sign-in")):
        device = Device.objects.create(
            user_id=user.pk,
            label=agents.label(agent),
            place=agents.place(get_client_ip_address(request)),
            agent=_clean(agent)[:200],
            created_at=now,
            seen_at=now,
        )
    request.session[SESSION_KEY] = device.pk
    return device


def current(request: HttpRequest) -> int:
    """The id of the request's device, 0 without one."""
    return int(request.session.get(SESSION_KEY) or 0)


def living(user: Any, at: datetime) -> QuerySet[Device]:
    """Devices whose session may still be open, last seen first."""
    since = at - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return Device.objects.filter(user=user, ended_at=None, seen_at__gt=since).order_by("-seen_at", "-pk")


def end(devices: QuerySet[Device], by: str, at: datetime) -> int:
    """Sign devices out; how many. `by` is a code of `Device.ENDS`. Needs an actor."""
    return devices.filter(ended_at=None).update(ended_at=at, ended_by=by)


def _idle(user: Any, gap: timedelta) -> bool:
    """Whether too long nothing was done: sooner for those who administer or see class 4."""
    short = timedelta(minutes=settings.IDLE_MINUTES_PRIVILEGED) + SEEN_EVERY
    if gap <= short:
        return False
    return gap > timedelta(minutes=settings.IDLE_MINUTES) + SEEN_EVERY or bool(duties.privileged_roles(user))


def _out(request: HttpRequest) -> AnonymousUser:
    request.session.flush()
    return AnonymousUser()


def _write(user: Any, rows: QuerySet[Device], **values: Any) -> None:
    """One autocommit statement; a busy database is no reason to refuse a page."""
    try:
        with actor_scope(Actor("user", str(user.uid), user.username)):
            rows.update(**values)
    except OperationalError:
        pass


def _clean(agent: str) -> str:
    return "".join(c for c in agent if c.isprintable())
