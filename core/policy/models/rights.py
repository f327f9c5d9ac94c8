"""Delegation and recusal: dated, with a reason, read afresh on each request (core.policy.domain.snapshot)."""

from django.db import models
from django.db.models import F, Q

from core.org.models import Department, HospitalModel, Person


class Delegation(HospitalModel):
    """One person's role entrusted to another from one day to another. Works only while the giver holds the role.

    Without a department it covers what the giver's post reaches; a department narrows it to that one and below.
    """

    giver = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="delegations_given", verbose_name="委托人"
    )
    receiver = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="delegations_received", verbose_name="受托人"
    )
    role = models.CharField("角色", max_length=40)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="限于科室"
    )
    reason = models.CharField("事由", max_length=200)
    starts_on = models.DateField("开始日期")
    ends_on = models.DateField("结束日期")
    revoked_on = models.DateField("撤回日期", null=True, blank=True)
    revoked_by = models.CharField("撤回人", max_length=120, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "委托"
        ordering = ["-starts_on", "id"]
        indexes = [
            models.Index(fields=["receiver", "hospital", "ends_on"], name="policy_delegation_receiver"),
            models.Index(fields=["hospital", "starts_on"], name="policy_delegation_starts"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="policy_delegation_dates"),
            models.CheckConstraint(condition=~Q(giver=F("receiver")), name="policy_delegation_other"),
        ]


class Recusal(HospitalModel):
    """A person keeps away (回避) from a department, a person, or one object of a type, from one day on."""

    KINDS = [("department", "科室"), ("person", "人员"), ("object", "单件事项")]

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="recusals", verbose_name="回避人"
    )
    kind = models.CharField("回避对象", max_length=12, choices=KINDS)
    subject_person = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="涉及人员"
    )
    subject_department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="涉及科室"
    )
    subject_type = models.CharField("事项类型", max_length=60, blank=True)
    subject_uid = models.UUIDField("事项编号", null=True, blank=True)
    label = models.CharField("对象", max_length=200)
    reason = models.CharField("事由", max_length=200)
    starts_on = models.DateField("开始日期")
    ends_on = models.DateField("结束日期", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "回避"
        ordering = ["-starts_on", "id"]
        indexes = [
            models.Index(fields=["person", "hospital", "starts_on"], name="policy_recusal_person"),
            models.Index(fields=["hospital", "starts_on"], name="policy_recusal_starts"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="policy_recusal_dates",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind="department", subject_department__isnull=False, subject_person__isnull=True)
                    & Q(subject_uid__isnull=True)
                )
                | (
                    Q(kind="person", subject_person__isnull=False, subject_department__isnull=True)
                    & Q(subject_uid__isnull=True)
                )
                | (
                    Q(kind="object", subject_uid__isnull=False, subject_person__isnull=True)
                    & Q(subject_department__isnull=True)
                    & ~Q(subject_type="")
                ),
                name="policy_recusal_subject",
            ),
        ]
