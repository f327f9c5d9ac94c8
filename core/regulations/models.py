"""Rules, the platform's defaults of them, and each hospital's own versions. Nothing here is changed once written."""

from django.db import models
from django.db.models import F, Q

from core.kernel.ids import new_uid
from core.org.models import HospitalModel


class Rule(models.Model):
    """A rule of the field by its code; what it says is in the versions."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    code = models.CharField("代码", max_length=80, unique=True)
    title = models.CharField("名称", max_length=120)
    subject = models.CharField("类别", max_length=40)
    place = models.PositiveIntegerField("次序", default=0)
    retired = models.BooleanField("已停用", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "规则"
        ordering = ["place", "id"]
        indexes = [models.Index(fields=["place"], name="regulations_rule_place")]

    def __str__(self) -> str:
        return self.title


class DefaultVersion(models.Model):
    """What the platform ships for a rule from one day to another. The same first day again: a corrected declaration."""

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="defaults", verbose_name="规则")
    number = models.PositiveIntegerField("版次")
    digest = models.CharField("摘要", max_length=64)
    regulation = models.CharField("规定", max_length=200, blank=True)
    article = models.CharField("条款", max_length=120, blank=True)
    mark = models.CharField("把握程度", max_length=20)
    source = models.CharField("来源", max_length=400, blank=True)
    note = models.TextField("说明", blank=True)
    starts_on = models.DateField("生效日期")
    ends_on = models.DateField("失效日期", null=True, blank=True)
    params = models.JSONField("数值")
    shape = models.JSONField("数值的说明")

    class Meta:
        verbose_name = verbose_name_plural = "规则默认值"
        ordering = ["rule", "number"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="regulations_default_number"),
            models.UniqueConstraint(fields=["rule", "digest"], name="regulations_default_digest"),
        ]


class HospitalVersion(HospitalModel):
    """A default as a hospital confirmed it, or the hospital's own values, with who decided and from which day."""

    KINDS = [("confirm", "确认"), ("revise", "修订")]

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="versions", verbose_name="规则")
    number = models.PositiveIntegerField("版次")
    kind = models.CharField("方式", max_length=10, choices=KINDS)
    based_on = models.ForeignKey(
        DefaultVersion, on_delete=models.PROTECT, related_name="+", verbose_name="所依默认值"
    )
    params = models.JSONField("数值")
    basis = models.CharField("本院依据", max_length=200, blank=True)
    note = models.TextField("说明", blank=True)
    starts_on = models.DateField("生效日期")
    ends_on = models.DateField("失效日期", null=True, blank=True)
    confirmed_by = models.CharField("确认人", max_length=120)
    confirmed_by_actor = models.CharField("确认人编号", max_length=120)
    confirmed_at = models.DateTimeField("确认时间")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "本院规则"
        ordering = ["rule", "number"]
        indexes = [models.Index(fields=["hospital", "rule", "starts_on"], name="regulations_own_rule")]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "rule", "number"], name="regulations_own_number"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="regulations_own_dates",
            ),
        ]
