"""Keys, keyed hashes, signatures and cells."""

import base64
import hashlib
import hmac
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault import signing
from core.vault.cells import CellError, key_of, open_cell, seal
from core.vault.hashes import hmac_text
from core.vault.keys import KeyUnavailable, current_key, key_by_id

PLACE = {"table": "org_person", "column": "phone", "row": "17"}


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path
    return tmp_path


def test_a_key_is_made_once_and_is_private(home):
    key = current_key("cells")
    (file,) = (home / "keys").glob("cells-*.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (key.id, len(key.secret)) == (file.stem, 32)
    assert current_key("cells") == key_by_id(key.id) == key
    assert key.secret.hex() not in repr(key)


def test_many_makers_agree_on_one_key(home):
    found = []
    threads = [threading.Thread(target=lambda: found.append(current_key("hmac"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(list((home / "keys").glob("*.key"))) == 1


def test_a_key_others_can_read_is_refused(home):
    folder = home / "keys"
    folder.mkdir()
    file = folder / "cells-0001-aa.key"
    file.write_text(base64.b64encode(bytes(32)).decode())
    file.chmod(0o640)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        current_key("cells")


def test_a_damaged_key_is_refused(home):
    folder = home / "keys"
    folder.mkdir()
    file = folder / "cells-0001-aa.key"
    file.touch(mode=0o600)
    with pytest.raises(KeyUnavailable, match="32"):
        current_key("cells")


def test_a_missing_key_is_named_and_not_made_again(home):
    cell = seal("x", **PLACE)
    file = home / "keys" / f"{key_of(cell)}.key"
    secret = file.read_bytes()
    from core.vault import keys

    keys._read.cache_clear()
    file.unlink()
    with pytest.raises(KeyUnavailable, match=key_of(cell)):
        open_cell(cell, **PLACE)
    assert not list((home / "keys").glob("*.key"))
    file.touch(mode=0o600)
    file.write_bytes(secret)
    assert open_cell(cell, **PLACE) == "x"


def test_a_key_id_cannot_leave_the_folder():
    with pytest.raises(KeyUnavailable):
        key_by_id("../secret_key")


def test_the_environment_may_hold_the_key(home, monkeypatch):
    monkeypatch.setenv("QINGLIAN_KEY_HMAC", base64.b64encode(b"k" * 32).decode())
    message = (7).to_bytes(4, "big") + b"patient" + b"P1"
    assert hmac_text("patient", "P1") == hmac.new(b"k" * 32, message, hashlib.sha256).hexdigest()
    assert not list((home / "keys").glob("*.key"))
    monkeypatch.setenv("QINGLIAN_KEY_HMAC", "short")
    with pytest.raises(KeyUnavailable, match="QINGLIAN_KEY_HMAC"):
        hmac_text("patient", "P1")


def test_hashes_are_equal_only_for_the_same_purpose_and_text():
    assert hmac_text("a", "x") == hmac_text("a", "x")
    assert (
        len(
            {
                hmac_text("a", "x"),
                hmac_text("b", "x"),
                hmac_text("a", "y"),
                hmac_text("ax", ""),
                hmac_text("", "ax"),
            }
        )
        == 5
    )


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_cell_gives_back_its_text(text):
    cell = seal(text, **PLACE)
    assert open_cell(cell, **PLACE) == text
    assert cell.split(":")[:2] == ["1", "A256GCM"]


def test_equal_texts_give_different_cells():
    assert seal("x", **PLACE) != seal("x", **PLACE)


@pytest.mark.parametrize("moved", [{"table": "org_user"}, {"column": "name"}, {"row": "18"}])
def test_a_cell_does_not_open_elsewhere(moved):
    cell = seal("x", **PLACE)
    with pytest.raises(CellError):
        open_cell(cell, **PLACE | moved)


def test_no_altered_character_opens():
    cell = seal("身份证号", **PLACE)
    for place in range(len(cell)):
        other = "A" if cell[place] != "A" else "B"
        with pytest.raises((CellError, KeyUnavailable)):
            open_cell(cell[:place] + other + cell[place + 1 :], **PLACE)
    for broken in ("", "1:A256GCM", cell + ":", cell[:-1], "plain text"):
        with pytest.raises((CellError, KeyUnavailable)):
            open_cell(broken, **PLACE)


def test_signatures():
    key_id, signature = signing.sign("log", b"head")
    assert signing.verify(key_id, b"head", signature)
    assert not signing.verify(key_id, b"heads", signature)
    assert not signing.verify(key_id, b"head", "zz")
    assert signing.public_key("log")[0] == key_id
