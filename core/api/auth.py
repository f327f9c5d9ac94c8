"""Who asks over HTTP: a session with CSRF check, or a machine's bearer token; hospital and principal come from the path."""

from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import CharField
from django.http import HttpRequest
from ninja.security import SessionAuth

from core.accounts.domain import duties, tokens
from core.kernel.context import enter_hospital
from core.kernel.errors import NotFound, Problem
from core.kernel.prepared import Prepared, Slot
from core.org.models import Hospital
from core.policy.activation import is_enabled
from core.policy.principal import Principal, principal_for, visitor

#: Asked in turn after a person's rights in the hospital of the path are read: each gives the rights to go on with
#: (the same, or those of a "view as"), or raises a Problem. Added to when the API is connected, never by a request.
SUBSTITUTES: list[Callable[[HttpRequest, Principal], Principal]] = []


class SignedIn(SessionAuth):
    """A signed-in account with nothing left to set up; unsafe methods need the CSRF token. Machines are refused."""

    #: Whether an account that must first set something up (a second factor, a password) may ask.
    anyhow = False

    def __call__(self, request: HttpRequest) -> Any | None:
        """The account, None (401) without one. Raises the 403 problem of what must be set up first."""
        if tokens.bearer(request) is not None:
            raise _bad_token()
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> Any | None:
        """The user, or None (401). Raises the 403 problem of what must be set up first."""
        if not (request.user.is_authenticated and request.user.is_active):
            return None
        if not self.anyhow:
            duties.require_done(request.user)
        return request.user


class SignedInAnyhow(SignedIn):
    """As `SignedIn`, also while a second factor or a new password is still to be set: for setting it."""

    anyhow = True


class InHospital(SignedIn):
    """A signed-in account with a post in the hospital of the path, or a machine with a token of it.

    Sets `request.hospital` and `request.principal`. Without a post the hospital answers as if it did not exist; so
    does everything that the scopes of a token do not name.
    """

    def __call__(self, request: HttpRequest) -> Any | None:
        """The principal, or None (401). A bearer token needs no CSRF token: no other site can make a browser send it."""
        given = tokens.bearer(request)
        return super().__call__(request) if given is None else _machine(request, given)

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        """The principal, or None (401). Raises the 404 problem for another hospital."""
        if super().authenticate(request, key) is None:
            return None
        hospital = _named(request)
        principal = _person(request, hospital) if hospital else None
        if hospital is None or principal is None:
            raise NotFound()
        return _enter(request, hospital, principal)


class OpenToVisitors(InHospital):
    """For reading what may be public: with a post in the hospital the person, else a visitor of it."""

    def __call__(self, request: HttpRequest) -> Principal | None:
        """The principal. Raises the 404 problem where there is no such hospital; any method but GET needs a post."""
        if request.method not in {"GET", "HEAD"} or tokens.bearer(request) is not None:
            return super().__call__(request)
        hospital = _named(request)
        if hospital is None:
            raise NotFound()
        known = SignedIn.authenticate(self, request, None) is not None
        return _enter(request, hospital, (_person(request, hospital) if known else None) or visitor(hospital))


class InPlugin(InHospital):
    """As `InHospital`, and the plugin is enabled there; else the address does not exist."""

    def __init__(self, plugin: str) -> None:
        super().__init__()
        self.plugin = plugin

    def __call__(self, request: HttpRequest) -> Any | None:
        """The principal, or None (401). Raises the 404 problem where the plugin is not enabled."""
        principal = super().__call__(request)
        if principal is not None and not is_enabled(self.plugin, principal.hospital_id):
            raise NotFound()
        return principal


def _named(request: HttpRequest) -> Hospital | None:
    rows = _HOSPITAL.rows(slug=request.resolver_match.kwargs["hospital"])  # type: ignore[union-attr]
    return Hospital.from_db(DEFAULT_DB_ALIAS, _hospital_fields(), rows[0]) if rows else None


def _hospital_fields() -> list[str]:
    return [field.attname for field in Hospital._meta.concrete_fields]


_HOSPITAL = Prepared(
    lambda: Hospital.objects.filter(slug=Slot("slug", CharField())).values_list(*_hospital_fields())
)


def _person(request: HttpRequest, hospital: Hospital) -> Principal | None:
    principal = principal_for(request.user, hospital)
    if principal is not None:
        for substitute in SUBSTITUTES:
            principal = substitute(request, principal)
    return principal


def _machine(request: HttpRequest, given: str) -> Principal:
    hospital = _named(request)
    token = tokens.find(given, hospital) if hospital else None
    if hospital is None or token is None:
        raise _bad_token()
    method, below = str(request.method), request.path.split(f"/h/{hospital.slug}/", 1)[-1]
    if not tokens.allows(token, method, below):
        raise NotFound()
    tokens.used(token)
    return _enter(request, hospital, tokens.principal_of(token, hospital))


def _bad_token() -> Problem:
    said = "访问令牌不能使用：可能已过期、已停用，或不属于这家医院。请联系安全管理员。"
    return Problem("sign_in_required", said, 401)


def _enter(request: HttpRequest, hospital: Hospital, principal: Principal) -> Principal:
    request.hospital = hospital  # type: ignore[attr-defined]
    request.principal = principal  # type: ignore[attr-defined]
    enter_hospital(hospital)
    return principal


SIGN_IN = Problem("sign_in_required", "请先登录。", 401)
