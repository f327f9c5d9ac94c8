"""Indexes and constraints on the columns of 0005, once 0006 has filled them."""

import core.kernel.ids
import django.db.models.manager
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0006_own_hospital_filled"),
    ]

    operations = [
        migrations.AlterModelManagers(
            name="enrolment",
            managers=[
                ("unscoped", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AlterField(
            model_name="calendarday",
            name="uid",
            field=models.UUIDField(
                default=core.kernel.ids.new_uid, editable=False, unique=True, verbose_name="编号"
            ),
        ),
        migrations.AddIndex(
            model_name="department",
            index=models.Index(fields=["hospital", "tree_key"], name="org_department_tree"),
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(fields=["person", "hospital", "left_on"], name="org_enrolment_person"),
        ),
        migrations.AddIndex(
            model_name="partyorg",
            index=models.Index(fields=["hospital", "tree_key"], name="org_partyorg_tree"),
        ),
        migrations.AddConstraint(
            model_name="calendarday",
            constraint=models.UniqueConstraint(
                condition=models.Q(("hospital__isnull", True)),
                fields=("day",),
                name="org_calendar_common_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.UniqueConstraint(fields=("hospital", "person"), name="org_enrolment_once"),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("number", ""), _negated=True),
                fields=("hospital", "number"),
                name="org_enrolment_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("left_on__isnull", True), ("left_on__gte", models.F("joined_on")), _connector="OR"
                ),
                name="org_enrolment_dates",
            ),
        ),
    ]
