"""Working days counted by hand on a printed calendar: forwards, backwards, with both ends, with own days, without a year."""

from datetime import date

import pytest

from core.kernel.context import acting
from core.org.domain.calendar import (
    ENOUGH,
    KNOWN,
    OWN,
    add_working_days,
    is_working_day,
    subtract_working_days,
    working_days_between,
)
from core.org.domain.place import load_calendar
from core.org.models import Hospital
from core.testing import factories
from tests.integration.org.conftest import BY

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> Hospital:
    with acting(BY):
        load_calendar()
    return factories.hospital()


def test_backwards_is_the_mirror_of_forwards(hospital: Hospital) -> None:
    # Friday 26 September 2025; Sunday the 28th is worked, 1–8 October rest, Saturday 11 October is worked
    assert subtract_working_days(date(2025, 10, 9), 1, hospital.id).day == date(2025, 9, 30)
    assert subtract_working_days(date(2025, 10, 9), 3, hospital.id).day == date(2025, 9, 28)
    assert subtract_working_days(date(2025, 10, 9), 0, hospital.id).day == date(2025, 10, 9)
    for n in range(1, 30):
        there = add_working_days(date(2025, 9, 26), n, hospital.id).day
        assert subtract_working_days(there, n, hospital.id).day == date(2025, 9, 26)


def test_both_ends_counted(hospital: Hospital) -> None:
    assert add_working_days(date(2025, 3, 3), 5, hospital.id, inclusive=True).day == date(2025, 3, 7)
    assert add_working_days(date(2025, 3, 1), 5, hospital.id, inclusive=True).day == date(2025, 3, 7), (
        "a Saturday is no day of the period"
    )
    assert subtract_working_days(date(2025, 3, 7), 5, hospital.id, inclusive=True).day == date(2025, 3, 3)
    assert working_days_between(date(2025, 3, 3), date(2025, 3, 7), hospital.id, inclusive=True) == 5
    assert working_days_between(date(2025, 3, 7), date(2025, 3, 3), hospital.id, inclusive=True) == -5


def test_the_source_is_named_and_own_days_only_where_they_counted(hospital: Hospital) -> None:
    assert add_working_days(date(2025, 3, 3), 5, hospital.id).source == KNOWN
    factories.calendar_day(date(2025, 3, 5), at=hospital, name="院庆")
    due = add_working_days(date(2025, 3, 3), 5, hospital.id)
    assert (due.day, due.source) == (date(2025, 3, 11), OWN)
    assert add_working_days(date(2025, 3, 10), 5, hospital.id).source == KNOWN
    assert is_working_day(date(2025, 3, 5), hospital.id) is None


def test_a_year_is_unknown_until_the_common_or_enough_own_days_are_there(hospital: Hospital) -> None:
    start = date(2033, 3, 7)
    assert add_working_days(start, 5, hospital.id).provisional
    other = factories.hospital()
    for n in range(ENOUGH):
        factories.calendar_day(date(2033, 5, 2 + n), at=other)
    assert add_working_days(start, 5, hospital.id).provisional, (
        "another hospital's days make no year known here"
    )
    assert not add_working_days(start, 5, other.id).provisional
    factories.calendar_day(date(2033, 10, 3), at=hospital)
    due = add_working_days(start, 5, hospital.id)
    assert due.provisional and "2033" in due.source, "one own day is no year's calendar"


def test_a_span_into_an_unknown_year_says_which(hospital: Hospital) -> None:
    due = subtract_working_days(date(2033, 1, 10), 10, hospital.id)
    assert due.provisional and "2033" in due.source


@pytest.mark.parametrize("days", [-1, 100_000])
def test_numbers_that_make_no_sense_are_a_fault_of_the_caller(hospital: Hospital, days: int) -> None:
    with pytest.raises(ValueError):
        add_working_days(date(2025, 3, 3), days, hospital.id)
