"""The doctor of a warning's subject in a column of its own: a recusal from that person asks by it."""

from typing import Any

from django.db import migrations, models

BATCH = 500


def fill(apps: Any, schema_editor: Any) -> None:
    """From the codes of the latest finding, which has the same subject."""
    warning = apps.get_model("warning", "Warning")._base_manager
    rows = warning.filter(doctor_code="", subject_key__contains="doctor=").order_by("pk")
    last = 0
    while True:
        page = list(rows.filter(pk__gt=last).values_list("pk", "finding__subject")[:BATCH])
        if not page:
            return
        for pk, subject in page:
            if code := subject.get("doctor"):
                warning.filter(pk=pk).update(doctor_code=str(code))
        last = page[-1][0]


class Migration(migrations.Migration):
    dependencies = [("warning", "0004_rule_settings")]

    operations = [
        migrations.AddField(
            model_name="warning",
            name="doctor_code",
            field=models.CharField(blank=True, default="", max_length=200, verbose_name="医师代码"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
