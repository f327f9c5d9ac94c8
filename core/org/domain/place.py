"""The hospital itself, its campuses and its calendar."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import chinese_calendar.constants as published

from core.kernel.errors import FieldError, Invalid, Problem
from core.kernel.sortkey import sort_key
from core.org.domain.changes import tell
from core.org.models import CalendarDay, Campus, Department, Hospital, Post

#: First year whose holidays are loaded.
FIRST_YEAR = 2023
#: Named at each day that comes from the library.
SOURCE = "国务院办公厅节假日安排"
MAX_GROUPS = 60


def describe_hospital(hospital: Hospital, **values: Any) -> None:
    """Change a hospital's own data. Raises Invalid: no name, an unknown zone, hours outside 0–23, opened after a post began."""
    if not values.get("name", hospital.name).strip():
        raise _wrong("name", "名称必须填写", "")
    zone = values.get("zone", hospital.zone)
    if zone not in available_timezones():
        raise _wrong("zone", f"没有“{zone}”这个时区", "中国大陆请填 Asia/Shanghai")
    ZoneInfo(zone)
    for place in ("night_starts", "night_ends"):
        if not 0 <= int(values.get(place, getattr(hospital, place))) <= 23:
            raise _wrong(place, "钟点应为 0 至 23", "例如夜间从 22 点到次日 7 点")
    opened = values.get("opened_on", hospital.opened_on)
    if opened is not None:
        first = Post.unscoped.filter(hospital=hospital).order_by("starts_on").first()
        if first is not None and first.starts_on < opened:
            said = f"开院日期晚于最早的任职（{first.starts_on.isoformat()} 起）"
            raise _wrong("opened_on", said, "请核对开院日期，或先更正那项任职")
    groups = values.get("peer_groups", hospital.peer_groups)
    _groups_fit(hospital, groups)
    if "name" in values:
        values = values | {"name": values["name"].strip(), "sort_key": sort_key(values["name"].strip())}
    Hospital.objects.filter(pk=hospital.pk).update(**values)
    for name, value in values.items():
        setattr(hospital, name, value)


def add_campus(*, hospital: Hospital, code: str, name: str) -> Campus:
    """A campus. Raises Invalid when the code is taken."""
    _campus_code_free(hospital, code.strip())
    return Campus.unscoped.create(hospital=hospital, code=code.strip(), name=_said(name))


def change_campus(campus: Campus, *, code: str, name: str) -> None:
    """Another code or name. Raises Invalid."""
    _campus_code_free(campus.hospital, code.strip(), campus.pk)
    Campus.unscoped.filter(pk=campus.pk).update(code=code.strip(), name=_said(name))
    below = Department.unscoped.filter(campus=campus).values_list("uid", flat=True)
    tell("org.department", list(below), campus.hospital)


def retire_campus(campus: Campus) -> None:
    """Out of use. Raises Problem "refused" while departments are in it."""
    here = list(Department.unscoped.filter(campus=campus, state="active").values_list("name", flat=True))
    if here:
        shown = "、".join(here[:5]) + (f"等 {len(here)} 个" if len(here) > 5 else "")
        raise Problem(
            "refused",
            f"“{campus.name}”还有在用的科室：{shown}，不能停用。",
            409,
            [FieldError("", "院区还有科室", "请先把这些科室改到别的院区，或停用它们")],
        )
    Campus.unscoped.filter(pk=campus.pk).update(state="retired")


def restore_campus(campus: Campus) -> None:
    """Back in use."""
    Campus.unscoped.filter(pk=campus.pk).update(state="active")


def set_day(hospital: Hospital, day: date, *, works: bool, name: str, source: str = "") -> CalendarDay:
    """A day of the hospital's own that is not what its weekday or the common calendar says. Raises Invalid."""
    if CalendarDay.objects.filter(hospital=hospital, day=day).exists():
        raise _wrong("day", f"{day.isoformat()} 已经登记过", "请直接修改那一天")
    return CalendarDay.objects.create(
        hospital=hospital, day=day, works=works, name=name, source=source or "本院安排"
    )


def change_day(row: CalendarDay, *, works: bool, name: str, source: str = "") -> None:
    """Put right what was entered for the day."""
    CalendarDay.objects.filter(pk=row.pk).update(works=works, name=name, source=source or "本院安排")


def known_days() -> list[tuple[date, bool, str]]:
    """(day, worked, name in Chinese) of the years that the library `chinesecalendar` knows, by day."""
    off = [(day, False, _chinese(name)) for day, name in published.holidays.items()]
    on = [(day, True, f"{_chinese(name)}调休上班") for day, name in published.workdays.items()]
    return sorted(row for row in off + on if row[0].year >= FIRST_YEAR)


def load_calendar() -> int:
    """Write the known days for everybody; how many were new. Repeating it adds nothing. Needs an actor."""
    present = set(CalendarDay.objects.filter(hospital=None).values_list("day", flat=True))
    missing = [
        CalendarDay(day=day, works=works, name=name, source=SOURCE)
        for day, works, name in known_days()
        if day not in present
    ]
    CalendarDay.objects.bulk_create(missing, batch_size=500)
    return len(missing)


def _groups_fit(hospital: Hospital, groups: list[str]) -> None:
    if len(groups) > MAX_GROUPS or any(not group or len(group) > 40 for group in groups):
        raise _wrong("peer_groups", f"同类组最多 {MAX_GROUPS} 个，每个最多 40 字", "每行写一个")
    if len(set(groups)) != len(groups):
        raise _wrong("peer_groups", "同类组有重复的名称", "每个名称写一次")
    if not groups:
        return
    used = (
        Department.unscoped.filter(hospital=hospital, state="active")
        .exclude(peer_group="")
        .exclude(peer_group__in=groups)
        .order_by("tree_key")
        .values_list("peer_group", "name")
        .first()
    )
    if used is not None:
        said = f"同类组“{used[0]}”还有科室在用（{used[1]}）"
        raise _wrong("peer_groups", said, "请保留这个名称，或先修改那些科室的同类组")


def _campus_code_free(hospital: Hospital, code: str, but: int | None = None) -> None:
    if not code:
        raise _wrong("code", "代码必须填写", "")
    taken = Campus.unscoped.filter(hospital=hospital, code=code).exclude(pk=but).first()
    if taken is not None:
        raise _wrong("code", f"代码“{code}”已用于“{taken.name}”", "请换一个代码")


def _said(name: str) -> str:
    if not name.strip():
        raise _wrong("name", "名称必须填写", "")
    return name.strip()


def _chinese(name: str) -> str:
    return next((holiday.chinese for holiday in published.Holiday if holiday.value == name), name)


def _wrong(place: str, said: str, cure: str) -> Problem:
    return Invalid(f"{said}。", [FieldError(f"/values/{place}", said, cure)])
