"""Encrypted cells: one text value of one row, AES-256-GCM, tied to its table, column and row.

Format `1:A256GCM:<key id>:<nonce>:<text and tag>` (base64url): the algorithm stands in each cell so that SM4-GCM can
join later. A cell copied to another row or column does not open.
"""

import base64
import binascii
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.vault.keys import current_key, key_by_id

VERSION = "1"
ALGORITHM = "A256GCM"
NONCE_SIZE = 12  # bytes, NIST SP 800-38D §8.2: random 96-bit nonces, below 2^32 cells a key


class CellError(ValueError):
    """The cell is damaged, of an unknown kind, or belongs to another table, column or row."""


def seal(text: str, *, table: str, column: str, row: str, key: str = "cells") -> str:
    """`text` as a cell that only opens for this table, column and row. Raises KeyUnavailable."""
    current = current_key(key)
    nonce = secrets.token_bytes(NONCE_SIZE)
    sealed = AESGCM(current.secret).encrypt(nonce, text.encode(), _place(current.id, table, column, row))
    return ":".join([VERSION, ALGORITHM, current.id, _encode(nonce), _encode(sealed)])


def open_cell(cell: str, *, table: str, column: str, row: str) -> str:
    """The text of a cell. Raises CellError if it was altered or moved, KeyUnavailable if its key is not here."""
    parts = cell.split(":")
    if len(parts) != 5 or parts[:2] != [VERSION, ALGORITHM]:
        raise CellError("密文格式不能识别")
    key_id, nonce, sealed = parts[2], _decode(parts[3]), _decode(parts[4])
    if len(nonce) != NONCE_SIZE:
        raise CellError("密文格式不能识别")
    try:
        opened = AESGCM(key_by_id(key_id).secret).decrypt(nonce, sealed, _place(key_id, table, column, row))
    except InvalidTag:
        raise CellError("密文已被改动，或不属于这一行") from None
    return opened.decode()


def key_of(cell: str) -> str:
    """The id of the key that sealed a cell (for rotation). Raises CellError."""
    parts = cell.split(":")
    if len(parts) != 5:
        raise CellError("密文格式不能识别")
    return parts[2]


def _place(key_id: str, table: str, column: str, row: str) -> bytes:
    return json.dumps([VERSION, ALGORITHM, key_id, table, column, str(row)]).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CellError("密文格式不能识别") from None
    if _encode(data) != text:  # one cell, one spelling: unused bits of the last digit must be zero
        raise CellError("密文格式不能识别")
    return data
