"""One-time codes: an administrator hands one to a person, who sets a new password with it. No mail, no telephone.

Forty random bits, kept as a slow hash, good for half an hour (for days where accounts are opened for many at once, see
`opening`), one use, five tries.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F

from core.accounts.models import OneTimeCode
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor
from core.kernel.errors import Refused

LASTS = timedelta(minutes=30)
TRIES = 5
#: Codes an account may be given in an hour: a run of them is somebody trying.
HOURLY = 5
#: Without the letters and digits that are taken for each other (0 O, 1 I L, U V): 30 signs.
SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8


def prepare() -> tuple[str, str]:
    """A text and its slow hash, made before the transaction that issues many."""
    text = "".join(secrets.choice(SIGNS) for _ in range(LENGTH))
    return text, make_password(text)


def issue(
    user: Any,
    hospital: Any,
    *,
    by: Actor,
    lasts: timedelta = LASTS,
    prepared: tuple[str, str] | None = None,
) -> tuple[OneTimeCode, str]:
    """A new code for an account and its text, which is nowhere kept; earlier codes end. Inside `acting()`.

    Raises Refused when the account was given too many within the hour.
    """
    now = clock.now()
    if OneTimeCode.objects.filter(user=user, issued_at__gt=now - timedelta(hours=1)).count() >= HOURLY:
        raise Refused(f"一小时内已为此账号发放 {HOURLY} 次登录码，请稍后再发。")
    withdraw(user, now)
    text, digest = prepared or prepare()
    made = OneTimeCode.objects.create(
        user=user,
        hospital=hospital,
        digest=digest,
        issued_by=by.label[:100],
        issued_at=now,
        expires_at=now + lasts,
    )
    return made, f"{text[:4]}-{text[4:]}"


def withdraw(user: Any, at: datetime) -> int:
    """End the codes of an account that are still good. Needs an actor."""
    return OneTimeCode.objects.filter(user=user, used_at=None, withdrawn_at=None).update(withdrawn_at=at)


def match(user: Any | None, given: str) -> OneTimeCode | None:
    """The good code of the account that `given` is. Takes as long where there is no account or no code."""
    text = "".join(c for c in given.upper() if c.isalnum())
    held = None
    if user is not None:
        held = (
            OneTimeCode.objects.filter(
                user=user,
                used_at=None,
                withdrawn_at=None,
                expires_at__gt=clock.now(),
                failures__lt=TRIES,
            )
            .order_by("-issued_at", "-pk")
            .first()
        )
    if held is None:
        make_password(text[:LENGTH])  # the same work, so that the time tells nothing
        return None
    return held if check_password(text, held.digest) else None


def missed(user: Any) -> None:
    """Count a wrong try against the codes of the account that are still good. Needs an actor."""
    OneTimeCode.objects.filter(user=user, used_at=None, withdrawn_at=None).update(failures=F("failures") + 1)


def spend(code: OneTimeCode, at: datetime) -> bool:
    """Mark a code as used; False when another request was first. Inside `acting()`."""
    kept = OneTimeCode.objects.filter(pk=code.pk, used_at=None, withdrawn_at=None, failures__lt=TRIES)
    if not kept.update(used_at=at):
        return False
    events.record("accounts.code.used", "accounts.account", code.user.uid, {}, hospital=code.hospital_id)
    return True


def record_issued(code: OneTimeCode, hospital: Any) -> None:
    """The event of a code issued on the command line; the page's own comes from the gateway."""
    data = {"expires_at": code.expires_at.isoformat()}
    events.record("accounts.account.issue_code", "accounts.account", code.user.uid, data, hospital=hospital)
