"""Bearer tokens of machines: what a token opens, how it is given, found again and taken away."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest

from core.accounts.models import RobotToken
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor, HospitalRef, actor_scope, hospital_scope
from core.kernel.errors import FieldError, Invalid
from core.org.models import Hospital
from core.policy.principal import PostRight, Principal

PREFIX = "qlr_"
#: How often the last use is written, at most.
USED_EVERY = timedelta(minutes=5)
LONGEST = 400  # days: a year, and a month to renew in
KIND = "robot"


@dataclass(frozen=True)
class Scope:
    """What a token may be good for. `opens`: method and pattern of the path below `/api/v1/h/<hospital>/`."""

    code: str
    label: str
    opens: tuple[tuple[str, str], ...]


_scopes: dict[str, Scope] = {}


def register_scope(scope: Scope) -> Scope:
    """Make a scope known: nothing but the addresses it names can be reached with a token of it."""
    _scopes[scope.code] = scope
    return scope


def scopes() -> dict[str, Scope]:
    """Every scope by code."""
    return dict(sorted(_scopes.items()))


register_scope(
    Scope(
        "roster.write",
        "人事系统：同步科室、人员与任职",
        (("PUT", r"roster/[a-z_]+"), ("GET", r"roster/kinds"), ("GET", r"jobs/[0-9a-f-]+")),
    )
)


@dataclass(frozen=True)
class RobotPrincipal(Principal):
    """A machine: no person and no account; its one right has the role `robot:<scope>` for each scope."""

    tokens: frozenset[int] = field(default=frozenset())

    @property
    def own_actor(self) -> str:
        """The machine as rows keep it: so it finds the jobs it started."""
        return f"{KIND}:{self.user_uid}"

    @property
    def actor(self) -> Actor:
        """The machine as the actor of a command."""
        return Actor(KIND, self.user_uid, self.label)


def bearer(request: HttpRequest) -> str | None:
    """The token of the Authorization header; None where the header is absent or of another scheme."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def find(given: str, hospital: Hospital) -> RobotToken | None:
    """The token in force of this hospital, read afresh: one that was taken away is gone on the next request."""
    if not given.startswith(PREFIX) or len(given) > 200:
        return None
    with hospital_scope(hospital):
        return RobotToken.objects.filter(
            digest=_digest(given), state="active", expires_at__gt=clock.now()
        ).first()


def allows(token: RobotToken, method: str, below: str) -> bool:
    """Whether one of the token's scopes opens this address."""
    return any(
        method == verb and re.fullmatch(pattern, below)
        for code in token.scopes
        if code in _scopes
        for verb, pattern in _scopes[code].opens
    )


def used(token: RobotToken) -> None:
    """Note the use, at most every few minutes, in one autocommit statement; a busy database is no reason to refuse."""
    now = clock.now()
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    if token.last_used_at is not None and token.last_used_at > now - USED_EVERY:
        return
    try:
        with actor_scope(_actor(token)), hospital_scope(token.hospital):
            RobotToken.objects.filter(due, pk=token.pk).update(last_used_at=now)
    except OperationalError:
        pass


def principal_of(token: RobotToken, hospital: Hospital) -> RobotPrincipal:
    """What the machine may do: one right for each scope, nothing by person or department."""
    return RobotPrincipal(
        user_id=0,
        user_uid=str(token.uid),
        person_id=0,
        hospital_id=hospital.id,
        label=f"接口：{token.name}",
        posts=tuple(PostRight(f"robot:{code}") for code in token.scopes),
        hospital=HospitalRef(hospital.id, hospital.slug),
        tokens=frozenset([token.pk]),
    )


def create(
    hospital: Hospital, name: str, codes: Sequence[str], days: int, *, by: Actor
) -> tuple[RobotToken, str]:
    """A token and its text, which is nowhere kept. Inside `acting()`. Raises Invalid for scopes or a term not known."""
    errors = []
    if not name.strip():
        errors.append(FieldError("/values/name", "必须写明用途", "例如：人事系统每日同步"))
    if not codes or set(codes) - set(_scopes):
        errors.append(
            FieldError(
                "/values/scopes", "请选择范围", "可选：" + "、".join(s.label for s in _scopes.values())
            )
        )
    if not 1 <= days <= LONGEST:
        errors.append(FieldError("/values/days", f"有效天数应在 1 到 {LONGEST} 之间", "到期前可另建一个替换"))
    if errors:
        raise Invalid(errors[0].message + "。", errors)
    text = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    with hospital_scope(hospital):
        token = RobotToken.objects.create(
            name=name.strip()[:80],
            scopes=sorted(set(codes)),
            hint=text[:8],
            digest=_digest(text),
            created_by=by.label[:100],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    return token, text


def revoke(token: RobotToken, at: datetime) -> None:
    """Take a token away, at once. Inside `acting()`."""
    token.state, token.revoked_at = "revoked", at
    token.save(update_fields=["state", "revoked_at"])


def record_created(token: RobotToken, hospital: Any) -> None:
    """The event of a token made on the command line; the page's own comes from the gateway."""
    data = {"scopes": token.scopes, "hint": token.hint, "expires_at": token.expires_at.isoformat()}
    events.record("accounts.token.create", "accounts.token", token.uid, data, hospital=hospital)


def _digest(text: str) -> str:
    """SHA-256 is enough: 256 random bits cannot be tried out, unlike passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def _actor(token: RobotToken) -> Actor:
    return Actor(KIND, str(token.uid), f"接口：{token.name}")
