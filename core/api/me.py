"""The own account: second factors, devices, password."""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Router, Schema

from core.accounts.domain import devices, duties, factors
from core.accounts.models import Device, Standing
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.kernel.errors import NotFound

router = Router(tags=["account"])


class PasskeyOut(Schema):
    """A passkey."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class FactorsOut(Schema):
    """Second factors: whether one is required, why, and what is set up."""

    required: bool
    reason: str
    totp: bool
    passkeys: list[PasskeyOut]
    recovery_left: int


class DeviceOut(Schema):
    """A sign-in that is still open."""

    id: str
    label: str
    place: str
    created_at: datetime
    seen_at: datetime
    current: bool


class PasswordOut(Schema):
    """Since when the password is what it is; null where nobody has noted it."""

    changed_at: datetime | None


class SecurityOut(Schema):
    """All of it."""

    mfa: FactorsOut
    devices: list[DeviceOut]
    password: PasswordOut


class EndedOut(Schema):
    """How many devices were signed out."""

    ended: int


@router.get("/security", response=SecurityOut)
def security(request: HttpRequest) -> SecurityOut:
    """What protects the own account. Answers also while a factor or a password is still to be set."""
    user, now = request.user, clock.now()
    held = list(Authenticator.objects.filter(user=user).order_by("pk"))
    standing = Standing.objects.filter(user=user).first()
    required, reason = _required(user)
    return SecurityOut(
        mfa=FactorsOut(
            required=required,
            reason=reason,
            totp=any(one.type == Authenticator.Type.TOTP for one in held),
            passkeys=[_passkey(one) for one in held if one.type == Authenticator.Type.WEBAUTHN],
            recovery_left=factors.recovery_left(user),
        ),
        devices=[
            DeviceOut(
                id=str(one.uid),
                label=one.label,
                place=one.place,
                created_at=one.created_at,
                seen_at=one.seen_at,
                current=one.pk == devices.current(request),
            )
            for one in devices.living(user, now)
        ],
        password=PasswordOut(changed_at=standing.changed_at if standing else None),
    )


@router.post("/devices/sign-out-others", response=EndedOut)
def sign_out_others(request: HttpRequest) -> EndedOut:
    """Sign out every device but this one; they are out on their next request."""
    others = Device.objects.filter(user=request.user).exclude(pk=devices.current(request))
    return _end(request, others)


@router.post("/devices/{uuid:uid}/sign-out", response=EndedOut)
def sign_out(request: HttpRequest, uid: Path[str]) -> EndedOut:
    """Sign out one device of the own account. Raises the 404 problem for another's or an ended one."""
    return _end(request, Device.objects.filter(user=request.user, uid=uid, ended_at=None), one=True)


def _end(request: HttpRequest, rows: Any, *, one: bool = False) -> EndedOut:
    user = request.user
    with acting(Actor.user(user)):
        ended = devices.end(rows, "own", clock.now())
        if one and not ended:
            raise NotFound()
        if ended:
            events.record("accounts.devices.signed_out", "accounts.account", user.uid, {"devices": ended})
    return EndedOut(ended=ended)


def _required(user: Any) -> tuple[bool, str]:
    roles = duties.privileged_roles(user)
    if not roles:
        return False, ""
    if settings.TWO_FACTORS == "required":
        return True, f"您担任{'、'.join(roles)}，须开启两步登录。"
    return False, f"您担任{'、'.join(roles)}，建议开启两步登录。"


def _passkey(one: Authenticator) -> PasskeyOut:
    return PasskeyOut(
        id=one.pk, name=one.wrap().name, created_at=one.created_at, last_used_at=one.last_used_at
    )
