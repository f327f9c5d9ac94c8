"""Rows about landed data: uploads, the ledger, quarantine, month versions, codes, the lock."""

from django.db import models

from core.org.models import HospitalModel
from core.vault.fields import SealedField


class LakeUpload(HospitalModel):
    """A raw file handed in and looked at, not yet imported."""

    dataset = models.CharField("数据集", max_length=60)
    file = models.ForeignKey(
        "files.StoredFile", on_delete=models.PROTECT, related_name="+", verbose_name="原始文件"
    )
    source = models.CharField("来源", max_length=120)
    shape = models.JSONField("文件结构", default=dict)
    created_at = models.DateTimeField("上传时间")
    created_by = models.CharField("上传人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "上传文件"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.dataset} {self.file_id}"


class LakeMapping(HospitalModel):
    """The columns a person chose for a source, offered again for its next file."""

    dataset = models.CharField("数据集", max_length=60)
    source = models.CharField("来源", max_length=120)
    mapping = models.JSONField("对应关系", default=dict)
    updated_at = models.DateTimeField("更新时间")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "列对应"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "dataset", "source"], name="lake_mapping_source")
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.source}"


class LakeImport(HospitalModel):
    """The ledger: one line for each import, whatever became of it.

    rows_in = rows_filtered + rows_quarantined + rows_superseded + rows_landed for state done.
    """

    class State(models.TextChoices):
        """Where an import stands."""

        WAITING = "waiting", "等待中"
        RUNNING = "running", "进行中"
        DONE = "done", "已入库"
        UNCHANGED = "unchanged", "没有变化"
        REFUSED = "refused", "未通过检查"
        FAILED = "failed", "未完成"
        CANCELLED = "cancelled", "已取消"

    class Mode(models.TextChoices):
        """How rows come in."""

        ADD = "add", "按编号增补"
        REPLACE = "replace_months", "整月替换"

    dataset = models.CharField("数据集", max_length=60)
    file = models.ForeignKey(
        "files.StoredFile", on_delete=models.PROTECT, related_name="+", verbose_name="原始文件"
    )
    file_name = models.CharField("文件名", max_length=200)
    sha256 = models.CharField("校验和", max_length=64)
    source = models.CharField("来源", max_length=120)
    sheet = models.CharField("工作表", max_length=120, blank=True)
    mapping = models.JSONField("列对应", default=dict)
    where = models.CharField("筛选条件", max_length=400, blank=True)
    mode = models.CharField("方式", max_length=16, choices=Mode.choices)
    accept_partial = models.BooleanField("允许部分入库", default=False)
    fingerprint = models.CharField("指纹", max_length=64)

    state = models.CharField("状态", max_length=12, choices=State.choices, default=State.WAITING)
    rows_in = models.BigIntegerField("文件行数", default=0)
    rows_filtered = models.BigIntegerField("筛除", default=0)
    rows_quarantined = models.BigIntegerField("隔离", default=0)
    rows_superseded = models.BigIntegerField("被后行取代", default=0)
    rows_landed = models.BigIntegerField("入库", default=0)
    months = models.JSONField("月份", default=list)
    findings = models.JSONField("检查结果", default=list)
    error = models.JSONField("错误", null=True)
    same_as = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="+", verbose_name="与之相同"
    )
    row_index = models.JSONField("行索引", default=dict)

    requested_at = models.DateTimeField("发起时间")
    requested_by = models.CharField("发起人", max_length=300)
    finished_at = models.DateTimeField("完成时间", null=True)
    job_uid = models.UUIDField("任务编号", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "导入台账"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["hospital", "dataset", "fingerprint"], name="lake_import_print"),
            models.Index(fields=["hospital", "-id"], name="lake_import_newest"),
            models.Index(fields=["hospital", "file_name"], name="lake_import_text"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.file_name}"


class LakeQuarantine(HospitalModel):
    """A row that was kept out, and why. At most `QUARANTINE_KEPT` per import are listed; all are counted."""

    lake_import = models.ForeignKey(
        LakeImport, on_delete=models.PROTECT, related_name="quarantine", verbose_name="导入"
    )
    file_row = models.BigIntegerField("文件行")
    column = models.CharField("列", max_length=120, blank=True)
    cell = models.CharField("单元格", max_length=20, blank=True)
    reason = models.CharField("原因代码", max_length=40)
    message = SealedField("原因", help_text="may quote a wrong value, up to 400 characters")
    raw = SealedField("原始内容", default="{}", help_text="JSON: heading → text as it came")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "隔离行"
        ordering = ["id"]
        indexes = [models.Index(fields=["lake_import", "file_row"], name="lake_quarantine_row")]

    def __str__(self) -> str:
        return f"{self.file_row} {self.reason}"


class MonthVersion(HospitalModel):
    """One immutable file of landed lines; this table is the only way to find it. month = YYYY-MM or "all"."""

    dataset = models.CharField("数据集", max_length=60)
    month = models.CharField("月份", max_length=7)
    version = models.PositiveIntegerField("版次")
    observed_at = models.DateTimeField("入库时间")
    lake_import = models.ForeignKey(
        LakeImport, on_delete=models.PROTECT, related_name="versions", verbose_name="导入"
    )
    rows = models.BigIntegerField("行数")
    size = models.BigIntegerField("字节数")
    sha256 = models.CharField("校验和", max_length=64)
    path = models.CharField("位置", max_length=300, help_text="below $QINGLIAN_HOME/lake")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "月份版本"
        ordering = ["month", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "dataset", "month", "version"], name="lake_month_version"
            )
        ]
        indexes = [models.Index(fields=["hospital", "dataset", "observed_at"], name="lake_month_observed")]

    def __str__(self) -> str:
        return f"{self.dataset} {self.month} v{self.version:04d}"


class LakeCode(models.Model):
    """A source's code and the small number that stands for it on landed lines; a patient's code is a keyed HMAC."""

    KINDS = [("doctor", "医师"), ("patient", "患者"), ("item", "药品耗材")]

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.PROTECT, related_name="+", verbose_name="医院"
    )
    kind = models.CharField("种类", max_length=10, choices=KINDS)
    number = models.PositiveIntegerField("编号")
    code = models.CharField("代码", max_length=200)

    class Meta:
        verbose_name = verbose_name_plural = "代码表"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "kind", "code"], name="lake_code_code"),
            models.UniqueConstraint(fields=["hospital", "kind", "number"], name="lake_code_number"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class LakeCodeSeries(models.Model):
    """The next free number of a kind of code; its row lock serialises assignment."""

    hospital = models.ForeignKey("org.Hospital", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)
    next_number = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = verbose_name_plural = "代码序列"
        constraints = [models.UniqueConstraint(fields=["hospital", "kind"], name="lake_code_series")]

    def __str__(self) -> str:
        return f"{self.kind} {self.next_number}"


class LakeLock(models.Model):
    """Who may publish into (hospital, data set): a lease with a token, so that two imports never interleave."""

    hospital = models.ForeignKey("org.Hospital", on_delete=models.PROTECT, related_name="+")
    dataset = models.CharField(max_length=60)
    token = models.UUIDField(null=True)
    holder = models.CharField(max_length=200, blank=True)
    import_uid = models.UUIDField(null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "导入锁"
        constraints = [models.UniqueConstraint(fields=["hospital", "dataset"], name="lake_lock_dataset")]

    def __str__(self) -> str:
        return f"{self.dataset} {self.holder}"
