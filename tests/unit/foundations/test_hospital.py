"""No query forgets the hospital, and working days are the hospital's."""

from datetime import date

import pytest
from django.apps import apps
from django.db import models

from core.kernel.context import hospital_scope
from core.org.domain.calendar import add_working_days, working_days_between
from core.org.models import Department, Post
from core.org.models.base import HospitalModel, HospitalRequired
from core.testing import factories
from core.testing.world import write_calendar

pytestmark = pytest.mark.django_db


def _models() -> list[type[HospitalModel]]:
    ours = [m for m in apps.get_models() if m.__module__.startswith(("core.", "plugins."))]
    return [m for m in ours if issubclass(m, HospitalModel)]


def test_every_model_of_a_hospital_raises_without_one() -> None:
    assert len(_models()) > 10
    for model in _models():
        for ask in (
            lambda m: m.objects.count(),
            lambda m: m.objects.filter(pk=1).exists(),
            lambda m: list(m.objects.all()),
        ):
            with pytest.raises(HospitalRequired):
                ask(model)


def test_every_model_of_ours_that_names_a_hospital_is_such_a_model() -> None:
    """A new table with a hospital key but an open manager would leak."""
    known = {"Outbox", "CalendarDay", "LakeCode", "LakeCodeSeries", "LakeLock", "IdempotentAnswer"}
    known |= {
        "Sequence",
        "OneTimeCode",
    }  # counters under a lock; codes are found by account, before any hospital
    known.add("HospitalRoot")  # a page of Wagtail's tree: the hospital's root itself
    ours = [m for m in apps.get_models() if m.__module__.startswith(("core.", "plugins."))]
    loose = {
        m.__name__
        for m in ours
        if not issubclass(m, HospitalModel)
        and any(
            isinstance(f, models.ForeignKey) and f.related_model._meta.label == "org.Hospital"
            for f in m._meta.fields
        )
    }
    assert loose == known


def test_one_hospital_sees_its_own_rows_only_and_creates_its_own() -> None:
    mine, other = factories.hospital(), factories.hospital()
    factories.department(mine, name="甲科"), factories.department(other, name="乙科")
    with hospital_scope(mine):
        assert [d.name for d in Department.objects.all()] == ["甲科"]
        assert not Department.objects.filter(hospital=other).exists(), "the scope stays whatever is asked"
        with hospital_scope(other):
            assert [d.name for d in Department.objects.all()] == ["乙科"]
        assert [d.name for d in Department.objects.all()] == ["甲科"]


def test_posts_of_one_person_in_two_hospitals_stay_apart() -> None:
    mine, other, person = factories.hospital(), factories.hospital(), factories.person()
    factories.post(mine, "inspector", person), factories.post(other, "staff", person)
    with hospital_scope(mine):
        assert [p.role for p in Post.objects.filter(person=person)] == ["inspector"]


def test_working_days_leave_out_chinese_holidays_and_count_the_worked_weekends() -> None:
    write_calendar()
    at = factories.hospital().id
    assert add_working_days(date(2025, 9, 26), 1, at).day == date(2025, 9, 28), (
        "a Sunday worked for the holiday"
    )
    assert add_working_days(date(2025, 9, 30), 1, at).day == date(2025, 10, 9), "National Day and Mid-Autumn"
    assert add_working_days(date(2025, 1, 27), 1, at).day == date(2025, 2, 5), "Spring Festival"
    assert working_days_between(date(2025, 9, 30), date(2025, 10, 11), at) == 3, "the Saturday is worked"
    assert working_days_between(date(2025, 10, 11), date(2025, 9, 30), at) == -3
    assert add_working_days(date(2025, 9, 26), 0, at).day == date(2025, 9, 26)


def test_a_year_without_data_is_monday_to_friday_and_says_so() -> None:
    write_calendar()
    at = factories.hospital().id
    known, unknown = add_working_days(date(2025, 3, 3), 5, at), add_working_days(date(2031, 9, 29), 5, at)
    assert not known.provisional
    assert unknown.provisional and unknown.day == date(2031, 10, 6)


def test_a_hospitals_own_day_wins_over_the_common_one_and_only_there() -> None:
    write_calendar()
    mine, other = factories.hospital(), factories.hospital()
    factories.calendar_day(date(2025, 3, 5), at=mine, name="院庆")
    assert add_working_days(date(2025, 3, 4), 1, mine.id).day == date(2025, 3, 6)
    assert add_working_days(date(2025, 3, 4), 1, other.id).day == date(2025, 3, 5)
