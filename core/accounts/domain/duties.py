"""What an account must set up before anything else, and who needs a second factor."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import QuerySet

from core.accounts.models import Standing
from core.kernel import clock
from core.kernel.errors import Problem
from core.org.domain.health import held_on
from core.org.models import Post
from core.policy.roles import PRIVILEGED_ROLES, role_label

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def must(user: Any) -> list[str]:
    """Duties still open: "password", "mfa". A request's account brings the answers along (core.accounts.domain.devices)."""
    found = []
    known = getattr(user, "must_change_password", None)
    if Standing.objects.filter(user_id=user.pk, must_change=True).exists() if known is None else known:
        found.append("password")
    if settings.TWO_FACTORS == "required" and not has_factor(user) and is_privileged(user):
        found.append("mfa")
    return found


def require_done(user: Any) -> None:
    """Raises the 403 problem of the first open duty; `data` names all of them."""
    found = must(user)
    if "password" in found:
        said = "您的密码须先更改，更改后即可继续。"
        raise Problem("password_change_required", said, 403, data={"must": found})
    if found:
        said = "您的账号须先设置两步登录（手机动态码或通行密钥），设置后即可继续。"
        raise Problem("mfa_required", said, 403, data={"must": found})


def factors() -> QuerySet[Any, Any]:
    """Dynamic codes and passkeys; recovery codes alone are no factor."""
    return Authenticator.objects.filter(type__in=FACTORS)


def has_factor(user: Any) -> bool:
    """Whether a dynamic code or a passkey is set up."""
    known = getattr(user, "has_second_factor", None)
    return factors().filter(user_id=user.pk).exists() if known is None else known


def is_privileged(user: Any) -> bool:
    """Whether the account administers or sees class 4 today, in any hospital."""
    known = getattr(user, "is_privileged", None)
    return bool(privileged_roles(user)) if known is None else known


def privileged_roles(user: Any) -> list[str]:
    """Labels of the roles held today, in any hospital, that administer or see class 4."""
    found = ["平台管理员"] if user.is_superuser else []
    if user.person_id is not None:
        held = privileged_posts(clock.today()).filter(person_id=user.person_id)
        found += [role_label(role) for role in sorted(set(held.values_list("role", flat=True)))]
    return found


def privileged_posts(day: Any) -> QuerySet[Post]:
    """Posts held on `day`, over all hospitals, whose role administers or sees class 4."""
    return Post.unscoped.filter(held_on(day), role__in=sorted(PRIVILEGED_ROLES))
