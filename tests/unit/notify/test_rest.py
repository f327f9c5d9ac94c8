"""Night rest: hospital's wall clock in, instants out; expected readings worked out by hand from the zones' rules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.notify.domain.rest import Rest

SHANGHAI = "Asia/Shanghai"
NIGHT = (22 * 60, 7 * 60)


def local(zone: str, text: str) -> datetime:
    """An instant by the zone's clock; `*` marks the second of two equal readings."""
    wall = datetime.fromisoformat(text.rstrip("*")).replace(
        tzinfo=ZoneInfo(zone), fold=int(text.endswith("*"))
    )
    return wall.astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "then"),
    [
        ("2026-11-24 21:59", "2026-11-24 21:59"),
        ("2026-11-24 22:00", "2026-11-25 07:00"),
        ("2026-11-24 23:30", "2026-11-25 07:00"),
        ("2026-11-25 00:00", "2026-11-25 07:00"),
        ("2026-11-25 06:59", "2026-11-25 07:00"),
        ("2026-11-25 07:00", "2026-11-25 07:00"),
        ("2026-12-31 23:00", "2027-01-01 07:00"),
        ("2028-02-28 22:30", "2028-02-29 07:00"),
    ],
)
def test_the_night_ends_at_seven(at: str, then: str) -> None:
    assert Rest(SHANGHAI, *NIGHT).next_waking(local(SHANGHAI, at)) == local(SHANGHAI, then)


def test_own_windows_within_a_day_and_none_at_all() -> None:
    noon = Rest(SHANGHAI, 12 * 60, 13 * 60 + 30)
    assert noon.next_waking(local(SHANGHAI, "2026-11-24 12:10")) == local(SHANGHAI, "2026-11-24 13:30")
    assert noon.next_waking(local(SHANGHAI, "2026-11-24 23:10")) == local(SHANGHAI, "2026-11-24 23:10")
    never = Rest(SHANGHAI, 0, 0)
    assert never.next_waking(local(SHANGHAI, "2026-11-24 03:00")) == local(SHANGHAI, "2026-11-24 03:00")


@pytest.mark.parametrize(
    ("ended", "at", "then"),
    [
        ("2026-11-25 08:00", "2026-11-25 09:00", "2026-11-25 14:00"),
        ("2026-11-25 08:00", "2026-11-25 14:00", "2026-11-25 14:00"),
        ("2026-11-25 08:00", "2026-11-25 07:30", "2026-11-25 07:30"),  # still at work
        ("2026-11-25 08:00", "2026-11-25 03:00", "2026-11-25 07:00"),  # the night is the night
        ("2026-11-25 06:00", "2026-11-25 06:30", "2026-11-25 14:00"),  # the longer of two rests
        ("2026-11-25 15:00", "2026-11-25 15:30", "2026-11-25 15:30"),  # a day shift ends: no rest after 14:00
    ],
)
def test_after_a_night_shift_nobody_disturbs_until_two(ended: str, at: str, then: str) -> None:
    rest = Rest(SHANGHAI, *NIGHT, duty_ends=(local(SHANGHAI, ended),))
    assert rest.next_waking(local(SHANGHAI, at)) == local(SHANGHAI, then)


def test_a_night_that_runs_into_a_rest_after_duty_ends_with_it() -> None:
    rest = Rest(SHANGHAI, *NIGHT, duty_ends=(local(SHANGHAI, "2026-11-25 07:00"),))
    assert rest.next_waking(local(SHANGHAI, "2026-11-25 02:00")) == local(SHANGHAI, "2026-11-25 14:00")


@pytest.mark.parametrize(
    ("window", "at", "then"),
    [
        # Berlin's clocks go from 02:00 to 03:00 on 29 March 2026: the night is an hour shorter, 07:00 stays 07:00
        ((22 * 60, 7 * 60), "2026-03-28 23:00", "2026-03-29 07:00"),
        # and back from 03:00 to 02:00 on 25 October 2026
        ((22 * 60, 7 * 60), "2026-10-24 23:00", "2026-10-25 07:00"),
        # a rest that ends at 02:30 ends at the second of the two readings
        ((22 * 60, 2 * 60 + 30), "2026-10-25 02:10", "2026-10-25 02:30*"),
        ((22 * 60, 2 * 60 + 30), "2026-10-25 02:40", "2026-10-25 02:30*"),
        # one that ends at a reading which the clock jumps over ends not before it
        ((22 * 60, 2 * 60 + 30), "2026-03-29 01:30", "2026-03-29 03:30"),
    ],
)
def test_where_clocks_are_turned_nobody_is_woken_by_it(window: tuple[int, int], at: str, then: str) -> None:
    zone = "Europe/Berlin"
    assert Rest(zone, *window).next_waking(local(zone, at)) == local(zone, then)


minutes = st.integers(0, 1439)


@given(
    zone=st.sampled_from([SHANGHAI, "Europe/Berlin", "America/New_York", "Asia/Urumqi", "UTC"]),
    starts=minutes,
    ends=minutes,
    minute=st.integers(0, 2 * 365 * 24 * 60),
    shifts=st.lists(st.integers(-30, 30), max_size=3),
)
def test_it_never_goes_back_and_lets_everybody_hear_within_two_days(
    zone: str, starts: int, ends: int, minute: int, shifts: list[int]
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    rest = Rest(zone, starts, ends, tuple(moment + timedelta(hours=h) for h in shifts))
    found = rest.next_waking(moment)
    assert moment <= found <= moment + timedelta(hours=50)
    wall = found.astimezone(ZoneInfo(zone))
    inside = starts < ends and starts <= wall.hour * 60 + wall.minute < ends
    assert not (inside and zone in {SHANGHAI, "UTC", "Asia/Urumqi"})  # zones that turn no clocks
