"""Bulk look-ups: how much each person looked at on a day, against what is usual for the same person.

A day is over the limit when it has more than FLOOR look-ups and more than FACTOR times the person's own median of the
days before (at most HISTORY days back, only days with any). The figures are ours: a person reads about a hundred files
in a full working day, and three times one's own usual is what a reviewer should ask about, not what is forbidden.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from core.audit.events import READ
from core.audit.models import Event, ReadingDay

FLOOR = 100
FACTOR = 3
HISTORY = timedelta(days=60)


@dataclass
class Count:
    """One person's day."""

    label: str = ""
    lookups: int = 0


def count_day(hospital: Any, day: date) -> dict[str, Count]:
    """Actor → look-ups of that day in the hospital's zone, from the events: a page of a list counts its rows."""
    zone = ZoneInfo(hospital.zone)
    start = datetime.combine(day, time.min, zone)
    rows = Event.objects.filter(
        hospital=hospital.id, kind=READ, at__gte=start, at__lt=start + timedelta(days=1)
    )
    found: dict[str, Count] = defaultdict(Count)
    for actor, label, data in rows.values_list("actor", "label", "data").iterator(chunk_size=2000):
        one = found[actor]
        one.label, one.lookups = label, one.lookups + _shown(data)
    return dict(found)


def refresh(hospital: Any, day: date) -> list[ReadingDay]:
    """Bring the day's rows up to the events, inside `acting()` and the hospital's scope; those newly over the limit."""
    fresh = []
    known = {row.actor: row for row in ReadingDay.objects.filter(hospital_id=hospital.id, day=day)}
    for actor, one in sorted(count_day(hospital, day).items()):
        row = known.get(actor)
        if row is not None and row.lookups == one.lookups:
            continue
        usual = usual_of(hospital, actor, day)
        limit = max(FLOOR, FACTOR * usual)
        values = {"lookups": one.lookups, "usual": usual, "limit": limit, "over": one.lookups > limit}
        if row is None:
            row = ReadingDay(hospital_id=hospital.id, day=day, actor=actor[:120], label=one.label)
        was = row.over
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        if row.over and not was:
            fresh.append(row)
    return fresh


def usual_of(hospital: Any, actor: str, day: date) -> int:
    """The person's median of the days before; 0 without any."""
    before = ReadingDay.objects.filter(
        hospital_id=hospital.id, actor=actor[:120], day__lt=day, day__gte=day - HISTORY
    )
    days = list(before.values_list("lookups", flat=True))
    return round(median(days)) if days else 0


def _shown(data: Any) -> int:
    try:
        return max(1, int(data.get("rows", 1)))
    except (AttributeError, TypeError, ValueError):
        return 1
