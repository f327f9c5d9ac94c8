"""Signed tree heads and their second place: an append-only file beside the database, one JSON object a line.

The operator copies that file away (another machine, a printed line a day): who can roll back database and file
together is found out only by such a copy.
"""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from core.audit.models import Head
from core.vault import signing

KEY = "log"


def head_file() -> Path:
    """The second place."""
    return Path(settings.HOME) / "log-heads.jsonl"


def signed_head(size: int, root: bytes, at: datetime) -> Head:
    """An unsaved head with its signature."""
    key, signature = signing.sign(KEY, _message(size, root.hex(), at))
    return Head(size=size, root=root.hex(), at=at, key=key, signature=signature)


def signature_holds(head: Head) -> bool:
    """Whether our key signed this head. Raises KeyUnavailable if the key is not here."""
    return signing.verify(head.key, _message(head.size, head.root, head.at), head.signature)


def append_heads(heads: Iterable[Head]) -> None:
    """Add heads to the file and wait until they are on the disk."""
    text = "".join(json.dumps(_line(head)) + "\n" for head in heads)
    if not text:
        return
    with os.fdopen(os.open(head_file(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
            file.write(b"\n")  # a line cut by a power loss stays a bad line of its own
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def last_filed_size() -> int:
    """Size of the last whole head in the file; 0 without one. Reads only the end of the file."""
    try:
        with head_file().open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return 0
    for line in reversed(lines):
        if head := _parse(line):
            return head.size
    return 0


def filed_heads() -> tuple[list[Head], int]:
    """All heads of the file in its order, and how many lines cannot be read."""
    try:
        lines = head_file().read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    parsed = [_parse(line) for line in lines]
    return [head for head in parsed if head], parsed.count(None)


def _message(size: int, root: str, at: datetime) -> bytes:
    return f"qinglian sealed log\n{size}\n{root}\n{_instant(at)}\n".encode()


def _line(head: Head) -> dict[str, Any]:
    return {
        "size": head.size,
        "root": head.root,
        "at": _instant(head.at),
        "key": head.key,
        "signature": head.signature,
    }


def _parse(line: bytes) -> Head | None:
    try:
        found = json.loads(line)
        return Head(
            size=int(found["size"]),
            root=str(found["root"]),
            at=datetime.fromisoformat(found["at"]),
            key=str(found["key"]),
            signature=str(found["signature"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
