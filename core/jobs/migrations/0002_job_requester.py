"""Whose a job is, without the label: a person who is renamed keeps the own jobs."""

from django.db import migrations, models


def fill(apps, schema_editor):
    """`kind:id` out of `kind:id:label`."""
    jobs = apps.get_model("jobs", "Job")._base_manager.using(schema_editor.connection.alias)
    changed = []
    for one in jobs.only("pk", "requested_by").order_by("pk"):
        one.requester = ":".join(one.requested_by.split(":", 2)[:2])[:200]
        changed.append(one)
    jobs.bulk_update(changed, ["requester"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="requester",
            field=models.CharField(
                default="", help_text="kind:id，不随改名变化", max_length=200, verbose_name="发起账号"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
