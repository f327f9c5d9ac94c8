"""Keyed hashes: equality of values that must not be readable (patient codes, sealed cells)."""

import hashlib
import hmac
from collections.abc import Iterable

from core.vault.keys import current_key


def hmac_text(purpose: str, text: str) -> str:
    """HMAC-SHA256 of `text` as 64 hex digits. Equal texts of one purpose give equal hashes, other purposes never do.

    Raises KeyUnavailable without a readable key.
    """
    return hmac_texts(purpose, [text])[0]


def hmac_texts(purpose: str, texts: Iterable[str]) -> list[str]:
    """`hmac_text` of many, the key fetched once."""
    secret, purpose_bytes = current_key("hmac").secret, purpose.encode()
    prefix = len(purpose_bytes).to_bytes(4, "big") + purpose_bytes
    return [hmac.digest(secret, prefix + text.encode(), hashlib.sha256).hex() for text in texts]
