"""Notices, who has them, what goes outside and how that went; how people are reached and when they rest."""

from django.db import models
from django.db.models import F, Q

from core.org.models import HospitalModel, Person
from core.vault.fields import EqualityField, SealedField


class Notice(HospitalModel):
    """One thing people are told: rendered once from the template of its kind, so that a later release changes no text.

    `key` makes a repeated send harmless. `thing` names the subject (or the notice itself): what is counted once.
    """

    kind = models.CharField("种类", max_length=80)
    plugin = models.CharField("插件", max_length=60, blank=True)
    key = models.CharField("幂等键", max_length=200)
    thing = models.CharField("事项", max_length=200)
    subject_type = models.CharField("对象类型", max_length=80, blank=True)
    subject_uid = models.CharField("对象编号", max_length=80, blank=True)
    title = models.CharField("标题", max_length=120)
    text = models.CharField("内容", max_length=400)
    href = models.CharField("去处", max_length=300, blank=True)
    urgent = models.BooleanField("紧急", default=False)
    todo = models.BooleanField("已在待办中", default=False)
    lasting = models.BooleanField("办结才关闭", default=False)
    due_on = models.DateField("期限", null=True, blank=True)
    due_provisional = models.BooleanField("暂算", default=False)
    due_basis = models.CharField("期限依据", max_length=200, blank=True)
    created_at = models.DateTimeField("时间")
    resolved_at = models.DateTimeField("办结时间", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "消息"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "kind", "key"], name="notify_notice_key"),
        ]
        indexes = [
            models.Index(
                fields=["hospital", "subject_type", "subject_uid"],
                condition=Q(resolved_at__isnull=True),
                name="notify_notice_open",
            )
        ]

    def __str__(self) -> str:
        return self.title


class Receipt(HospitalModel):
    """A notice in one person's box. Open until read, or (`Notice.lasting`) until the thing is finished."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="receipts", verbose_name="消息")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    read_at = models.DateTimeField("阅读时间", null=True, blank=True)
    closed_at = models.DateTimeField("关闭时间", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "收到的消息"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["notice", "person"], name="notify_receipt_once")]
        indexes = [
            models.Index(fields=["hospital", "person", "-id"], name="notify_receipt_box"),
            models.Index(
                fields=["hospital", "person", "-id"],
                condition=Q(closed_at__isnull=True),
                name="notify_receipt_open",
            ),
        ]


class Channel(models.TextChoices):
    """Ways out of the house."""

    WECOM = "wecom", "企业微信"
    MAIL = "mail", "邮件"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    WAITING = "waiting", "等待发送"
    DIGEST = "digest", "等待汇总"
    SENDING = "sending", "正在发送"
    SENT = "sent", "已发送"
    FAILED = "failed", "未送达"
    DROPPED = "dropped", "不再需要"


class Delivery(HospitalModel):
    """One notice (or digest) to one person through one channel.

    `batch` names those that went out in one request: a repetition after a crash sends the very same request, which
    WeCom's duplicate check then swallows. `reason` is our own Chinese sentence, never a server's answer: those hold addresses.
    """

    notice = models.ForeignKey(
        Notice, on_delete=models.PROTECT, null=True, related_name="deliveries", verbose_name="消息"
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    channel = models.CharField("渠道", max_length=10, choices=Channel.choices)
    key = models.CharField("幂等键", max_length=80)
    state = models.CharField("状态", max_length=10, choices=DeliveryState.choices)
    urgent = models.BooleanField("紧急", default=False)
    title = models.CharField("标题", max_length=120, blank=True, help_text="汇总消息自己的标题")
    text = models.TextField("内容", blank=True, help_text="汇总消息自己的内容")
    created_at = models.DateTimeField("产生时间")
    due_at = models.DateTimeField("发送时间")
    attempts = models.PositiveSmallIntegerField("尝试次数", default=0)
    batch = models.UUIDField("批次", null=True)
    claim = models.UUIDField("领取", null=True)
    claimed_until = models.DateTimeField("领取到期", null=True)
    code = models.CharField("原因代码", max_length=40, blank=True)
    reason = models.CharField("原因", max_length=200, blank=True)
    sent_at = models.DateTimeField("送出时间", null=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "消息发送"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "person", "channel", "key"], name="notify_delivery_key"
            )
        ]
        indexes = [
            models.Index(
                F("due_at"),
                condition=Q(state__in=("waiting", "sending")),
                name="notify_delivery_due",
            ),
            models.Index(fields=["hospital", "state", "-id"], name="notify_delivery_state"),
            models.Index(fields=["notice", "state"], name="notify_delivery_notice"),
            models.Index(fields=["hospital", "-created_at"], name="notify_delivery_created"),
        ]


class Contact(HospitalModel):
    """How a person is reached: sealed cells, found again only by their hash."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    mail = SealedField("邮箱", null=True, blank=True)
    mobile = SealedField("手机", null=True, blank=True)
    wecom = SealedField("企业微信账号", null=True, blank=True)
    mail_hash = EqualityField(of="mail")
    mobile_hash = EqualityField(of="mobile")
    wecom_hash = EqualityField(of="wecom")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "联系方式"
        constraints = [models.UniqueConstraint(fields=["hospital", "person"], name="notify_contact_person")]


class PersonSettings(HospitalModel):
    """What a person switched: {kind: {channel: bool}}, an own night rest, a daily digest. Hours in minutes of the day."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    kinds = models.JSONField("开关", default=dict)
    rest_starts = models.PositiveSmallIntegerField("休息开始（分）", null=True)
    rest_ends = models.PositiveSmallIntegerField("休息结束（分）", null=True)
    digest = models.CharField(
        "汇总", max_length=10, choices=[("none", "逐条"), ("daily", "每天一条")], default="none"
    )

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "个人消息设置"
        constraints = [models.UniqueConstraint(fields=["hospital", "person"], name="notify_person_settings")]


class HospitalSettings(HospitalModel):
    """The hospital's switches, hours (minutes of the day) and its WeCom application."""

    kinds = models.JSONField("开关", default=dict)
    rest_ends = models.PositiveSmallIntegerField("夜间结束（分）", default=7 * 60)
    duty_rest_until = models.PositiveSmallIntegerField("夜班后休息到（分）", default=14 * 60)
    digest_at = models.PositiveSmallIntegerField("汇总时间（分）", default=8 * 60)
    wecom_corp = models.CharField("企业ID", max_length=64, blank=True)
    wecom_agent = models.PositiveBigIntegerField("应用编号", null=True, blank=True)
    wecom_secret = SealedField("应用密钥", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "医院消息设置"
        constraints = [models.UniqueConstraint(fields=["hospital"], name="notify_hospital_settings")]


class NightDuty(HospitalModel):
    """A night shift: the day it begins on and when it ends. After it the person rests."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    day = models.DateField("值班日期")
    ends_at = models.DateTimeField("下班时间")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "夜班"
        ordering = ["-day", "id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "person", "day"], name="notify_duty_once")]
        indexes = [models.Index(fields=["hospital", "ends_at"], name="notify_duty_ends")]
