"""Working days: Mon–Fri changed by `CalendarDay` rows; a year without rows is provisional (暂算)."""

from dataclasses import dataclass
from datetime import date, timedelta

from core.org.models import CalendarDay


@dataclass(frozen=True)
class Due:
    """A computed deadline: the day, and whether the calendar of a year it crosses is still missing."""

    day: date
    provisional: bool


def add_working_days(start: date, days: int, hospital_id: int) -> Due:
    """The `days`-th working day after `start` (0 = `start` itself)."""
    horizon = start + timedelta(days=days * 3 + 20)
    known = _known(start, horizon, hospital_id)
    years = {d.year for d in known}
    day, left = start, days
    while left > 0:
        day += timedelta(days=1)
        left -= works(day, known)
    provisional = any(year not in years and not _has_year(year) for year in range(start.year, day.year + 1))
    return Due(day, provisional)


def working_days_between(start: date, end: date, hospital_id: int) -> int:
    """Working days after `start` up to and with `end`; negative when `end` lies before `start`."""
    if end < start:
        return -working_days_between(end, start, hospital_id)
    known = _known(start, end, hospital_id)
    return sum(works(start + timedelta(days=n), known) for n in range(1, (end - start).days + 1))


def works(day: date, known: dict[date, bool]) -> bool:
    """Whether `day` is worked, by `known` exceptions or else the weekday."""
    return known.get(day, day.weekday() < 5)


def _known(start: date, end: date, hospital_id: int) -> dict[date, bool]:
    rows = CalendarDay.objects.filter(day__range=(start, end)).filter(
        hospital_id=None
    ) | CalendarDay.objects.filter(day__range=(start, end), hospital_id=hospital_id)
    ordered = sorted(rows.values_list("hospital_id", "day", "works"), key=lambda row: row[0] is not None)
    return {day: worked for _, day, worked in ordered}


def _has_year(year: int) -> bool:
    return CalendarDay.objects.filter(day__year=year).exists()
