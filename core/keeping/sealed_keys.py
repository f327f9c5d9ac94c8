"""The keys' own backup: one small file, sealed with a pass phrase (scrypt, AES-256-GCM), kept apart from archives."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings

from core.kernel import clock
from core.kernel.disk import ensure_folder, fsync_folder, full_disk_is_a_problem
from core.kernel.errors import Invalid, Problem, Unavailable
from core.vault.keys import Key, KeyUnavailable, file_keys

FORMAT = 1
KIND = "qinglian-keys"
MINIMUM = 12
#: scrypt: 64 MiB and about 0.2 s for each guess (RFC 7914).
COST = {"n": 2**16, "r": 8, "p": 1}
#: Note beside the keys of which ids have a sealed copy.
NOTE = "sealed.json"


def seal_keys(target: Path, phrase: str) -> list[str]:
    """Write all keys of the data folder, the signing key too, sealed with `phrase`; gives the ids.

    Keys that come from the environment are their operator's to keep, and are left out. Raises Problem.
    """
    if len(phrase) < MINIMUM:
        raise Invalid(f"口令太短：至少 {MINIMUM} 个字符。口令要与密钥备份文件分开保管。")
    try:
        keys = file_keys()
    except KeyUnavailable as error:
        raise Unavailable(str(error)) from error
    secret_key = _secret_key()
    held = {key.id: base64.b64encode(key.secret).decode() for key in keys}
    if secret_key.exists():
        held["secret_key"] = secret_key.read_text()
    open_part: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "made_at": clock.now().isoformat(timespec="seconds"),
        "keys": sorted(held),
        "kdf": "scrypt",
        **COST,
        "salt": secrets.token_hex(16),
        "nonce": secrets.token_hex(12),
    }
    sealed = _cipher(phrase, open_part).encrypt(
        bytes.fromhex(open_part["nonce"]), json.dumps(held).encode(), _bound(open_part)
    )
    text = json.dumps(open_part | {"sealed": base64.b64encode(sealed).decode()}, indent=1) + "\n"
    _write(target, text)
    _write(
        Path(settings.HOME) / "keys" / NOTE, json.dumps({"at": open_part["made_at"], "keys": sorted(held)})
    )
    return sorted(held)


def open_keys(path: Path, phrase: str) -> tuple[dict[str, Key], str]:
    """Id → key, and the signing key ("" if it was given by the environment). Raises Problem bad_file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        open_part = {name: value for name, value in found.items() if name != "sealed"}
        if found["kind"] != KIND or found["format"] != FORMAT:
            raise ValueError
        if any(found[name] != value for name, value in COST.items()):
            raise ValueError
        cipher, nonce = _cipher(phrase, open_part), bytes.fromhex(found["nonce"])
        sealed = base64.b64decode(found["sealed"], validate=True)
    except OSError as error:
        raise _bad(f"密钥备份文件 {path} 打不开：{error.strerror}。请检查路径和读取权限。") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad("这不是本程序的密钥备份文件，或文件已损坏。请换用另一份。") from error
    try:
        held = json.loads(cipher.decrypt(nonce, sealed, _bound(open_part)))
    except (InvalidTag, ValueError):
        raise _bad("口令不对，或密钥备份文件已损坏。请核对口令，或换用另一份。") from None
    signing = held.pop("secret_key", "")
    return {name: Key(name, base64.b64decode(text)) for name, text in held.items()}, signing


def unsealed(ids: list[str]) -> list[str]:
    """Keys in files that no sealed copy was made of."""
    try:
        noted = set(json.loads((Path(settings.HOME) / "keys" / NOTE).read_text())["keys"])
    except (OSError, ValueError, KeyError, TypeError):
        noted = set()
    files = {key.id for key in file_keys()}
    return sorted((set(ids) | {one for one in files if one.startswith("backup-")}) & files - noted)


def _secret_key() -> Path:
    return Path(settings.HOME) / "keys" / "secret_key"


def _cipher(phrase: str, about: dict[str, Any]) -> AESGCM:
    kdf = Scrypt(salt=bytes.fromhex(about["salt"]), length=32, n=about["n"], r=about["r"], p=about["p"])
    return AESGCM(kdf.derive(phrase.encode()))


def _bound(about: dict[str, Any]) -> bytes:
    return json.dumps(about, sort_keys=True).encode()


def _write(target: Path, text: str) -> None:
    draft = target.with_name(f".{target.name}.part")
    try:
        with full_disk_is_a_problem(target.name):
            ensure_folder(target.parent)
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
            fsync_folder(target.parent)
    except OSError as error:
        raise Unavailable(f"不能写入 {target}：{error.strerror}。请检查路径和权限。") from error
    finally:
        draft.unlink(missing_ok=True)


def _bad(detail: str) -> Problem:
    return Problem("bad_file", f"{detail}现有数据没有改动。", 422)
