"""Hospitals and their trees, and the calendar of working days."""

from typing import Any

from django.db import models

from core.kernel.ids import new_uid
from core.kernel.sortkey import sort_key
from core.org.models.base import HospitalModel


class Hospital(models.Model):
    """A hospital: the border of data, plugins, rules and rights."""

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    slug = models.SlugField("网址名", unique=True, max_length=40)
    name = models.CharField("名称", max_length=120)
    short_name = models.CharField("简称", max_length=40, blank=True)
    sort_key = models.CharField("排序", max_length=200, editable=False)
    zone = models.CharField("时区", max_length=40, default="Asia/Shanghai")
    night_starts = models.PositiveSmallIntegerField("夜间开始（时）", default=22)

    class Meta:
        verbose_name = verbose_name_plural = "医院"
        ordering = ["sort_key", "id"]

    def __str__(self) -> str:
        return self.name


class Campus(HospitalModel):
    """A site of a hospital: a level of scope, filters, totals, rules and charts."""

    code = models.CharField("代码", max_length=40)
    name = models.CharField("名称", max_length=80)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "院区"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_campus_code")]

    def __str__(self) -> str:
        return self.name


class Department(HospitalModel):
    """A department; `path` holds the ids from the root (`/3/17/`), so a subtree is one prefix filter.

    `code` is the name or code that the hospital's own systems write on prescription lines.
    """

    KINDS = [("clinical", "临床"), ("technical", "医技"), ("function", "职能"), ("other", "其他")]

    campus = models.ForeignKey(Campus, on_delete=models.PROTECT, null=True, blank=True, verbose_name="院区")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    code = models.CharField("代码", max_length=60)
    name = models.CharField("名称", max_length=120)
    sort_key = models.CharField("排序", max_length=200, editable=False)
    kind = models.CharField("类别", max_length=20, choices=KINDS, default="clinical")
    peer_group = models.CharField("同类组", max_length=40, blank=True)
    path = models.CharField("路径", max_length=200, db_index=True, editable=False)
    state = models.CharField(
        "状态", max_length=10, choices=[("active", "在用"), ("retired", "停用")], default="active"
    )

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "科室"
        ordering = ["sort_key", "id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_department_code")]

    def __str__(self) -> str:
        return self.name


class PartyOrg(HospitalModel):
    """A Party committee, general branch, branch or group, as a tree."""

    KINDS = [("committee", "党委"), ("general_branch", "党总支"), ("branch", "党支部"), ("group", "党小组")]

    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    kind = models.CharField("类别", max_length=20, choices=KINDS)
    code = models.CharField("代码", max_length=60)
    name = models.CharField("名称", max_length=120)
    sort_key = models.CharField("排序", max_length=200, editable=False)
    path = models.CharField("路径", max_length=200, db_index=True, editable=False)
    formed_on = models.DateField("成立日期", null=True, blank=True)

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "党组织"
        ordering = ["sort_key", "id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_partyorg_code")]

    def __str__(self) -> str:
        return self.name


class CalendarDay(models.Model):
    """One day that is not what its weekday says: a holiday, or a weekend day that is worked.

    A null hospital means everybody. Days of a year without any row are Mon–Fri and flagged 暂算.
    """

    hospital = models.ForeignKey(Hospital, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    day = models.DateField("日期")
    works = models.BooleanField("上班")
    name = models.CharField("名称", max_length=60, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "工作日历"
        constraints = [models.UniqueConstraint(fields=["hospital", "day"], name="org_calendar_day")]


def named(model: type[models.Model], **values: Any) -> Any:
    """An unsaved `model` with its sort key computed from `name`."""
    return model(sort_key=sort_key(values["name"]), **values)
