"""Frozen tables. A row is written once; the database itself refuses to change or remove it (`audit_frozen`)."""

from typing import ClassVar

from django.db import models

from core.org.models import HospitalModel


class Snapshot(HospitalModel):
    """A frozen table with its method, period, n and hash.

    `version` (inherited) is the number in the chain of one kind and period: a correction is the next number and names
    what it replaces and why. `columns`, `rows` and `basis` are canonical JSON kept byte for byte; names in them are
    copies, never looked up again. `audience`: public (without sign-in) | internal (院内公示).
    """

    class Audience(models.TextChoices):
        """Who may see it."""

        PUBLIC = "public", "公开"
        INTERNAL = "internal", "院内"

    #: How a version stands, as shown; follows from the chain and the hash, never stored.
    STANDINGS: ClassVar[dict[str, str]] = {"current": "在用", "corrected": "已更正", "altered": "校验不符"}

    audit_frozen = True

    kind = models.CharField("种类", max_length=60)
    title = models.CharField("名称", max_length=200)
    method = models.TextField("计算方法")
    note = models.TextField("说明", blank=True)
    period = models.CharField("期间", max_length=40)
    n = models.BigIntegerField("样本量")
    columns = models.TextField("列")
    rows = models.TextField("行")
    basis = models.TextField("依据")
    data_class = models.PositiveSmallIntegerField("数据类别", choices=[(1, "公开"), (2, "内部")])
    audience = models.CharField("公示范围", max_length=10, choices=Audience.choices)
    replaces = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_by",
        verbose_name="更正自",
    )
    reason = models.CharField("更正原因", max_length=400, blank=True)
    sha256 = models.CharField("校验值", max_length=64)
    frozen_at = models.DateTimeField("冻结时间")
    frozen_by = models.CharField("冻结人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "公示快照"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "kind", "period", "version"], name="publications_snapshot_chain"
            )
        ]
        indexes = [models.Index(fields=["hospital", "-frozen_at"], name="publications_newest")]

    def __str__(self) -> str:
        return f"{self.title}（第 {self.version} 版）"
