"""Cursors of keyset paging: sealed, so that they tell nothing and cannot be made by hand.

The seal binds a cursor to person, hospital, resource, order and filter: under any other it is refused.
"""

import base64
import hashlib
import json
import os
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from core.kernel.errors import FieldError, Invalid

_NONCE = 12


def seal(place: tuple[Any, ...], count: tuple[int, bool], about: str) -> str:
    """The cursor after a row at `place`; carries the count so that later pages need not count again."""
    plain = json.dumps([[_tag(v) for v in place], list(count)], separators=(",", ":")).encode()
    nonce = os.urandom(_NONCE)
    return (
        base64.urlsafe_b64encode(nonce + _box(settings.SECRET_KEY).encrypt(nonce, plain, about.encode()))
        .decode()
        .rstrip("=")
    )


def unseal(cursor: str, about: str) -> tuple[tuple[Any, ...], tuple[int, bool]]:
    """Place and count. Raises Problem "invalid" for anything not sealed here for the same list."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        plain = _box(settings.SECRET_KEY).decrypt(raw[:_NONCE], raw[_NONCE:], about.encode())
        place, count = json.loads(plain)
        return tuple(_untag(v) for v in place), (int(count[0]), bool(count[1]))
    except (ValueError, InvalidTag, TypeError, IndexError):
        message = "翻页位置无效或已过期"
        raise Invalid(
            "翻页位置无效或已过期，请从第一页重新查看。", [FieldError("/after", message, "请回到第一页")]
        ) from None


@lru_cache(maxsize=4)
def _box(secret: str) -> AESGCM:
    return AESGCM(hashlib.sha256(b"qinglian.resources.cursor:" + secret.encode()).digest())


def _tag(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    for name, (kind, write, _) in _KINDS.items():
        if isinstance(value, kind):
            return [name, write(value)]
    raise TypeError(f"no cursor over {type(value).__name__}")


def _untag(value: Any) -> Any:
    return _KINDS[value[0]][2](value[1]) if isinstance(value, list) else value


_KINDS: dict[str, tuple[Any, Any, Any]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "decimal": (Decimal, str, Decimal),
    "float": (float, float.hex, float.fromhex),
    "uid": (UUID, str, UUID),
}
