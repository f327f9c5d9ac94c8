"""Rows of the record: what changed, what happened, and the sealed log over both. No foreign keys: history blocks nothing."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from core.kernel.ids import new_uid
from core.org.models import HospitalModel
from core.vault.fields import SealedField


class Kind(models.TextChoices):
    """What a leaf of the sealed log stands for."""

    CHANGE = "C", "数据变更"
    EVENT = "E", "业务事件"


class Change(models.Model):
    """One row of any table written, by trigger.

    `changes` is JSON text, kept byte for byte: on I and D an object column → value, on U an object
    column → [old, new], on T (PostgreSQL TRUNCATE) empty. Secret columns carry a mark.
    """

    table = models.CharField("表", max_length=63)
    pk_text = models.TextField("主键", db_column="pk")
    op = models.CharField(
        "操作", max_length=1, choices=[("I", "新增"), ("U", "修改"), ("D", "删除"), ("T", "清空")]
    )
    at = models.DateTimeField("时间")
    actor = models.TextField("操作者")
    changes = models.TextField("内容")

    class Meta:
        verbose_name = verbose_name_plural = "数据变更"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.op} {self.table} {self.pk_text}"

    @property
    def values(self) -> dict[str, Any]:
        """`changes`, read."""
        return json.loads(self.changes) if self.changes else {}


class Event(models.Model):
    """One business event or one reading of sensitive data: names and ids, never references."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    kind = models.CharField("种类", max_length=80)
    subject_type = models.CharField("对象种类", max_length=80)
    subject_uid = models.CharField("对象编号", max_length=80)
    hospital = models.BigIntegerField("医院", null=True)
    at = models.DateTimeField("时间")
    actor = models.TextField("操作者")
    label = models.TextField("操作者姓名")
    data = models.JSONField("内容", default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name = verbose_name_plural = "业务事件"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_uid", "kind"], name="audit_event_subject"),
            models.Index(fields=["hospital", "at"], name="audit_event_hospital"),
            models.Index(fields=["hospital", "kind", "at"], name="audit_event_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_type} {self.subject_uid}"


class Leaf(models.Model):
    """One numbered entry of the sealed log: which row, and its RFC 6962 leaf hash."""

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=1, choices=Kind.choices)
    row = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        verbose_name = verbose_name_plural = "封存条目"
        constraints = [models.UniqueConstraint(fields=["kind", "row"], name="audit_leaf_row")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}{self.row}"


class Head(models.Model):
    """A signed tree head: size and root at one instant."""

    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    at = models.DateTimeField()
    key = models.CharField(max_length=80)
    signature = models.CharField(max_length=128)

    class Meta:
        verbose_name = verbose_name_plural = "封存签名"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.size} {self.root[:12]}"


class Sealer(models.Model):
    """The one sealer's place (row 1): lease, tree frontier, and below which ids everything is sealed."""

    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    frontier = models.JSONField(default=list)
    low = models.JSONField(default=dict)  # kind → id: all rows up to it are sealed
    mark = models.JSONField(
        null=True
    )  # PostgreSQL: ids seen at an instant, until every transaction of then has ended

    class Meta:
        verbose_name = verbose_name_plural = "封存进度"

    def __str__(self) -> str:
        return f"{self.size}"


class ReadingDay(HospitalModel):
    """How many sensitive things one person looked at on one day, beside what is usual for the same person.

    Counted again every hour from the sealed events (`core.audit.bulk`), so it is derived; `over` puts it on the audit
    administrator's page, who notes there what came of it.
    """

    class State(models.TextChoices):
        """Whether somebody has looked into it."""

        OPEN = "open", "待核对"
        CHECKED = "checked", "已核对"

    day = models.DateField("日期")
    actor = models.CharField("操作者", max_length=120)
    label = SealedField("姓名")
    lookups = models.PositiveIntegerField("查看条数", help_text="rows of class 3 and 4 shown that day")
    usual = models.PositiveIntegerField(
        "平时条数", help_text="median of the days before on which there were any"
    )
    limit = models.PositiveIntegerField("界限")
    over = models.BooleanField("超过界限", default=False)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.OPEN)
    note = SealedField("核对意见", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "每日查看"
        constraints = [models.UniqueConstraint(fields=["hospital", "day", "actor"], name="audit_reading_day")]
        indexes = [models.Index(fields=["hospital", "over", "-day"], name="audit_reading_over")]

    def __str__(self) -> str:
        return f"{self.day} {self.lookups}"
