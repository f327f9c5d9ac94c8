"""Rows of background work: the job, what is still to be sent, and what recurs."""

from django.db import models
from django.db.models import F, Q

from core.kernel.ids import new_uid
from core.org.models import HospitalModel


class State(models.TextChoices):
    """Where a job stands."""

    QUEUED = "queued", "排队中"
    RUNNING = "running", "进行中"
    DONE = "done", "已完成"
    FAILED = "failed", "未完成"
    CANCELLED = "cancelled", "已取消"
    PAUSED = "paused", "已暂停"


#: States in which a job still has something to do.
OPEN = (State.QUEUED, State.RUNNING, State.PAUSED)


class Job(HospitalModel):
    """One piece of work. Without a hospital it belongs to the installation.

    Whoever holds `lease_token` may change the row; a worker whose lease was taken away holds an old token and
    cannot commit. `attempts` counts tries that ended in an error or still run, `losses` those whose worker died.
    """

    hospital = models.ForeignKey(
        "org.Hospital", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="医院"
    )
    kind = models.CharField("种类", max_length=80)
    params = models.JSONField("参数", default=dict)
    requested_by = models.CharField("发起人", max_length=300, help_text="kind:id:label")
    requester = models.CharField("发起账号", max_length=200, default="", help_text="kind:id，不随改名变化")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.QUEUED)

    progress_done = models.BigIntegerField("已处理", default=0)
    progress_total = models.BigIntegerField("总数", null=True)
    progress_note = models.CharField("进度说明", max_length=200, blank=True)
    checkpoint = models.JSONField("断点", null=True)
    steps = models.JSONField("已完成步骤", default=list)
    result = models.JSONField("结果", null=True)
    error = models.JSONField("错误", null=True)

    attempts = models.PositiveSmallIntegerField("尝试次数", default=0)
    losses = models.PositiveSmallIntegerField("中断次数", default=0)
    cancel_requested = models.BooleanField("已请求取消", default=False)
    idempotency_key = models.CharField("幂等键", max_length=200, null=True)

    lease_until = models.DateTimeField("租约到期", null=True)
    lease_token = models.UUIDField("租约", null=True)
    lease_owner = models.CharField("执行进程", max_length=120, blank=True)
    message_id = models.CharField("队列消息", max_length=64, blank=True)

    created_at = models.DateTimeField("创建时间")
    queued_at = models.DateTimeField("排队时间")
    started_at = models.DateTimeField("开始时间", null=True)
    finished_at = models.DateTimeField("结束时间", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "后台任务"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "kind", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, hospital__isnull=False),
                name="jobs_job_key",
            ),
            models.UniqueConstraint(
                fields=["kind", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, hospital__isnull=True),
                name="jobs_job_key_installation",
            ),
            models.CheckConstraint(
                condition=Q(state=State.RUNNING, lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state=State.RUNNING) & Q(lease_token__isnull=True, lease_until__isnull=True)),
                name="jobs_job_lease_while_running",
            ),
        ]
        indexes = [
            models.Index(
                F("lease_until"),
                condition=Q(state=State.RUNNING),
                name="jobs_job_running",
            ),
            models.Index(F("queued_at"), condition=Q(state=State.QUEUED), name="jobs_job_queued"),
            models.Index(fields=["hospital", "-id"], name="jobs_job_hospital"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class Outbox(models.Model):
    """What a committed transaction wants sent: a job to the queue, or an event to its subscribers.

    Exempt from the audit triggers. A job's row goes away when it is sent; an event's row stays a week, so that
    its dedupe key holds.
    """

    uid = models.UUIDField(default=new_uid, unique=True, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, null=True, related_name="+")
    hospital = models.ForeignKey("org.Hospital", on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=80, blank=True)
    data = models.JSONField(default=dict)
    key = models.CharField(max_length=200, null=True)
    actor = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "待发送"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "kind", "key"],
                condition=Q(key__isnull=False, hospital__isnull=False),
                name="jobs_outbox_key",
            ),
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(key__isnull=False, hospital__isnull=True),
                name="jobs_outbox_key_installation",
            ),
        ]
        indexes = [models.Index(F("due_at"), condition=Q(sent_at__isnull=True), name="jobs_outbox_unsent")]

    def __str__(self) -> str:
        return f"{self.kind or 'job'} {self.uid}"


class Schedule(models.Model):
    """When a recurring job is due next, and when the worker's own loop last ran (`name` = "loop")."""

    name = models.CharField(max_length=120, unique=True)
    due_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "定时"

    def __str__(self) -> str:
        return self.name
