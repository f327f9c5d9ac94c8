"""Sealing every cell again under the newest key: in batches, each one transaction, from where it stopped.

A cell is replaced only if it still is what was read, so a save in between wins. One that does not open is left as it
is and counted: rotation never destroys what a lost key or a hand in the database made unreadable.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

from django.apps import apps
from django.db import connections, router

from core.vault.cells import CellError, key_of, open_cell, seal
from core.vault.fields import SealedField
from core.vault.keys import KeyUnavailable, current_key

NAME = "cells"
BATCH = 200
Commit = Callable[[dict[str, Any]], AbstractContextManager[None]]


@dataclass
class Rotated:
    """What a rotation did. `unreadable`: "table.column pk" of cells that do not open, the first hundred."""

    key: str
    sealed: int = 0
    kept: int = 0
    bad: int = 0
    unreadable: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the job's result."""
        return asdict(self)


def sealed_fields() -> list[SealedField]:
    """Every sealed field of every installed model, in a fixed order."""
    found = [f for m in apps.get_models() for f in m._meta.local_fields if isinstance(f, SealedField)]
    return sorted(found, key=_label)


def rotate(
    commit: Commit,
    *,
    saved: dict[str, Any] | None = None,
    fields: list[SealedField] | None = None,
    tick: Callable[[int, str], None] = lambda done, note: None,
) -> Rotated:
    """Seal all cells under the current key. `commit(checkpoint)` is a transaction that keeps the checkpoint with it."""
    saved = saved or {}
    target = current_key(NAME)
    done = Rotated(**saved["done"]) if saved.get("key") == target.id else Rotated(target.id)
    start = saved.get("at") if saved.get("key") == target.id else None
    for sealed in fields if fields is not None else sealed_fields():
        label, last = _label(sealed), None
        if start:
            if label < start[0]:
                continue
            last = start[1] if label == start[0] else None
        for rows in _batches(sealed, last):
            checkpoint: dict[str, Any] = {"key": target.id, "at": [label, rows[-1][0]]}
            with commit(checkpoint):
                for pk, row, cell in rows:
                    _reseal(sealed, pk, row, cell, done)
                checkpoint["done"] = done.as_json()
            tick(done.sealed + done.kept + done.bad, label)
    return done


def survey(*, read: bool = False) -> dict[str, Any]:
    """Cells by column and key; with `read` each is opened, and those that do not open are named."""
    found: dict[str, dict[str, int]] = {}
    unreadable: list[str] = []
    for sealed in sealed_fields():
        counts: Counter[str] = Counter()
        for rows in _batches(sealed, None):
            for pk, row, cell in rows:
                try:
                    counts[key_of(cell)] += 1
                    if read:
                        open_cell(cell, **sealed.place_for(row))
                except (CellError, KeyUnavailable):
                    unreadable.append(f"{_label(sealed)} {pk}")
        found[_label(sealed)] = dict(counts)
    return {"cells": found, "unreadable": unreadable, "fields": len(found)}


def _reseal(sealed: SealedField, pk: Any, row: str, cell: str, done: Rotated) -> None:
    try:
        if key_of(cell) == done.key:
            done.kept += 1
            return
        fresh = seal(open_cell(cell, **sealed.place_for(row)), **sealed.place_for(row))
    except (CellError, KeyUnavailable):
        done.bad += 1
        if len(done.unreadable) < 100:
            done.unreadable.append(f"{_label(sealed)} {pk}")
        return
    # the lookups of a sealed column are closed to everyone else: straight SQL, only if it is what was read
    using = router.db_for_write(sealed.model)
    quote = connections[using].ops.quote_name
    table, column = quote(sealed.model._meta.db_table), quote(str(sealed.column))
    key = quote(str(sealed.model._meta.pk.column))  # type: ignore[union-attr]
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s",  # noqa: S608
            [fresh, pk, cell],
        )
        done.sealed += cursor.rowcount


def _batches(sealed: SealedField, last: Any) -> Iterator[list[tuple[Any, str, str]]]:
    """(pk, row, cell) by pk, those with a value, from after `last`."""
    rows = sealed.model._base_manager.filter(**{f"{sealed.name}__isnull": False}).order_by("pk")
    while True:
        chunk = rows.filter(pk__gt=last) if last is not None else rows
        found = [
            (pk, str(row), str(cell))
            for pk, row, cell in chunk.values_list("pk", sealed.row, sealed.name)[:BATCH]
        ]
        if not found:
            return
        yield found
        last = found[-1][0]


def _label(sealed: SealedField) -> str:
    return f"{sealed.model._meta.db_table}.{sealed.column}"
