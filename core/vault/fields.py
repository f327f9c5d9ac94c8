"""Model fields for values of class 3 and 4: sealed in the database, text in Python, equality by keyed hash.

    class Letter(HospitalModel):
        phone = SealedField("电话")
        phone_hash = EqualityField(of="phone")

    Letter.objects.filter(phone_hash=equality(Letter, "phone", "13800000000"))

A cell is bound to table, column and the row's `uid`. Nothing but `IS NULL` can be asked of a sealed column.
"""

from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from core.vault.cells import open_cell, seal
from core.vault.hashes import hmac_text


class Cell(str):
    """A sealed value as it lies in the database."""

    __slots__ = ()


class SealedAttribute(DeferredAttribute):
    """Opens the cell when the value is read. Raises CellError or KeyUnavailable then, not while rows are loaded."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, Cell):
            return value
        return open_cell(str(value), **self.field.place_of(instance))

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(models.TextField):
    """Text that is encrypted in the database. `place` ("table.column") keeps cells readable after a renaming."""

    descriptor_class = SealedAttribute
    description = "密文"

    def __init__(self, *args: Any, place: str = "", row: str = "uid", **options: Any) -> None:
        self.place, self.row = place, row
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """With `place` and `row` where they are not the default."""
        name, path, args, options = super().deconstruct()
        options |= {"place": self.place} if self.place else {}
        options |= {"row": self.row} if self.row != "uid" else {}
        return name, path, args, options

    def place_of(self, instance: Any) -> dict[str, str]:
        """Table, column and row a cell of this instance is bound to."""
        return self.place_for(getattr(instance, self.row))

    def place_for(self, row: Any) -> dict[str, str]:
        """The same by the value of the row's own field (`uid`)."""
        table, _, column = (self.place or f"{self.model._meta.db_table}.{self.column}").rpartition(".")
        return {"table": table, "column": column, "row": str(row)}

    def open_for(self, cell: Any, row: Any) -> str:
        """The text of a cell read without an instance (`values_list`). Raises CellError, KeyUnavailable."""
        return open_cell(str(cell), **self.place_for(row))

    def from_db_value(self, value: str | None, *_: Any) -> Cell | None:
        """Still sealed."""
        return None if value is None else Cell(value)

    def pre_save(self, model_instance: Any, add: bool) -> Cell | None:
        """Seal what was set; a cell that nobody changed stays as it is."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Cell):
            return value
        return Cell(seal(str(value), **self.place_of(model_instance)))

    def get_prep_value(self, value: Any) -> str | None:
        """Only cells reach the database: `update()` and `bulk_update()` know no row to bind to, and are refused."""
        if value is None:
            return None
        if not isinstance(value, Cell):
            raise FieldError(f"{self.name} is sealed: set it on an instance and save()")
        return str(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Nothing but IS NULL: equality goes by the hash beside it."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> Any:
        """None."""
        return None


class EqualityField(models.CharField):
    """Keyed hash of the sealed field `of` of the same model, kept by save(): 64 hex digits, indexed, NULL as it is NULL."""

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        self.of = of
        options |= {"max_length": 64, "null": True, "editable": False}
        options.setdefault("db_index", True)
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """With `of`."""
        name, path, args, options = super().deconstruct()
        for fixed in ("max_length", "null", "editable"):
            options.pop(fixed, None)
        return name, path, args, options | {"of": self.of}

    def pre_save(self, model_instance: Any, add: bool) -> str | None:
        """Hash of the text that is being saved; of an unopened cell the hash stands already."""
        value = model_instance.__dict__.get(self.of)
        if not isinstance(value, Cell):
            found = None if value is None else equality(type(model_instance), self.of, str(value))
            setattr(model_instance, self.attname, found)
        return getattr(model_instance, self.attname)


def equality(model: type[models.Model], field: str, text: str) -> str:
    """What to look for in the hash column of a sealed field. Other tables and columns give other hashes."""
    sealed = model._meta.get_field(field)
    assert isinstance(sealed, SealedField)
    return hmac_text(f"equal {sealed.place or f'{model._meta.db_table}.{sealed.column}'}", text)
