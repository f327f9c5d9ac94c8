"""A new key, and every cell sealed again under it: killed at any place, nothing is lost."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from core.vault import rotation
from core.vault.cells import key_of
from core.vault.keys import KeyUnavailable, current_key, key_by_id, key_ids, make_next

ROWS = 45


@pytest.fixture
def filled(letters: Any, monkeypatch: Any) -> Any:
    monkeypatch.setattr(rotation, "BATCH", 5)
    letters.objects.bulk_create([letters(phone=f"138{n:04d}", reason=f"事由{n}") for n in range(ROWS)])
    letters.objects.create()
    return letters


def fields(letters: Any) -> list[Any]:
    return [letters._meta.get_field(name) for name in ("phone", "reason")]


@contextmanager
def commit(checkpoint: dict[str, Any]) -> Iterator[None]:
    with transaction.atomic():
        yield


def readable(letters: Any) -> bool:
    rows = letters.objects.filter(phone__isnull=False).order_by("pk")
    return [(one.phone, one.reason) for one in rows] == [(f"138{n:04d}", f"事由{n}") for n in range(ROWS)]


def keys_used(letters: Any) -> set[str]:
    return {
        key_of(cell)
        for row in letters.objects.filter(phone__isnull=False).values_list("phone", "reason")
        for cell in row
    }


def test_all_cells_get_the_new_key_and_the_old_one_still_opens(filled: Any) -> None:
    old, new = current_key("cells"), make_next("cells")
    assert current_key("cells") == new != old and key_by_id(old.id) == old
    assert key_ids("cells") == [old.id, new.id]
    assert readable(filled)
    filled.objects.filter(pk=1).get().save()
    done = rotation.rotate(commit, fields=fields(filled))
    assert (done.sealed, done.kept, done.bad) == (2 * ROWS, 0, 0)
    assert keys_used(filled) == {new.id} and readable(filled)
    again = rotation.rotate(commit, fields=fields(filled))
    assert (again.sealed, again.kept) == (0, 2 * ROWS)


def test_what_does_not_open_is_left_and_counted(filled: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE vault_test_letter SET phone = 'spoilt' WHERE id = 3")
    make_next("cells")
    done = rotation.rotate(commit, fields=fields(filled))
    assert (done.sealed, done.bad, done.unreadable) == (2 * ROWS - 1, 1, ["vault_test_letter.phone 3"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM vault_test_letter WHERE id = 3")
        assert cursor.fetchone() == ("spoilt",)


def test_a_save_in_between_wins(filled: Any, monkeypatch: Any) -> None:
    make_next("cells")
    real = rotation.open_cell

    def slow(cell: str, **place: str) -> str:
        if place["column"] == "phone":
            one = filled.objects.get(uid=place["row"])
            if one.pk == 7 and one.title == "":
                one.phone, one.title = "new", "saved"
                one.save()
        return real(cell, **place)

    monkeypatch.setattr(rotation, "open_cell", slow)
    done = rotation.rotate(commit, fields=fields(filled))
    assert done.sealed == 2 * ROWS - 1
    assert filled.objects.get(pk=7).phone == "new"


def test_killed_at_twenty_places(filled: Any, tmp_path: Path) -> None:
    """kill −9 of a real process at 20 places over the whole run, each run carried on from the last checkpoint."""
    make_next("cells")
    new = current_key("cells").id
    checkpoint = tmp_path / "checkpoint.json"
    kills = 0
    for number in range(20):
        connection.close()
        child = os.fork()
        if child == 0:
            _rotate_until(fields(filled), checkpoint, stop=2 + number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert readable(filled), number
        if number % 4 == 3:
            connection.close()
            make_next("cells")  # from the front again, so that every place of the table is hit
            new = current_key("cells").id
            checkpoint.unlink(missing_ok=True)
    assert kills == 20
    connection.close()
    done = rotation.rotate(commit, saved=_saved(checkpoint), fields=fields(filled))
    assert done.bad == 0 and keys_used(filled) == {new} and readable(filled)


def _rotate_until(sealed: list[Any], checkpoint: Path, stop: int) -> None:
    """Rotate and die at the `stop`-th place: after a row, before or after a batch is committed."""
    seen = 0

    def place() -> None:
        nonlocal seen
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    real = rotation.seal

    def seal(*args: Any, **options: Any) -> str:
        place()
        return real(*args, **options)

    @contextmanager
    def kept(state: dict[str, Any]) -> Iterator[None]:
        with transaction.atomic():
            yield
            place()
        place()
        draft = checkpoint.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.rename(checkpoint)  # later than the rows: a kill between repeats a batch, which is harmless

    rotation.seal = seal  # type: ignore[assignment]
    rotation.rotate(kept, saved=_saved(checkpoint), fields=sealed)


def _saved(checkpoint: Path) -> dict[str, Any] | None:
    return json.loads(checkpoint.read_text()) if checkpoint.exists() else None


def test_the_environment_holds_old_keys_too(letters: Any, monkeypatch: Any) -> None:
    old, new = "a" * 43 + "=", "b" * 42 + "A="
    monkeypatch.setenv("QINGLIAN_KEY_CELLS", old)
    made = letters.objects.create(phone="1")
    monkeypatch.setenv("QINGLIAN_KEY_CELLS", new)
    with pytest.raises(KeyUnavailable):
        assert letters.objects.get(pk=made.pk).phone
    monkeypatch.setenv("QINGLIAN_KEY_CELLS_OLD", old)
    assert letters.objects.get(pk=made.pk).phone == "1"
    with pytest.raises(KeyUnavailable, match="_OLD"):
        make_next("cells")
    assert rotation.rotate(commit, fields=fields(letters)).sealed == 1
    assert letters.objects.get(pk=made.pk).phone == "1"
    assert key_ids("cells")[-1] == current_key("cells").id
