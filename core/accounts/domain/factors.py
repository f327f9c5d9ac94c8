"""Second factors: allauth keeps them, their secrets lie sealed in a table of ours, and each code is good once."""

import time
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.exceptions import ValidationError

from core.accounts.models import FactorSecret
from core.kernel import clock
from core.kernel.ids import new_uid
from core.vault.cells import CellError, open_cell, seal

#: Where in an authenticator's data allauth puts what `hide` gave it.
REFERENCES = ("secret", "seed")


def hide(text: str) -> str:
    """Seal a secret in a row of ours and give that row's id, which is all that allauth's table then holds."""
    row = FactorSecret(uid=new_uid(), secret=text, created_at=clock.now())
    row.save()
    return str(row.uid)


def reveal(reference: str) -> str:
    """The secret of a reference. Raises LookupError where its row is gone, KeyUnavailable without the key."""
    try:
        return str(FactorSecret.objects.get(uid=reference).secret)
    except (FactorSecret.DoesNotExist, ValidationError):
        raise LookupError("the sealed secret of a second factor is missing") from None


def forget(authenticator: Authenticator) -> None:
    """Remove the sealed secret of a factor that was removed."""
    data = authenticator.data if isinstance(authenticator.data, dict) else {}
    references = [data[key] for key in REFERENCES if data.get(key)]
    FactorSecret.objects.filter(uid__in=references).delete()


def take_step(authenticator: Authenticator, code: str) -> bool:
    """Whether a right code is the first of its 30-second step: a code seen over the shoulder is worth nothing.

    True for what is no dynamic code. Needs an actor.
    """
    if authenticator.type != Authenticator.Type.TOTP:
        return True
    reference = authenticator.data["secret"]
    secret = reveal(reference)
    now = int(time.time()) // app_settings.TOTP_PERIOD
    for step in range(now + app_settings.TOTP_TOLERANCE, now - app_settings.TOTP_TOLERANCE - 1, -1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            fresh = FactorSecret.objects.filter(uid=reference, last_step__lt=step)
            return bool(fresh.update(last_step=step))
    return False


def pending(user: Any, secret: str) -> str:
    """A secret not yet confirmed, sealed for the session, which lies in the database as plain text otherwise."""
    return seal(secret, table="session", column="mfa.totp.secret", row=str(user.uid))


def opened(user: Any, cell: str) -> str:
    """The secret that `pending` sealed; empty where it was not sealed for this account."""
    try:
        return open_cell(cell, table="session", column="mfa.totp.secret", row=str(user.uid))
    except CellError:
        return ""


def recovery_left(user: Any) -> int:
    """How many recovery codes are unused."""
    held = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    if held is None:
        return 0
    return int(app_settings.RECOVERY_CODE_COUNT) - int(held.data.get("used_mask", 0)).bit_count()
