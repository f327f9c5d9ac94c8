"""A sealed model field: text in Python, a bound cell in the database, nothing to be asked but equality by hash."""

from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection

from core.vault.cells import CellError, open_cell
from core.vault.fields import Cell, equality


def raw(model: Any, pk: int, column: str = "phone") -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM vault_test_letter WHERE id = %s", [pk])
        return cursor.fetchone()[0]


def test_it_reads_and_writes_text_and_stores_a_cell(letters: Any) -> None:
    made = letters.objects.create(phone="13800000000", reason="")
    found = letters.objects.get(pk=made.pk)
    assert (found.phone, found.reason) == ("13800000000", "")
    cell = raw(letters, made.pk)
    assert cell.startswith("1:A256GCM:cells-0001-") and "138" not in cell
    place = {"table": "vault_test_letter", "column": "phone", "row": str(made.uid)}
    assert open_cell(cell, **place) == "13800000000"
    assert (
        open_cell(raw(letters, made.pk, "reason"), table="letter_old", column="reason", row=str(made.uid))
        == ""
    )
    assert letters.objects.create().phone is None
    assert letters.objects.filter(phone__isnull=True).count() == 1


def test_saving_leaves_an_unopened_cell_and_seals_a_changed_one(letters: Any) -> None:
    made = letters.objects.create(phone="1")
    before = raw(letters, made.pk)
    found = letters.objects.get(pk=made.pk)
    found.title = "x"
    found.save()
    assert raw(letters, made.pk) == before and found.phone_hash == equality(letters, "phone", "1")
    found.phone = "2"
    found.save()
    assert letters.objects.get(pk=made.pk).phone == "2"
    assert list(letters.objects.filter(phone_hash=equality(letters, "phone", "2"))) == [found]
    assert not letters.objects.filter(phone_hash=equality(letters, "phone", "1"))
    found.phone = None
    found.save()
    assert letters.objects.get(pk=made.pk).phone_hash is None
    letters.objects.bulk_create([letters(phone="3"), letters(phone="3")])
    assert letters.objects.filter(phone_hash=equality(letters, "phone", "3")).count() == 2
    assert [one.phone for one in letters.objects.order_by("-id")[:2]] == ["3", "3"]


def test_deferred_and_refreshed(letters: Any) -> None:
    made = letters.objects.create(phone="1", title="t")
    found = letters.objects.defer("phone").get(pk=made.pk)
    assert found.phone == "1"
    found.refresh_from_db()
    assert found.phone == "1"
    assert isinstance(letters.objects.values_list("phone", flat=True)[0], Cell)


def test_a_cell_of_another_row_does_not_open(letters: Any) -> None:
    one, two = letters.objects.create(phone="1"), letters.objects.create(phone="2")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE vault_test_letter SET phone = %s WHERE id = %s", [raw(letters, one.pk), two.pk]
        )
    with pytest.raises(CellError):
        assert letters.objects.get(pk=two.pk).phone
    assert letters.objects.get(pk=two.pk).title == ""  # the row is shown without it


def test_what_cannot_be_asked_or_written_is_refused(letters: Any) -> None:
    made = letters.objects.create(phone="1")
    for lookup in ("phone", "phone__contains", "phone__in", "phone__gt", "phone__regex"):
        with pytest.raises((FieldError, TypeError)):
            list(letters.objects.filter(**{lookup: ["1"] if lookup.endswith("in") else "1"}))
    with pytest.raises(FieldError):
        letters.objects.update(phone="2")
    made.phone = "2"
    with pytest.raises(FieldError):
        letters.objects.bulk_update([made], ["phone"])
    assert letters.objects.get(pk=made.pk).phone == "1"


def test_a_migration_names_only_what_it_must(letters: Any) -> None:
    field = letters._meta.get_field("reason")
    _, path, _, options = field.deconstruct()
    assert path == "core.vault.fields.SealedField" and options["place"] == "letter_old.reason"
    _, _, _, options = letters._meta.get_field("phone_hash").deconstruct()
    assert options == {"of": "phone", "db_index": True}
    assert letters._meta.get_field("phone_hash").clone().max_length == 64
