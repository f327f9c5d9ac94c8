"""What every request asks is compiled once: the same rows as the ORM gives for each person, day and hospital."""

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import BigIntegerField, DateField, Exists, OuterRef, Q, UUIDField
from django.test.utils import CaptureQueriesContext

from core.kernel.context import hospital_scope
from core.kernel.prepared import Prepared, Slot
from core.org.models import Department, Post, User
from core.org.models.base import HospitalRequired

TODAY = date(2026, 7, 1)


def _held() -> Any:
    day = Slot("day", DateField())
    leads = Post.unscoped.filter(person_id=OuterRef("person_id"), role="department_head")
    return (
        Post.unscoped.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=day), starts_on__lte=day)
        .filter(hospital_id=Slot("hospital", BigIntegerField()))
        .order_by("pk")
        .values_list("uid", "role", "starts_on", "department__name", "title", Exists(leads))
    )


def test_the_same_rows_and_types_as_the_orm_for_every_value(world: Any) -> None:
    prepared = Prepared(_held)
    told = 0
    for slug in ("binjiang", "yunling"):
        hospital = world.hospital(slug)
        for day in (TODAY, TODAY - timedelta(days=20_000), TODAY + timedelta(days=20_000)):
            leads = Post.unscoped.filter(person_id=OuterRef("person_id"), role="department_head")
            plain = (
                Post.unscoped.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=day), starts_on__lte=day)
                .filter(hospital_id=hospital.id)
                .order_by("pk")
                .values_list("uid", "role", "starts_on", "department__name", "title", Exists(leads))
            )
            found = prepared.rows(day=day, hospital=hospital.id)
            assert found == list(plain)
            assert all(isinstance(row[0], uuid.UUID) and isinstance(row[2], date) for row in found)
            assert all(row[5] is True or row[5] is False for row in found)
            told += len(found)
    assert told > 10


def test_a_uuid_is_written_as_the_database_keeps_it(world: Any) -> None:
    user = User.objects.filter(person__isnull=False).first()
    assert user is not None
    prepared = Prepared(lambda: User.objects.filter(uid=Slot("uid", UUIDField())).values_list("pk"))
    assert prepared.rows(uid=user.uid) == [(user.pk,)]
    assert prepared.rows(uid=uuid.uuid4()) == []


def test_a_run_is_one_query_and_a_missing_value_an_error(world: Any) -> None:
    prepared = Prepared(_held)
    prepared.rows(day=TODAY, hospital=1)
    with CaptureQueriesContext(connection) as asked:
        prepared.rows(day=TODAY, hospital=2)
    assert len(asked) == 1
    with pytest.raises(KeyError):
        prepared.rows(day=TODAY)


def test_a_manager_of_the_entered_hospital_is_never_kept(world: Any) -> None:
    prepared = Prepared(lambda: Department.objects.values_list("pk"))
    with hospital_scope(world.hospital("binjiang")), pytest.raises(HospitalRequired):
        prepared.rows()
