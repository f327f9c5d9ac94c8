"""The encrypted container: a stream in, a stream out, never the whole in memory.

Layout: the line `QINGLIAN-BACKUP`, four bytes of header length, the header (JSON in clear: format, key id, salt,
when, by which version), 32 bytes HMAC over all before it, then chunks of 1 MiB sealed with AES-256-GCM. Two keys
are derived from the named key with HKDF-SHA256 (the salt and the header go in), one for the HMAC, one for the
chunks. The nonce of a chunk is its number and a byte that says whether it is the last (the STREAM construction):
cut, lengthened, swapped, repeated or altered chunks do not open.
"""

import hmac
import io
import json
import secrets
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.kernel.errors import FieldError, Problem
from core.vault.keys import Key

MAGIC = b"QINGLIAN-BACKUP\n"
FORMAT = 1
ALGORITHM = "A256GCM"
CHUNK = 1024 * 1024
TAG = 16
MAC = 32
MAX_HEADER = 64 * 1024


@dataclass(frozen=True)
class Header:
    """What an archive says of itself in clear. `raw` is everything up to the HMAC, byte for byte."""

    values: dict[str, Any]
    raw: bytes
    mac: bytes

    @property
    def key(self) -> str:
        """Id of the key that opens it."""
        return str(self.values.get("key", ""))


class Seal(io.RawIOBase):
    """Writes an archive: the header at once, a sealed chunk whenever one is full. `finish()` seals the last one.

    Without `finish()` the archive is incomplete and does not open.
    """

    def __init__(self, out: BinaryIO, key: Key, about: dict[str, Any]) -> None:
        super().__init__()
        values = {**about, "format": FORMAT, "algorithm": ALGORITHM, "chunk": CHUNK, "key": key.id}
        values["salt"] = secrets.token_hex(32)
        text = json.dumps(values, ensure_ascii=False, sort_keys=True).encode()
        raw = MAGIC + struct.pack(">I", len(text)) + text
        mac_key, chunk_key = _derive(key, values["salt"], raw)
        self._out, self._cipher = out, AESGCM(chunk_key)
        self._held, self._number = bytearray(), 0
        out.write(raw + hmac.digest(mac_key, raw, "sha256"))

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Take `data`; at most one chunk is held back."""
        view = memoryview(data).cast("B")
        self._held += view
        while len(self._held) > CHUNK:
            self._put(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(view)

    def finish(self) -> None:
        """Seal what is left as the last chunk."""
        self._put(bytes(self._held), last=True)
        self._held.clear()

    def _put(self, text: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last), text, None))
        self._number += 1


class Open(io.RawIOBase):
    """Reads an archive: text comes out only of chunks whose tag holds. Read on to the end: only then is it whole."""

    def __init__(self, file: BinaryIO, header: Header, key: Key, *, size: int) -> None:
        super().__init__()
        mac_key, chunk_key = _derive(key, str(header.values.get("salt", "")), header.raw)
        if not hmac.compare_digest(hmac.digest(mac_key, header.raw, "sha256"), header.mac):
            raise wrong_key(header)
        self._file, self._cipher, self._size = file, AESGCM(chunk_key), size
        self._number, self._text, self._place = 0, b"", 0
        self._ahead = file.read(CHUNK + TAG)
        self._done = False

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; b"" after the last chunk. Raises Problem bad_file for one that does not open."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        if self._place == len(self._text) and not self._done:
            self._next()
        piece = self._text[self._place : self._place + size]
        self._place += len(piece)
        return piece

    def drain(self) -> None:
        """Read to the end, so that a missing or added end is found."""
        while self.read(CHUNK):
            pass

    def _next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + TAG)
        last = not self._ahead
        try:
            self._text = self._cipher.decrypt(_nonce(self._number, last), sealed, None)
        except InvalidTag:
            raise self._broken(sealed, last) from None
        self._place, self._number, self._done = 0, self._number + 1, last
        if not last and not self._text:
            raise _bad("备份文件的结构不合规范。")

    def _broken(self, sealed: bytes, last: bool) -> Problem:
        where = f"文件共 {self._size} 字节，第 {self._number + 1} 块（每块 1 MiB）读不通"
        if last and len(sealed) < CHUNK + TAG:
            return _bad(f"备份文件不完整，或末尾已损坏：{where}。")
        if last:
            return _bad(f"备份文件不完整，后面的部分不见了：{where}。")
        return _bad(f"备份文件已损坏或被改动：{where}。")


def read_header(file: BinaryIO) -> Header:
    """The header of an archive. Raises Problem bad_file for another kind of file or a newer format."""
    begin = file.read(len(MAGIC) + 4)
    if len(begin) < len(MAGIC) + 4 or not begin.startswith(MAGIC):
        raise _bad("这不是清廉的备份文件，或者文件开头已经损坏。")
    (length,) = struct.unpack(">I", begin[len(MAGIC) :])
    text = file.read(length) if length <= MAX_HEADER else b""
    mac = file.read(MAC)
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict) or len(text) != length or len(mac) != MAC:
        raise _bad("备份文件的开头不完整或已经损坏。")
    if values.get("format") != FORMAT or values.get("algorithm") != ALGORITHM or values.get("chunk") != CHUNK:
        newer = values.get("format")
        if isinstance(newer, int) and newer > FORMAT:
            raise newer_program(f"备份格式是第 {newer} 版，本程序只认得第 {FORMAT} 版")
        raise _bad("备份文件的开头不完整或已经损坏。")
    return Header(values, begin + text, mac)


def wrong_key(header: Header) -> Problem:
    """The key of this id is here, but it is another one, or the header was altered."""
    return _bad(
        f"密钥不符，或备份文件的开头已被改动：密钥 {header.key} 打不开这份备份。",
        "请换用做备份时的那把密钥（数据目录下 keys/，或密钥备份文件），或换一份备份。",
    )


def newer_program(why: str) -> Problem:
    """The archive comes from a later version of the program."""
    return Problem(
        "refused",
        f"这份备份来自更新的程序版本，不能恢复：{why}。请先把程序升级到做备份时的版本或更新，再恢复；现有数据没有改动。",
        409,
    )


def _bad(detail: str, cure: str = "请换用另一份备份；先用 manage.py backup verify 检查。") -> Problem:
    return Problem(
        "bad_file", f"{detail}{cure}现有数据没有改动。", 422, [FieldError(message=detail, cure=cure)]
    )


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _derive(key: Key, salt: str, raw: bytes) -> tuple[bytes, bytes]:
    try:
        salted = bytes.fromhex(salt)
    except ValueError:
        raise _bad("备份文件的开头不完整或已经损坏。") from None
    # the salt stands in `raw` too, but a key is derived only with it in its place
    made = HKDF(algorithm=SHA256(), length=64, salt=salted, info=b"qinglian backup\x00" + raw).derive(
        key.secret
    )
    return made[:32], made[32:]
