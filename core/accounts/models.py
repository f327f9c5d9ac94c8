"""What hangs on an account besides its password: devices, codes, sealed secrets of factors; and tokens of machines."""

import uuid

from django.conf import settings
from django.db import models

from core.kernel.ids import new_uid, random_uid
from core.org.models import Department, Hospital, HospitalModel, PartyOrg, Person
from core.vault.fields import SealedField


class Device(models.Model):
    """One sign-in on one browser. The session holds its id; an ended device is out on its next request.

    `seen_at` is written at most every few minutes (core.accounts.domain.devices), so it lags by as much.
    """

    ENDS = [
        ("own", "本人退出"),
        ("administrator", "管理员退出"),
        ("idle", "长时间未操作"),
        ("password", "密码已更改"),
        ("factor", "两步验证已更改"),
        ("closed", "账号已停用"),
    ]

    uid = models.UUIDField("编号", default=random_uid, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="devices")
    label = models.CharField("设备", max_length=60)
    place = models.CharField("网络", max_length=80, blank=True)
    agent = models.CharField("浏览器标识", max_length=200, blank=True)
    created_at = models.DateTimeField("登录时间")
    seen_at = models.DateTimeField("最近使用")
    ended_at = models.DateTimeField("退出时间", null=True, blank=True)
    ended_by = models.CharField("退出方式", max_length=20, choices=ENDS, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "登录设备"
        indexes = [models.Index(fields=["user", "ended_at"], name="accounts_device_user")]


class Standing(models.Model):
    """What is known of an account's password: since when, and whether it must be changed at the next sign-in."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="standing"
    )
    changed_at = models.DateTimeField("密码更改时间", null=True, blank=True)
    must_change = models.BooleanField("须更改密码", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "密码状况"


class OneTimeCode(models.Model):
    """A code that an administrator handed to a person, for setting a new password once. Only its hash is kept."""

    audit_secret = ("digest",)

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    digest = models.CharField("摘要", max_length=200)
    issued_by = models.CharField("发放人", max_length=100)
    issued_at = models.DateTimeField("发放时间")
    expires_at = models.DateTimeField("有效期至")
    used_at = models.DateTimeField("使用时间", null=True, blank=True)
    withdrawn_at = models.DateTimeField("作废时间", null=True, blank=True)
    failures = models.PositiveSmallIntegerField("输错次数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "一次性登录码"
        indexes = [models.Index(fields=["user", "expires_at"], name="accounts_code_user")]


class Opening(HospitalModel):
    """Accounts opened for many at once: chosen by one administrator, done by a job, the codes fetched once as a sheet.

    `round` counts how often codes were issued. Without a person it was begun at the console.
    """

    WHOM = [("everyone", "全院"), ("department", "一个科室及其下属"), ("party_org", "一个党组织及其下属")]

    class State(models.TextChoices):
        """planned → running → done | stopped; a stopped one goes on where it ended."""

        PLANNED = "planned", "待开通"
        RUNNING = "running", "正在办理"
        STOPPED = "stopped", "没有办完"
        DONE = "done", "已办完"

    label = models.CharField("范围", max_length=140)
    whom = models.CharField("对象", max_length=20, choices=WHOM)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="科室"
    )
    party_org = models.ForeignKey(
        PartyOrg, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="党组织"
    )
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="发起人"
    )
    user_uid = models.UUIDField("账号", null=True, blank=True)
    requester = models.CharField("发起人姓名", max_length=120)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.PLANNED)
    round = models.PositiveSmallIntegerField("发码次数", default=1)
    opened = models.PositiveIntegerField("已开通", default=0)
    counts = models.JSONField("人数", default=dict)
    asked_at = models.DateTimeField("发起时间")
    finished_at = models.DateTimeField("办完时间", null=True, blank=True)
    job_uid = models.UUIDField("任务", null=True, blank=True)
    export_uid = models.UUIDField("登录码单", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "批量开通"
        ordering = ["-id"]
        indexes = [models.Index(fields=["hospital", "-asked_at"], name="accounts_opening_asked")]


class OpenedLine(HospitalModel):
    """One account of an opening. `text` is its code, sealed until the one sheet is fetched or ends, then gone."""

    audit_secret = ("text",)

    opening = models.ForeignKey(Opening, on_delete=models.CASCADE, related_name="lines")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    code = models.ForeignKey(OneTimeCode, on_delete=models.CASCADE, null=True, related_name="+")
    round = models.PositiveSmallIntegerField("第几次发码")
    text = SealedField("登录码", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "批量开通的账号"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["opening", "user"], name="accounts_opened_once")]


class FactorSecret(models.Model):
    """The sealed secret behind a second factor of allauth, whose own table holds only this row's id.

    `last_step`: the newest 30-second step whose code was taken; no code of it or before is taken again (RFC 6238 §5.2).
    """

    uid = models.UUIDField("编号", default=uuid.uuid4, unique=True, editable=False)
    secret = SealedField("密钥")
    last_step = models.BigIntegerField("已用时段", default=0)
    created_at = models.DateTimeField("登记时间")

    class Meta:
        verbose_name = verbose_name_plural = "两步验证密钥"


class RobotToken(HospitalModel):
    """A machine's key to a few addresses of one hospital. Only its hash is kept; `hint` tells tokens apart."""

    audit_secret = ("digest",)

    STATES = [("active", "在用"), ("revoked", "已停用")]

    name = models.CharField("用途", max_length=80)
    scopes = models.JSONField("范围", default=list)
    hint = models.CharField("开头", max_length=12)
    digest = models.CharField("摘要", max_length=64, unique=True)
    state = models.CharField("状态", max_length=10, choices=STATES, default="active")
    created_by = models.CharField("建立人", max_length=100)
    created_at = models.DateTimeField("建立时间")
    expires_at = models.DateTimeField("有效期至")
    last_used_at = models.DateTimeField("最近使用", null=True, blank=True)
    revoked_at = models.DateTimeField("停用时间", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "接口令牌"
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["hospital", "created_at"], name="accounts_token_hospital")]
