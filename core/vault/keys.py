"""Where keys come from: an environment variable, or a file of mode 0600 in the data folder, made at first use.

Key `cells` is read from QINGLIAN_KEY_CELLS (base64 of 32 bytes), else from the newest `keys/cells-<serial>-<mark>.key`.
The id carries a random mark, so that a lost key is never silently replaced by a new one of the same name.
"""

import base64
import binascii
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.conf import settings

SIZE = 32  # bytes: AES-256, HMAC-SHA256 and Ed25519 seeds all take 32


class KeyUnavailable(RuntimeError):
    """A key is missing, damaged, or readable by others; the text says which and what to do."""


@dataclass(frozen=True)
class Key:
    """One secret of 32 bytes and the id that cells and signatures name it by."""

    id: str
    secret: bytes = field(repr=False)


def current_key(name: str) -> Key:
    """The key to seal with now; made at first use. Raises KeyUnavailable if it cannot be read or is not private."""
    if given := os.environ.get(_variable(name)):
        return _from_environment(name, given)
    folder = _folder()
    found = sorted(folder.glob(f"{name}-*.key"))
    return _read(str(found[-1])) if found else _make(folder, name)


def key_by_id(key_id: str) -> Key:
    """The key a cell or a signature names. Raises KeyUnavailable if it is not here: never makes one."""
    name = key_id.partition("-")[0]
    if not re.fullmatch(r"[a-z0-9_.]+(-[a-z0-9]+)*", key_id):
        raise KeyUnavailable(f"密钥编号不合规范：{key_id!r}")
    if given := os.environ.get(_variable(name)):
        key = _from_environment(name, given)
        if key.id == key_id:
            return key
    path = _folder() / f"{key_id}.key"
    if not path.exists():
        raise KeyUnavailable(f"缺少密钥 {key_id}：请从备份中恢复数据目录下的 keys/{key_id}.key")
    return _read(str(path))


def _folder() -> Path:
    folder = Path(settings.HOME) / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _variable(name: str) -> str:
    return "QINGLIAN_KEY_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _from_environment(name: str, given: str) -> Key:
    secret = _decode(given, f"环境变量 {_variable(name)}")
    return Key(f"{name}-env-{hashlib.sha256(b'qinglian key id' + secret).hexdigest()[:8]}", secret)


@lru_cache(maxsize=64)
def _read(path: str) -> Key:
    file = Path(path)
    if file.stat().st_mode & 0o077:
        raise KeyUnavailable(f"密钥文件 {file.name} 的权限过宽：请执行 chmod 600，只允许运行账户读取")
    return Key(file.stem, _decode(file.read_text(), f"密钥文件 {file.name}"))


def _decode(text: str, where: str) -> bytes:
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != SIZE:
        raise KeyUnavailable(f"{where} 的内容不是 {SIZE} 字节密钥的 base64 编码")
    return secret


def _make(folder: Path, name: str) -> Key:
    """The first key of a name, written completely before it gets its name; of two makers one waits and reads."""
    with _alone(folder) as handle:
        if found := sorted(folder.glob(f"{name}-*.key")):
            return _read(str(found[-1]))
        secret = secrets.token_bytes(SIZE)
        new, target = folder / f".{name}.new", folder / f"{name}-0001-{secrets.token_hex(4)}.key"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.b64encode(secret).decode())
            file.flush()
            os.fsync(file.fileno())
        new.rename(target)
        os.fsync(handle)
    return _read(str(target))


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
