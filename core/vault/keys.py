"""Where keys come from: an environment variable, or a file of mode 0600 in the data folder, made at first use.

Key `cells` is read from QINGLIAN_KEY_CELLS (base64 of 32 bytes), else from the newest `keys/cells-<serial>-<mark>.key`.
Keys that only open are named in QINGLIAN_KEY_CELLS_OLD, separated by commas. The id carries a random mark, so that a lost key is never silently replaced by a new one of the same name.
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
    for given in _given(name):
        key = _from_environment(name, given)
        if key.id == key_id:
            return key
    path = _folder() / f"{key_id}.key"
    if not path.exists():
        raise KeyUnavailable(f"缺少密钥 {key_id}：请从备份中恢复数据目录下的 keys/{key_id}.key")
    return _read(str(path))


def key_ids(name: str = "") -> list[str]:
    """Ids of the keys at hand, by name: files of the data folder, then the environment. Reads no secret."""
    found = sorted(path.stem for path in _folder().glob(f"{name or '*'}-*.key"))
    for variable in sorted(os.environ):
        if variable.startswith("QINGLIAN_KEY_") and not variable.endswith("_OLD") and os.environ[variable]:
            key = variable.removeprefix("QINGLIAN_KEY_").lower()
            if name in ("", key):
                found += reversed([_from_environment(key, given).id for given in _given(key)])
    return found


def make_next(name: str) -> Key:
    """A new current key; the ones before it go on opening. Raises KeyUnavailable if the environment holds the name."""
    if os.environ.get(_variable(name)):
        raise KeyUnavailable(
            f"密钥 {name} 由环境变量 {_variable(name)} 提供：请由提供者换新，并把原来的放进 {_variable(name)}_OLD"
        )
    folder = _folder()
    with _alone(folder) as handle:
        serials = [int(path.stem.split("-")[1]) for path in folder.glob(f"{name}-[0-9]*-*.key")]
        target = folder / f"{name}-{max(serials, default=0) + 1:04d}-{secrets.token_hex(4)}.key"
        _write(folder / f".{name}.new", target, secrets.token_bytes(SIZE))
        os.fsync(handle)
    return _read(str(target))


def file_keys() -> list[Key]:
    """All keys that lie in the data folder. Raises KeyUnavailable for one that cannot be read."""
    return [_read(str(path)) for path in sorted(_folder().glob("*-*.key"))]


def put_key(key: Key) -> bool:
    """Keep a key that comes from a backup; False if it is here already. Raises KeyUnavailable if another one has its id."""
    folder = _folder()
    target = folder / f"{key.id}.key"
    with _alone(folder) as handle:
        if target.exists():
            if _read(str(target)).secret != key.secret:
                raise KeyUnavailable(f"密钥文件 {target.name} 已存在，但内容不同：请先核对哪一份是正确的")
            return False
        _write(folder / f".{key.id}.new", target, key.secret)
        os.fsync(handle)
    return True


def _folder() -> Path:
    folder = Path(settings.HOME) / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _variable(name: str) -> str:
    return "QINGLIAN_KEY_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _given(name: str) -> list[str]:
    """What the environment holds for a name: the current one first, then those that only open."""
    old = os.environ.get(f"{_variable(name)}_OLD", "").split(",")
    return [text.strip() for text in [os.environ.get(_variable(name), ""), *old] if text.strip()]


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
        target = folder / f"{name}-0001-{secrets.token_hex(4)}.key"
        _write(folder / f".{name}.new", target, secret)
        os.fsync(handle)
    return _read(str(target))


def _write(new: Path, target: Path, secret: bytes) -> None:
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64.b64encode(secret).decode())
        file.flush()
        os.fsync(file.fileno())
    new.rename(target)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
