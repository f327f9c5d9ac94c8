"""The new columns filled; a migration of its own, because PostgreSQL changes no table with work pending on it."""

import re
from typing import Any

from django.db import migrations

import core.kernel.ids

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def fill(apps: Any, schema_editor: Any) -> None:
    """Numbers for calendar days, one row for each day of everybody, and the keys that order the trees."""
    days = apps.get_model("org", "CalendarDay")
    seen: set[Any] = set()
    for row in days.objects.order_by("id"):
        if row.hospital_id is None and row.day in seen:
            row.delete()
            continue
        if row.hospital_id is None:
            seen.add(row.day)
        days.objects.filter(pk=row.pk).update(uid=core.kernel.ids.new_uid())
    for name in ("Department", "PartyOrg"):
        model = apps.get_model("org", name)
        keys: dict[int, str] = {}
        for row in sorted(model._base_manager.all(), key=lambda row: row.path.count("/")):
            keys[row.pk] = keys.get(row.parent_id, "") + segment(row.sort_key, row.pk)
            model._base_manager.filter(pk=row.pk).update(tree_key=keys[row.pk][:400])


def segment(sort_key: str, pk: int) -> str:
    """As core.org.domain.trees had it when this migration was written."""
    text, number = re.sub(r"[^0-9a-z]", "", sort_key)[:24], ""
    while pk:
        pk, rest = divmod(pk, 36)
        number = DIGITS[rest] + number
    return text.ljust(24, "0") + number.rjust(6, "0")


def nothing(apps: Any, schema_editor: Any) -> None:
    """Going back needs no filling."""


class Migration(migrations.Migration):
    dependencies = [("org", "0005_own_hospital")]

    operations = [migrations.RunPython(fill, nothing)]
