"""When a person is not disturbed: the night, and the hours after a night shift. Pure arithmetic on instants.

Wall clocks are the hospital's. Where a zone turns its clocks, a window begins at the earlier and ends at the later
of two equal readings, so that nobody is woken by the change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
#: Windows that follow each other end in one of these; more than this many would be a whole day without a waking hour.
CHAIN = 6


@dataclass(frozen=True)
class Rest:
    """A person's quiet hours: minutes of the day, and the ends of recent night shifts (aware)."""

    zone: str
    starts: int
    ends: int
    duty_ends: Sequence[datetime] = ()
    duty_until: int = 14 * 60

    def next_waking(self, at: datetime) -> datetime:
        """`at` itself when the person may be told then, else the end of the rest it falls into."""
        moment = at
        for _ in range(CHAIN):
            end = self._window_end(moment)
            if end is None:
                return moment
            moment = end
        return moment

    def _window_end(self, at: datetime) -> datetime | None:
        zone = ZoneInfo(self.zone)
        today = at.astimezone(zone).date()
        ends = []
        if self.starts != self.ends:
            for day in (today - DAY, today):
                begin = _instant(day, self.starts, zone, min)
                end = _instant(day if self.ends > self.starts else day + DAY, self.ends, zone, max)
                if begin <= at < end:
                    ends.append(end)
        for ended in self.duty_ends:
            end = _instant(ended.astimezone(zone).date(), self.duty_until, zone, max)
            if ended <= at < end:
                ends.append(end)
        return max(ends, default=None)


def _instant(day: date, minutes: int, zone: ZoneInfo, pick: Callable[..., datetime]) -> datetime:
    """The instant of a wall-clock reading; of two (or of one that the clock jumps over) the picked one."""
    wall = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone)
    return pick(wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC))
