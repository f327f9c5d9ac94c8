"""The first answer to a command under its key; running numbers; what was exported, by whom and what for."""

from django.db import models

from core.org.models import HospitalModel
from core.vault.fields import SealedField


class IdempotentAnswer(models.Model):
    """What a command answered under an idempotency key, so that a repeated request changes nothing.

    `digest` is of what was asked: the same key with another request is refused. Kept a week.
    """

    audit_secret = ("response",)

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.CASCADE, related_name="+", verbose_name="医院"
    )
    actor = models.CharField("操作人", max_length=300)
    key = models.CharField("幂等键", max_length=200)
    digest = models.CharField("请求摘要", max_length=64)
    response = models.JSONField("答复", null=True)
    created_at = models.DateTimeField("时间", db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = "已办请求"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "actor", "key"], name="resources_answer_key")
        ]

    def __str__(self) -> str:
        return self.key


class Sequence(models.Model):
    """The last running number given in a hospital, by pattern and year. Numbers are never given twice; a command
    that fails gives its number back with the rest of its transaction."""

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.PROTECT, related_name="+", verbose_name="医院"
    )
    pattern = models.CharField("式样", max_length=60)
    year = models.PositiveSmallIntegerField("年份")
    last = models.PositiveIntegerField("最后编号", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "流水号"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "pattern", "year"], name="resources_sequence_key")
        ]

    def __str__(self) -> str:
        return f"{self.pattern} {self.year} {self.last}"


class ExportRequest(HospitalModel):
    """Many rows asked for as a file: by whom, what for, who agreed, what became of it. Kept after the file is gone.

    `asked` (JSON) and `about` (the filter in words) may name persons and are sealed. `reach` is a digest of the rights
    that the file was made with (`export_rules.reach`). `exporter` names the function
    that makes the rows (`core.resources.exporters`), `subject` what policy knows them by.
    """

    class State(models.TextChoices):
        """waiting → making → ready → taken | expired; refused, withdrawn and failed end it."""

        WAITING = "waiting", "待批准"
        MAKING = "making", "正在制作"
        READY = "ready", "可下载"
        TAKEN = "taken", "已下载"
        EXPIRED = "expired", "已过期"
        REFUSED = "refused", "未批准"
        WITHDRAWN = "withdrawn", "已撤回"
        FAILED = "failed", "未完成"

    number = models.CharField("导出编号", max_length=40)
    exporter = models.CharField("导出方式", max_length=60)
    subject = models.CharField("对象种类", max_length=80)
    label = models.CharField("内容", max_length=120)
    asked = SealedField("要求")
    about = SealedField("筛选条件")
    data_class = models.PositiveSmallIntegerField("密级")
    purpose = models.CharField("用途", max_length=20, blank=True)
    purpose_text = models.CharField("用途说明", max_length=300, blank=True)
    person = models.ForeignKey(
        "org.Person", on_delete=models.PROTECT, related_name="+", verbose_name="申请人"
    )
    user_uid = models.UUIDField("账号")
    requester = models.CharField("申请人姓名", max_length=120)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField("申请时间")
    approver = models.ForeignKey(
        "org.Person", on_delete=models.PROTECT, null=True, related_name="+", verbose_name="批准人"
    )
    approver_name = models.CharField("批准人姓名", max_length=120, blank=True)
    decided_at = models.DateTimeField("批准时间", null=True)
    note = models.CharField("说明", max_length=300, blank=True)
    job_uid = models.UUIDField("任务编号", null=True)
    file_uid = models.UUIDField("文件编号", null=True)
    file_name = models.CharField("文件名", max_length=200, blank=True)
    sha256 = models.CharField("校验和", max_length=64, blank=True)
    rows = models.PositiveIntegerField("行数", null=True)
    masked = models.BooleanField("含遮盖", default=False)
    reach = models.CharField("制作时的权限", max_length=64, blank=True, default="")
    expires_at = models.DateTimeField("有效至", null=True)
    taken_at = models.DateTimeField("下载时间", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "导出记录"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "number"], name="resources_export_number")]
        indexes = [
            models.Index(fields=["hospital", "-asked_at"], name="resources_export_asked"),
            models.Index(fields=["state", "expires_at"], name="resources_export_state"),
        ]

    def __str__(self) -> str:
        return self.number
