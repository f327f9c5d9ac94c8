"""Flow versions, running items and their steps."""

from django.db import models

from core.org.models import Department, HospitalModel


class FlowVersion(models.Model):
    """A flow as it was declared: immutable; running items keep theirs when a newer one comes."""

    key = models.CharField("流程", max_length=80)
    digest = models.CharField("摘要", max_length=64)
    body = models.JSONField("内容")

    class Meta:
        verbose_name = verbose_name_plural = "流程版本"
        constraints = [models.UniqueConstraint(fields=["key", "digest"], name="flow_version_digest")]


class FlowItem(HospitalModel):
    """One thing on its way through a flow."""

    flow = models.ForeignKey(FlowVersion, on_delete=models.PROTECT, related_name="items", verbose_name="流程")
    subject_type = models.CharField("对象类型", max_length=80)
    subject_uid = models.UUIDField("对象编号", db_index=True)
    state = models.CharField("状态", max_length=40)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, verbose_name="承办科室"
    )
    due_on = models.DateField("期限", null=True, blank=True)
    due_provisional = models.BooleanField("暂算", default=False)
    due_basis = models.CharField("期限依据", max_length=200, blank=True)
    opened_at = models.DateTimeField("开始时间")
    closed_at = models.DateTimeField("结束时间", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "流程事项"
        indexes = [models.Index(fields=["hospital", "state", "department"], name="flow_item_state")]


class FlowStep(HospitalModel):
    """One transition taken: who, when, what was written and which files came with it. Never changed."""

    item = models.ForeignKey(FlowItem, on_delete=models.PROTECT, related_name="steps", verbose_name="事项")
    verb = models.CharField("动作", max_length=40)
    from_state = models.CharField("原状态", max_length=40, blank=True)
    to_state = models.CharField("新状态", max_length=40)
    actor = models.CharField("办理人", max_length=120)
    actor_label = models.CharField("办理人姓名", max_length=120)
    at = models.DateTimeField("时间")
    note = models.TextField("说明", blank=True)
    values = models.JSONField("内容", default=dict)
    files = models.JSONField("附件", default=list)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "办理记录"
        ordering = ["id"]
