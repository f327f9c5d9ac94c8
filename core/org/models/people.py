"""Persons, their accounts, and the dated posts from which all rights follow."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from core.kernel.ids import new_uid
from core.org.models.base import HospitalModel
from core.org.models.tree import Campus, Department, PartyOrg


class Person(models.Model):
    """One natural person per installation; may hold posts in several hospitals."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    name = models.CharField("姓名", max_length=60)
    sort_key = models.CharField("排序", max_length=200, editable=False)
    born_on = models.DateField("出生日期", null=True, blank=True)
    version = models.PositiveIntegerField("版本", default=1, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "人员"
        ordering = ["sort_key", "id"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """An account. Rights never hang here: they follow from the person's posts."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    person = models.OneToOneField(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="user"
    )
    theme = models.CharField("外观", max_length=10, default="system")

    class Meta:
        verbose_name = verbose_name_plural = "账号"
        constraints = [
            models.UniqueConstraint(models.functions.Lower("username"), name="org_user_username_folded")
        ]

    def get_full_name(self) -> str:
        """The person's name, as Chinese names are written."""
        return self.person.name if self.person_id else self.username


class Post(HospitalModel):
    """A person's role in a hospital from one day to another, at a department, campus or Party organisation.

    `source_code` is the person's code in the hospital's own systems (the doctor code on prescription lines).
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="posts", verbose_name="人员")
    role = models.CharField("角色", max_length=40)
    title = models.CharField("职务", max_length=60, blank=True)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, verbose_name="科室"
    )
    campus = models.ForeignKey(Campus, on_delete=models.PROTECT, null=True, blank=True, verbose_name="院区")
    party_org = models.ForeignKey(
        PartyOrg, on_delete=models.PROTECT, null=True, blank=True, verbose_name="党组织"
    )
    source_code = models.CharField("业务系统代码", max_length=60, blank=True)
    starts_on = models.DateField("开始日期")
    ends_on = models.DateField("结束日期", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "任职"
        ordering = ["-starts_on", "id"]
        indexes = [
            # with the date, or SQLite reads a whole hospital in date order for the posts of one person
            models.Index(fields=["person", "hospital", "starts_on"], name="org_post_person"),
            models.Index(fields=["hospital", "source_code"], name="org_post_source"),
            models.Index(fields=["hospital", "starts_on"], name="org_post_starts"),
            models.Index(fields=["hospital", "ends_on"], name="org_post_ends"),
            # everything that text search of the list reads (core.resources.narrow)
            models.Index(fields=["hospital", "title", "person", "department"], name="org_post_text"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="org_post_dates",
            )
        ]


class Enrolment(HospitalModel):
    """A person on a hospital's roll from one day to another, whether or not a post is held.

    Somebody on the roll without a post is what the line of health reports; leaving ends this and every post.
    """

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="enrolments", verbose_name="人员"
    )
    number = models.CharField("工号", max_length=60, blank=True)
    joined_on = models.DateField("入院日期")
    left_on = models.DateField("离院日期", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "在册"
        ordering = ["-joined_on", "id"]
        indexes = [models.Index(fields=["person", "hospital", "left_on"], name="org_enrolment_person")]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "person"], name="org_enrolment_once"),
            models.UniqueConstraint(
                fields=["hospital", "number"], condition=~models.Q(number=""), name="org_enrolment_number"
            ),
            models.CheckConstraint(
                condition=models.Q(left_on__isnull=True) | models.Q(left_on__gte=models.F("joined_on")),
                name="org_enrolment_dates",
            ),
        ]
