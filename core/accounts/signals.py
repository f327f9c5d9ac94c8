"""What follows from a sign-in, a sign-out, a new password and a changed factor, whoever's code did it."""

from typing import Any

from allauth.account.signals import password_changed, password_set
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save

from core.accounts.domain import codes, devices, duties, factors, lockout, people
from core.accounts.models import Device
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor, acting
from core.org.models import Post, User
from core.policy.roles import PRIVILEGED_ROLES


def connect() -> None:
    """Once, when Django is ready."""
    name = "core.accounts"
    user_logged_in.connect(_signed_in, dispatch_uid=f"{name}.in")
    user_logged_out.connect(_signed_out, dispatch_uid=f"{name}.out")
    password_changed.connect(_password, dispatch_uid=f"{name}.changed")
    password_set.connect(_password, dispatch_uid=f"{name}.set")
    mfa.authentication_failed.connect(_factor_wrong, dispatch_uid=f"{name}.wrong")
    mfa.authenticator_added.connect(_factor_added, dispatch_uid=f"{name}.added")
    mfa.authenticator_removed.connect(_factor_removed, dispatch_uid=f"{name}.removed")
    mfa.authenticator_reset.connect(_codes_made, dispatch_uid=f"{name}.reset")
    post_delete.connect(_secret_gone, sender=Authenticator, dispatch_uid=f"{name}.gone")
    post_save.connect(_appointed, sender=Post, dispatch_uid=f"{name}.appointed")


def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:
    if request is not None:
        devices.bind(request, user)


def _signed_out(sender: Any, request: Any, user: Any, **_: Any) -> None:
    if user is not None and user.pk and request is not None and devices.current(request):
        with acting(_by(user)):
            devices.end(Device.objects.filter(pk=devices.current(request), user=user), "own", clock.now())


def _password(sender: Any, request: Any, user: Any, **_: Any) -> None:
    """Django has ended the other sessions already: they hold a hash of the old password."""
    now = clock.now()
    with acting(_by(user)):
        people.password_set(user, now)
        others = Device.objects.filter(user=user).exclude(pk=devices.current(request))
        devices.end(others, "password", now)
        events.record("accounts.password.changed", "accounts.account", user.uid, {})


def _factor_wrong(sender: Any, request: Any, user: Any, **_: Any) -> None:
    lockout.failed(request, user.username, factor=True)


def _factor_added(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    """Other devices were let in without the factor: they end."""
    if authenticator.type not in duties.FACTORS:
        return
    with acting(_by(user)):
        others = Device.objects.filter(user=user).exclude(pk=devices.current(request))
        devices.end(others, "factor", clock.now())
        _tell("added", user, authenticator)


def _factor_removed(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    with acting(_by(user)):
        _tell("removed", user, authenticator)


def _codes_made(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    with acting(_by(user)):
        _tell("renewed", user, authenticator)


def _appointed(sender: Any, instance: Post, created: bool, **_: Any) -> None:
    """A code handed out for an ordinary account does not open it as one that administers or sees class 4."""
    if not created or instance.role not in PRIVILEGED_ROLES:
        return
    for user in User.objects.filter(person_id=instance.person_id):
        codes.withdraw(user, clock.now())


def _secret_gone(sender: Any, instance: Any, **_: Any) -> None:
    factors.forget(instance)


def _tell(what: str, user: Any, authenticator: Any) -> None:
    data = {"type": str(authenticator.type)}
    events.record(f"accounts.factor.{what}", "accounts.account", user.uid, data)


def _by(user: Any) -> Actor:
    return Actor.user(user)
