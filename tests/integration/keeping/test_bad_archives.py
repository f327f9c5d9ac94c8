"""Cut, flipped, foreign, too new, wrong key, full disk, in use: each refused in a sentence, and nothing is touched."""

import base64
import json
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.keeping import archive, contents, make, read, restore, sealed_keys, shelf
from core.kernel.errors import Problem
from core.vault.keys import Key
from tests.integration.keeping.conftest import PHRASE, House, Place
from tests.integration.keeping.house import BY

pytestmark = pytest.mark.once


@pytest.fixture
def untouched(house: House, empty: Place) -> Iterator[Place]:
    """A place with data of its own: after the test it must be byte for byte as before."""
    keys, signing = house.keyring()
    restore.restore(house.archive, by=BY, keys=keys, signing=signing)
    with restore.connections["default"].cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    restore.connections["default"].close()
    before = empty.everything()
    yield empty
    restore.connections["default"].close()
    assert empty.everything() == before
    assert not list(empty.home.glob("before-restore*")) and not (empty.home / ".keeping").exists()


def refusal(house: House, file: Path, keys: dict[str, Key] | None = None) -> str:
    """What a restore (with leave to replace) and a verify say to a bad archive: the same sentence."""
    ring = house.keyring()[0] if keys is None else keys
    with pytest.raises(Problem) as at_restore:
        restore.restore(file, by=BY, keys=ring, replace=True)
    with pytest.raises(Problem) as at_verify:
        read.verify(file, ring)
    assert at_restore.value.detail == at_verify.value.detail
    assert at_restore.value.status in (409, 422)
    return at_restore.value.detail


def begin(house: House) -> int:
    """Where the first chunk begins."""
    with house.archive.open("rb") as file:
        return len(archive.read_header(file).raw) + archive.MAC


def test_cut_anywhere(house: House, untouched: Place, tmp_path: Path) -> None:
    whole = house.archive.read_bytes()
    start = begin(house)
    chunk = archive.CHUNK + archive.TAG
    places = [0, 1, 15, 16, 20, 40, start - 1, start, start + 1, start + chunk - 1, start + chunk]
    places += [start + 2 * chunk, start + 3 * chunk, len(whole) // 2, len(whole) - 17, len(whole) - 1]
    file = tmp_path / "cut.qlbackup"
    for size in places:
        file.write_bytes(whole[:size])
        said = refusal(house, file)
        assert "不完整" in said or "不是清廉的备份" in said, (size, said)
        assert "现有数据没有改动" in said and "请" in said


def test_a_flipped_byte_anywhere(house: House, untouched: Place, tmp_path: Path) -> None:
    whole = bytearray(house.archive.read_bytes())
    start = begin(house)
    dice = secrets.SystemRandom()
    places = [
        *range(0, start, 37),
        start,
        len(whole) - 1,
        *(dice.randrange(start, len(whole)) for _ in range(6)),
    ]
    file = tmp_path / "flipped.qlbackup"
    for place in places:
        whole[place] ^= 1 << dice.randrange(8)
        file.write_bytes(whole)
        with pytest.raises(Problem) as found:
            read.verify(file, house.keyring()[0] if place == places[-1] else KEYS(house))
        assert found.value.code in ("bad_file", "refused"), place
        if place in places[-3:]:
            assert "损坏" in refusal(house, file)
        file.write_bytes(b"")
        whole = bytearray(house.archive.read_bytes())


def KEYS(house: House, known: dict[str, Any] = {}) -> dict[str, Key]:  # noqa: B006
    """The ring, opened once (scrypt is slow on purpose)."""
    return known.setdefault("ring", house.keyring()[0])


def test_chunks_swapped_repeated_dropped_or_added(house: House, untouched: Place, tmp_path: Path) -> None:
    whole = house.archive.read_bytes()
    start = begin(house)
    size = archive.CHUNK + archive.TAG
    head, chunks = whole[:start], [whole[i : i + size] for i in range(start, len(whole), size)]
    assert len(chunks) >= 4
    file = tmp_path / "odd.qlbackup"
    for odd in (
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], *chunks],
        [*chunks[:1], *chunks[2:]],
        [*chunks, chunks[-1]],
        [*chunks[:-1]],
        [*chunks, b"more"],
    ):
        file.write_bytes(head + b"".join(odd))
        assert "备份文件" in refusal(house, file, KEYS(house))


