"""A hospital kept by its own people: dates, states, merges, the roll, the order of trees; nothing existing is changed."""

import django.db.models.deletion
from django.db import migrations, models

import core.kernel.ids

STATES = [("active", "在用"), ("retired", "停用")]


class Migration(migrations.Migration):
    dependencies = [("org", "0004_post_text_index")]

    operations = [
        migrations.AddField(
            "hospital",
            "night_ends",
            models.PositiveSmallIntegerField(default=7, verbose_name="夜间结束（时）"),
        ),
        migrations.AddField(
            "hospital", "opened_on", models.DateField(blank=True, null=True, verbose_name="开院日期")
        ),
        migrations.AddField(
            "hospital", "peer_groups", models.JSONField(blank=True, default=list, verbose_name="同类组")
        ),
        migrations.AddField(
            "hospital", "version", models.PositiveIntegerField(default=1, editable=False, verbose_name="版本")
        ),
        migrations.AddField(
            "campus",
            "state",
            models.CharField(choices=STATES, default="active", max_length=10, verbose_name="状态"),
        ),
        migrations.AddField(
            "department",
            "tree_key",
            models.CharField(default="", editable=False, max_length=400, verbose_name="层级"),
        ),
        migrations.AddField(
            "department",
            "merged_into",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="org.department",
                verbose_name="并入",
            ),
        ),
        migrations.AddField(
            "partyorg",
            "tree_key",
            models.CharField(default="", editable=False, max_length=400, verbose_name="层级"),
        ),
        migrations.AddField(
            "partyorg",
            "state",
            models.CharField(choices=STATES, default="active", max_length=10, verbose_name="状态"),
        ),
        migrations.AddField(
            "partyorg", "dissolved_on", models.DateField(blank=True, null=True, verbose_name="撤销日期")
        ),
        migrations.AddField(
            "partyorg",
            "merged_into",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="org.partyorg",
                verbose_name="并入",
            ),
        ),
        migrations.AddField(
            "calendarday", "uid", models.UUIDField(editable=False, null=True, verbose_name="编号")
        ),
        migrations.AddField(
            "calendarday",
            "version",
            models.PositiveIntegerField(default=1, editable=False, verbose_name="版本"),
        ),
        migrations.AddField(
            "calendarday", "source", models.CharField(blank=True, max_length=120, verbose_name="依据")
        ),
        migrations.AddField(
            "person", "born_on", models.DateField(blank=True, null=True, verbose_name="出生日期")
        ),
        migrations.AddField(
            "person", "version", models.PositiveIntegerField(default=1, editable=False, verbose_name="版本")
        ),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "uid",
                    models.UUIDField(
                        default=core.kernel.ids.new_uid, editable=False, unique=True, verbose_name="编号"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False, verbose_name="版本")),
                ("number", models.CharField(blank=True, max_length=60, verbose_name="工号")),
                ("joined_on", models.DateField(verbose_name="入院日期")),
                ("left_on", models.DateField(blank=True, null=True, verbose_name="离院日期")),
                (
                    "hospital",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="org.hospital",
                        verbose_name="医院",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrolments",
                        to="org.person",
                        verbose_name="人员",
                    ),
                ),
            ],
            options={
                "verbose_name": "在册",
                "verbose_name_plural": "在册",
                "ordering": ["-joined_on", "id"],
                "abstract": False,
                "default_manager_name": "unscoped",
                "base_manager_name": "unscoped",
            },
        ),
    ]
