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
    night_ends = models.PositiveSmallIntegerField("夜间结束（时）", default=7)
    opened_on = models.DateField("开院日期", null=True, blank=True)
    #: Names that a department's `peer_group` may have; empty: any.
    peer_groups = models.JSONField("同类组", default=list, blank=True)
    version = models.PositiveIntegerField("版本", default=1, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "医院"
        ordering = ["sort_key", "id"]

    def __str__(self) -> str:
        return self.name


#: A campus, department or Party organisation is in use, or was put out of use and keeps its history.
STATES = [("active", "在用"), ("retired", "停用")]


class Campus(HospitalModel):
    """A site of a hospital: a level of scope, filters, totals, rules and charts."""

    code = models.CharField("代码", max_length=40)
    name = models.CharField("名称", max_length=80)
    state = models.CharField("状态", max_length=10, choices=STATES, default="active")

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "院区"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_campus_code")]

    def __str__(self) -> str:
        return self.name


class Department(HospitalModel):
    """A department; `path` holds the ids from the root (`/3/17/`), so a subtree is one prefix filter.

    `tree_key` orders a list as the tree reads: parents before children, siblings by name (core.org.domain.trees).
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
    tree_key = models.CharField("层级", max_length=400, default="", editable=False)
    state = models.CharField("状态", max_length=10, choices=STATES, default="active")
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="并入"
    )

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "科室"
        ordering = ["sort_key", "id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_department_code")]
        indexes = [models.Index(fields=["hospital", "tree_key"], name="org_department_tree")]

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
    tree_key = models.CharField("层级", max_length=400, default="", editable=False)
    formed_on = models.DateField("成立日期", null=True, blank=True)
    state = models.CharField("状态", max_length=10, choices=STATES, default="active")
    dissolved_on = models.DateField("撤销日期", null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="并入"
    )

    class Meta(HospitalModel.Meta):
        verbose_name = verbose_name_plural = "党组织"
        ordering = ["sort_key", "id"]
        constraints = [models.UniqueConstraint(fields=["hospital", "code"], name="org_partyorg_code")]
        indexes = [models.Index(fields=["hospital", "tree_key"], name="org_partyorg_tree")]

    def __str__(self) -> str:
        return self.name


class CalendarDay(models.Model):
    """One day that is not what its weekday says: a holiday, or a weekend day that is worked.

    A null hospital means everybody. What makes a year known, and what is flagged 暂算: core.org.domain.calendar.
    """

    uid = models.UUIDField("编号", default=new_uid, unique=True, editable=False)
    version = models.PositiveIntegerField("版本", default=1, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    day = models.DateField("日期")
    works = models.BooleanField("上班")
    name = models.CharField("名称", max_length=60, blank=True)
    source = models.CharField("依据", max_length=120, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "工作日历"
        constraints = [
            models.UniqueConstraint(fields=["hospital", "day"], name="org_calendar_day"),
            models.UniqueConstraint(
                fields=["day"], condition=models.Q(hospital__isnull=True), name="org_calendar_common_day"
            ),
        ]


def named(model: type[models.Model], **values: Any) -> Any:
    """An unsaved `model` with its sort key computed from `name`."""
    return model(sort_key=sort_key(values["name"]), **values)
