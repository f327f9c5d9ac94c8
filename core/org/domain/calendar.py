"""Working days: Mon–Fri changed by `CalendarDay` rows, a hospital's own before everybody's.

A year is known when everybody's days of it are there, or when the hospital itself has entered at least `ENOUGH` days
of rest in it. A result that crosses a year that is not known is provisional (暂算) and says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from core.org.models import CalendarDay

#: Days of rest of its own that make a year known: seven holidays a year are fixed by the State Council's regulation.
ENOUGH = 7
#: Longest computation, in working days.
LIMIT = 2000
#: How a computed day names its source.
KNOWN = "工作日按国务院办公厅发布的节假日安排计算"
OWN = "工作日按节假日安排和本院工作日历计算"
PROVISIONAL = "{years}年节假日安排未录入，按周一至周五暂算"


@dataclass(frozen=True)
class Due:
    """A computed day: whether a year it crosses is not known yet, and what it was computed from, in Chinese."""

    day: date
    provisional: bool
    source: str = ""


def add_working_days(start: date, days: int, hospital_id: int, *, inclusive: bool = False) -> Due:
    """The `days`-th working day after `start` (0 = `start` itself).

    `inclusive`: `start` counts as the first day if it is worked, as in a publicity period of 5 working days that
    begins today. Raises ValueError for a negative number or more than `LIMIT`.
    """
    return _count(start, days, hospital_id, 1, inclusive)


def subtract_working_days(end: date, days: int, hospital_id: int, *, inclusive: bool = False) -> Due:
    """The `days`-th working day before `end`: the last day on which something with that notice can begin."""
    return _count(end, days, hospital_id, -1, inclusive)


def working_days_between(start: date, end: date, hospital_id: int, *, inclusive: bool = False) -> int:
    """Working days after `start` up to and with `end`; negative when `end` lies before `start`.

    `inclusive` counts `start` too, if it is worked.
    """
    if end < start:
        return -working_days_between(end, start, hospital_id, inclusive=inclusive)
    known, _ = _known(start, end, hospital_id)
    first = 0 if inclusive else 1
    return sum(works(start + timedelta(days=n), known) for n in range(first, (end - start).days + 1))


def is_working_day(day: date, hospital_id: int) -> Due | None:
    """`day` as a Due when it is worked, else None."""
    known, own = _known(day, day, hospital_id)
    return _due(day, {day.year}, hospital_id, own) if works(day, known) else None


def works(day: date, known: dict[date, bool]) -> bool:
    """Whether `day` is worked, by `known` exceptions or else the weekday."""
    return known.get(day, day.weekday() < 5)


def unknown_years(years: Iterable[int], hospital_id: int) -> list[int]:
    """Those of the years whose holidays are not there."""
    return [year for year in sorted(set(years)) if not _has_year(year, hospital_id)]


def _count(start: date, days: int, hospital_id: int, step: int, inclusive: bool) -> Due:
    if not 0 <= days <= LIMIT:
        raise ValueError(f"{days} working days")
    reach = timedelta(days=days * 3 + 40)
    known, own = _known(min(start, start + step * reach), max(start, start + step * reach), hospital_id)
    day, left = start, days
    if inclusive and left and works(start, known):
        left -= 1
    while left > 0:
        day += timedelta(days=step)
        left -= works(day, known)
    first, last = min(start, day), max(start, day)
    used = {one for one in own if first <= one <= last}
    return _due(day, range(first.year, last.year + 1), hospital_id, used)


def _due(day: date, years: Iterable[int], hospital_id: int, own: set[date]) -> Due:
    missing = unknown_years(years, hospital_id)
    if missing:
        return Due(day, True, PROVISIONAL.format(years="、".join(map(str, missing))))
    return Due(day, False, OWN if own else KNOWN)


def _known(start: date, end: date, hospital_id: int) -> tuple[dict[date, bool], set[date]]:
    """What differs from the weekday, and which of these days are the hospital's own."""
    rows = CalendarDay.objects.filter(day__range=(start, end))
    common = dict(rows.filter(hospital_id=None).values_list("day", "works"))
    own = dict(rows.filter(hospital_id=hospital_id).values_list("day", "works"))
    return common | own, set(own)


def _has_year(year: int, hospital_id: int) -> bool:
    days = CalendarDay.objects.filter(day__range=(date(year, 1, 1), date(year, 12, 31)))
    if days.filter(hospital_id=None).exists():
        return True
    return days.filter(hospital_id=hospital_id, works=False).count() >= ENOUGH
