"""Uploads, change sets with what they changed, and Party membership."""

from django.db import models
from django.db.models import Q

from core.files.models import StoredFile
from core.org.models import HospitalModel, PartyOrg, Person
from core.vault.fields import SealedField

KINDS = [
    ("campuses", "院区"),
    ("departments", "科室"),
    ("staff", "人员"),
    ("posts", "任职"),
    ("party_orgs", "党组织"),
    ("members", "党员"),
]


class PartyMembership(HospitalModel):
    """A Party member's time in one Party organisation of the hospital. Class 3.

    `joined_on` is the day of joining the Party, `full_on` of becoming a full member, `since_on` of coming to this
    organisation; after a transfer the former row has its last day in `left_on` and a new row follows.
    """

    MEMBER_KINDS = [("full", "正式党员"), ("probationary", "预备党员")]

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name="人员")
    party_org = models.ForeignKey(PartyOrg, on_delete=models.PROTECT, related_name="+", verbose_name="党组织")
    kind = models.CharField("党员类型", max_length=20, choices=MEMBER_KINDS)
    joined_on = models.DateField("入党日期")
    full_on = models.DateField("转正日期", null=True, blank=True)
    since_on = models.DateField("转入日期")
    left_on = models.DateField("转出日期", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "党员"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["hospital", "party_org", "left_on"], name="roster_membership_org"),
            models.Index(fields=["hospital", "joined_on"], name="roster_membership_joined"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "person"], condition=Q(left_on__isnull=True), name="roster_membership_one"
            ),
            models.CheckConstraint(
                condition=Q(full_on__isnull=True) | Q(full_on__gte=models.F("joined_on")),
                name="roster_membership_full",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_kind_display()}"


class RosterUpload(HospitalModel):
    """A file handed in, and the choices of its last preview. Samples are read from the file, never kept here."""

    kind = models.CharField("名册", max_length=20, choices=KINDS)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", verbose_name="文件")
    options = models.JSONField("选择", default=dict)
    digest = models.CharField("预览指纹", max_length=64, blank=True)
    created_at = models.DateTimeField("上传时间")
    created_by = models.CharField("上传人", max_length=300)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "名册上传"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.uid}"


class ChangeSet(HospitalModel):
    """One application of a list: all of it or nothing. `difference` holds what was shown and how to take it back."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "等待办理"
        APPLIED = "applied", "已生效"
        UNDONE = "undone", "已撤销"
        FAILED = "failed", "未完成"
        CANCELLED = "cancelled", "已取消"

    kind = models.CharField("名册", max_length=20, choices=KINDS)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.WAITING)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", verbose_name="文件")
    file_name = models.CharField("文件名", max_length=200)
    effective_on = models.DateField("生效日期")
    complete = models.BooleanField("全员名册", default=False)
    options = models.JSONField("选择", default=dict)
    digest = models.CharField("预览指纹", max_length=64)
    changed = models.PositiveIntegerField("变动", default=0)
    counts = models.JSONField("变动数", default=dict)
    difference = SealedField("变动明细", null=True)
    error = models.JSONField("未完成的原因", null=True)
    job_uid = models.UUIDField("任务", null=True)
    requested_at = models.DateTimeField("提交时间")
    requested_by = models.CharField("提交人", max_length=300)
    applied_at = models.DateTimeField("生效时间", null=True)
    undone_at = models.DateTimeField("撤销时间", null=True)
    undone_by = models.CharField("撤销人", max_length=300, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "人员变动批次"
        ordering = ["-id"]
        indexes = [models.Index(fields=["hospital", "-requested_at"], name="roster_set_requested")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.requested_at:%Y-%m-%d}"