def test_other_files_are_refused(house: House, untouched: Place, tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 a zip", b"SQLite format 3\0" * 50, secrets.token_bytes(5000)):
        file = tmp_path / "other.qlbackup"
        file.write_bytes(content)
        assert "不是清廉的备份" in refusal(house, file)
    assert "打不开" in refusal(house, tmp_path / "none.qlbackup")
    assert "打不开" in refusal(house, tmp_path)


def test_a_missing_key_and_a_wrong_key(house: House, empty: Place) -> None:
    before = empty.everything()
    said = refusal(house, house.archive, keys={})
    name = shelf.entry(house.archive).key
    assert name in said and "KEYS=" in said
    wrong = {**house.keyring()[0], name: Key(name, secrets.token_bytes(32))}
    assert "密钥不符" in refusal(house, house.archive, keys=wrong)
    without = {one: key for one, key in house.keyring()[0].items() if not one.startswith("hmac")}
    with pytest.raises(Problem, match="缺少密钥 hmac"):
        restore.restore(house.archive, by=BY, keys=without)
    assert empty.everything() == before


def test_the_sealed_keys(house: House, empty: Place, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="口令不对"):
        sealed_keys.open_keys(house.sealed, PHRASE + " ")
    with pytest.raises(Problem, match="至少 12"):
        sealed_keys.seal_keys(tmp_path / "x", "short")
    found = json.loads(house.sealed.read_text())
    sealed = bytearray(base64.b64decode(found["sealed"]))
    sealed[9] ^= 1
    for change in (
        {"sealed": base64.b64encode(sealed).decode()},
        {"keys": ["other"]},
        {"made_at": "2020"},
        {"n": 2},
        {"salt": "zz"},
        {"kind": "x"},
        {"sealed": None},
    ):
        (tmp_path / "bad").write_text(json.dumps(found | change))
        with pytest.raises(Problem, match="损坏"):
            sealed_keys.open_keys(tmp_path / "bad", PHRASE)
    for content in ("", "[]", "7", '"x"', "{"):
        (tmp_path / "bad").write_text(content)
        with pytest.raises(Problem, match="损坏"):
            sealed_keys.open_keys(tmp_path / "bad", PHRASE)
    text = house.sealed.read_text()
    for path in (house.home / "keys").glob("*.key"):
        assert path.read_text() not in text
    assert house.sealed.stat().st_mode & 0o077 == 0


def test_newer_ones(house: House, empty: Place, tmp_path: Path, monkeypatch: Any) -> None:
    """From a program with a migration, or a format, that this one does not have."""
    keys, signing = house.keyring()
    restore.restore(house.archive, by=BY, keys=keys, signing=signing)
    real = contents.migrations
    monkeypatch.setattr(contents, "migrations", lambda found: [*real(found), "lake.0999_later"])
    # the fresh archive is read back at the end, by a program that knows the migration
    monkeypatch.setattr(contents, "unknown_migrations", lambda names: [])
    later = Path(make.make(tmp_path, by=BY).file)
    monkeypatch.undo()
    said = refusal(house, later, keys)
    assert "lake.0999_later" in said and "升级" in said and "更新的程序版本" in said
    raw = bytearray(house.archive.read_bytes())
    place = raw.index(b'"format": 1')
    raw[place : place + 11] = b'"format": 2'
    (tmp_path / "format.qlbackup").write_bytes(raw)
    assert "第 2 版" in refusal(house, tmp_path / "format.qlbackup", keys)


def test_a_full_disk_while_making(house: House, untouched: Place, tmp_path: Path) -> None:
    """Files may not grow beyond a limit: the archive is refused, the folder stays clean, and it goes well later."""
    folder = tmp_path / "shelf"
    for limit in (100_000, house.archive.stat().st_size - 100_000):
        with limited(limit), pytest.raises(Problem) as found:
            make.make(folder, by=BY)
        assert found.value.code in ("disk_full", "unavailable")
        assert not list(folder.iterdir())
        assert "磁盘" in found.value.detail


def test_a_full_disk_while_restoring(house: House, untouched: Place) -> None:
    with limited(3_000_000), pytest.raises(Problem, match="磁盘空间不足") as found:
        restore.restore(house.archive, by=BY, keys=KEYS(house), replace=True)
    assert found.value.code == "disk_full"


def test_too_little_room_is_seen_beforehand(
    house: House, untouched: Place, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        make.shutil, "disk_usage", lambda path: make.shutil._ntuple_diskusage(10**9, 10**9, 10**6)
    )
    with pytest.raises(Problem, match="只剩 1 MB"):
        make.make(tmp_path / "shelf", by=BY)


def test_a_database_in_use_is_not_replaced(house: House, untouched: Place) -> None:
    hold = "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute('select 1 from org_hospital');print(1,flush=True);input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(untouched.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout and other.stdout.readline() == b"1\n"
        with pytest.raises(Problem, match="make down"):
            restore.restore(house.archive, by=BY, keys=KEYS(house), replace=True)
        other.kill()


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
