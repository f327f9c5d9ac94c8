"""Signed tree heads and their second place: an append-only file beside the database, one JSON object a line.

QINGLIAN_HEAD_COPY names a folder for a third one, best on another machine: who can roll back database and file
together is found out only by such a copy. It lags by what could not be written there, and never stops the sealing.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from core.audit.models import Head
from core.vault import signing

KEY = "log"
COPY_NAME = "qinglian-log-heads.jsonl"


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


def append_heads(beyond: Callable[[int], Iterable[Head]]) -> None:
    """Add the heads that `beyond(size of the last one filed)` gives, and wait until they are on the disk.

    One process at a time, looking and writing under one lock: two that file together would write a head twice, and
    `verify` would take that for a forgery.
    """
    with os.fdopen(os.open(head_file(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, or by the system after a crash
        text = "".join(json.dumps(_line(head)) + "\n" for head in beyond(last_filed_size()))
        if not text:
            return
        if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
            file.write(b"\n")  # a line cut by a power loss stays a bad line of its own
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    copy_heads()


def copy_file() -> Path | None:
    """The file in the folder of QINGLIAN_HEAD_COPY; None when there is no such setting."""
    folder = getattr(settings, "HEAD_COPY", None)
    return Path(folder) / COPY_NAME if folder else None


def copy_heads() -> str:
    """Bring the copy up to the file beside the database: "" when that is done, else what is in the way (Chinese).

    Only ever appends, and only to a copy that this log goes on from: a copy that knows more is left as it is, as proof.
    """
    target = copy_file()
    if target is None:
        return ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            there = file.read()
            here = head_file().read_bytes()
            if not there.endswith(b"\n") and there:
                there = there[: there.rfind(b"\n") + 1]  # a line cut by a crash: written again
                file.truncate(len(there))
            if not here.startswith(there):
                return "另存的审计签名与本机的不一致"
            if len(here) > len(there):
                file.write(here[len(there) :])
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        return f"审计签名不能另存到 {target.parent}：{error.strerror}"
    return ""


def copy_state() -> dict[str, Any] | None:
    """What the copy says: {where, at, size, agrees, lags, text}; None without the setting. Reads only."""
    target = copy_file()
    if target is None:
        return None
    state: dict[str, Any] = {"where": str(target.parent), "at": None, "size": 0, "agrees": False, "lags": 0}
    try:
        there, here = target.read_bytes(), head_file().read_bytes()
    except OSError as error:
        return state | {"text": f"另存的审计签名读不到：{error.strerror}"}
    heads = [head for head in map(_parse, there.splitlines()) if head]
    if heads:
        state |= {"at": heads[-1].at.isoformat(), "size": heads[-1].size}
    whole = there[: there.rfind(b"\n") + 1]
    if not here.startswith(whole):
        return state | {"text": "另存的审计签名与本机的不一致：本机的记录可能被回退或改动"}
    state |= {"agrees": True, "lags": here[len(whole) :].count(b"\n")}
    return state | {"text": f"落后 {state['lags']} 个签名" if state["lags"] else ""}


def restart_copy(stamp: datetime) -> str:
    """Put the copy aside under a dated name and begin a new one (after a restore from a backup); the old one's name.

    Raises OSError when the folder cannot be written.
    """
    target = copy_file()
    if target is None or not target.exists():
        return ""
    aside = target.with_name(f"{target.stem}-{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    target.rename(aside)
    copy_heads()
    return aside.name


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
