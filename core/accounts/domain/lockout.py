"""The one lock-out (django-axes) for passwords, one-time codes and second factors.

Passwords and one-time codes are counted by account name and address. A second factor is only ever asked after the right
password, so it is counted by account name alone, whatever the address: a thief of the password gets five guesses, not
five from each machine.
"""

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Exists, OuterRef, Q, Sum, Value
from django.db.models.functions import Concat
from django.http import HttpRequest

from core.kernel import clock

#: Ends the name under which failures of a second factor are counted; no account name may hold it.
FACTOR = "#2"


def counted_name(folded: str, credentials: dict[str, Any] | None) -> str:
    """The name that axes counts by."""
    return folded + FACTOR if (credentials or {}).get("factor") else folded


def parameters(request_or_attempt: Any, credentials: dict[str, Any] | None = None) -> list[Any]:
    """What axes counts by (setting AXES_LOCKOUT_PARAMETERS)."""
    name = getattr(request_or_attempt, "username", "") or ""
    if (credentials or {}).get("factor") or name.endswith(FACTOR):
        return ["username"]
    return [["username", "ip_address"]]


def locked(request: HttpRequest, username: str, *, factor: bool = False) -> bool:
    """Whether further tries are refused now; the lock-out's own answer is then given (AxesMiddleware)."""
    given = credentials(username, factor)
    if AxesProxyHandler.is_allowed(request, given):
        return False
    request.axes_locked_out = True  # type: ignore[attr-defined]
    request.axes_credentials = given  # type: ignore[attr-defined]
    return True


def failed(request: HttpRequest, username: str, *, factor: bool = False) -> None:
    """Count a failure; the fifth locks, and its answer is the lock-out's."""
    user_login_failed.send(sender=__name__, credentials=credentials(username, factor), request=request)


def unlock(username: str) -> int:
    """Forget the failures of an account; how many rows there were."""
    return AccessAttempt.objects.filter(username__in=[username, username + FACTOR]).delete()[0]


def forget_factor(username: str) -> None:
    """A second factor was right: its count begins anew."""
    AccessAttempt.objects.filter(username=username + FACTOR).delete()


def is_locked() -> Exists:
    """Annotation of a queryset of accounts: whether tries are refused now, from any address."""
    names = Q(username=OuterRef("username")) | Q(username=Concat(OuterRef("username"), Value(FACTOR)))
    failures = AccessAttempt.objects.filter(names, attempt_time__gte=clock.now() - get_cool_off())
    counted = failures.values("username", "ip_address").annotate(n=Sum("failures_since_start"))
    return Exists(counted.filter(n__gte=settings.AXES_FAILURE_LIMIT))


def credentials(username: str, factor: bool) -> dict[str, Any]:
    """What axes is told of a try."""
    return {"username": username, "factor": True} if factor else {"username": username}
