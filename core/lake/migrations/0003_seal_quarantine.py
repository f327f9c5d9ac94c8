"""The rejected row and the message that may quote it are sealed; what lies there already is sealed in batches."""

from typing import Any

from django.db import migrations

import core.vault.fields

COLUMNS = ("message", "raw")
BATCH = 500


def seal(apps: Any, editor: Any) -> None:
    """Each clear text becomes a cell bound to its row."""
    _rewrite(apps, editor, _sealed)


def unseal(apps: Any, editor: Any) -> None:
    """Each cell becomes clear text again."""
    _rewrite(apps, editor, lambda field, text, uid: field.open_for(text, uid))


def _sealed(field: Any, text: str, uid: Any) -> str:
    from core.vault.cells import seal as seal_cell

    return seal_cell(text, **field.place_for(uid))


def _rewrite(apps: Any, editor: Any, change: Any) -> None:
    model, using = apps.get_model("lake", "LakeQuarantine"), editor.connection.alias
    quote, last = editor.connection.ops.quote_name, 0
    columns = [model._meta.get_field(name) for name in COLUMNS]
    table, sets = quote(model._meta.db_table), ", ".join(f"{quote(c.column)} = %s" for c in columns)
    while True:
        rows = model._base_manager.using(using).filter(pk__gt=last).order_by("pk")
        found = list(rows.values_list("pk", "uid", *COLUMNS)[:BATCH])
        if not found:
            return
        changed = [
            [*(change(c, str(text), uid) for c, text in zip(columns, texts, strict=True)), pk]
            for pk, uid, *texts in found
        ]
        with editor.connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {sets} WHERE id = %s", changed)  # noqa: S608
        last = found[-1][0]


class Migration(migrations.Migration):
    dependencies = [("lake", "0002_import_text_index")]

    operations = [
        migrations.AlterField(
            model_name="lakequarantine",
            name="message",
            field=core.vault.fields.SealedField(
                help_text="may quote a wrong value, up to 400 characters", verbose_name="原因"
            ),
        ),
        migrations.AlterField(
            model_name="lakequarantine",
            name="raw",
            field=core.vault.fields.SealedField(
                default="{}", help_text="JSON: heading → text as it came", verbose_name="原始内容"
            ),
        ),
        migrations.RunPython(seal, unseal),
    ]
