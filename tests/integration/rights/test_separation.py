"""三员分立: the database itself refuses, whoever writes and by whatever way."""

from datetime import date
from itertools import combinations

import pytest
from django.db import IntegrityError, connection, transaction

from core.kernel.context import Actor, acting
from core.kernel.ids import new_uid
from core.org.models import Post
from core.policy import separation
from core.testing import factories

BY = Actor.system("test")
THREE = ("system_admin", "security_admin", "audit_admin")
pytestmark = pytest.mark.django_db


def raw(sql: str, values: list[object]) -> None:
    """One statement as anybody with the database password would send it."""
    with acting(BY), connection.cursor() as cursor:
        cursor.execute(sql, values)


def insert(person: int, hospital: int, role: str, starts: str, ends: str | None) -> None:
    uid = new_uid()
    raw(
        "INSERT INTO org_post (uid, version, role, title, source_code, starts_on, ends_on, hospital_id, person_id)"
        " VALUES (%s, 1, %s, '', '', %s, %s, %s, %s)",
        [uid.hex if connection.vendor == "sqlite" else uid, role, starts, ends, hospital, person],
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [*combinations(THREE, 2), ("hospital_admin", "audit_admin"), ("security_admin", "hospital_admin")],
)
def test_a_second_seat_is_refused_in_raw_sql(one: str, two: str) -> None:
    hospital = factories.hospital()
    held = factories.post(hospital, one)
    with pytest.raises(IntegrityError, match=separation.NAME):
        insert(held.person_id, hospital.id, two, "2026-01-01", None)
    assert Post.unscoped.filter(person_id=held.person_id).count() == 1


def test_another_hospital_is_no_way_round() -> None:
    held = factories.post(factories.hospital(), "system_admin")
    with pytest.raises(IntegrityError, match=separation.NAME):
        insert(held.person_id, factories.hospital().id, "audit_admin", "2026-01-01", None)


def test_one_after_the_other_is_allowed_and_no_date_can_be_moved_into_the_other() -> None:
    hospital = factories.hospital()
    first = factories.post(hospital, "system_admin", starts_on=date(2024, 1, 1), ends_on=date(2024, 12, 31))
    insert(first.person_id, hospital.id, "audit_admin", "2025-01-01", None)
    second = Post.unscoped.get(person_id=first.person_id, role="audit_admin")
    for sql, value, which in (
        ("UPDATE org_post SET ends_on = %s WHERE id = %s", "2025-01-01", first.id),
        ("UPDATE org_post SET ends_on = %s WHERE id = %s", None, first.id),
        ("UPDATE org_post SET starts_on = %s WHERE id = %s", "2024-12-31", second.id),
    ):
        with pytest.raises(IntegrityError, match=separation.NAME):
            raw(sql, [value, which])
    raw("UPDATE org_post SET ends_on = %s WHERE id = %s", ["2024-06-30", first.id])
    assert Post.unscoped.get(pk=first.pk).ends_on == date(2024, 6, 30)


def test_role_and_person_cannot_be_changed_into_it() -> None:
    hospital = factories.hospital()
    held = factories.post(hospital, "audit_admin")
    plain = factories.post(hospital, "staff", held.person)
    other = factories.post(hospital, "security_admin")
    with pytest.raises(IntegrityError, match=separation.NAME):
        raw("UPDATE org_post SET role = 'system_admin' WHERE id = %s", [plain.id])
    with pytest.raises(IntegrityError, match=separation.NAME):
        raw("UPDATE org_post SET person_id = %s WHERE id = %s", [held.person_id, other.id])


def test_two_in_one_statement_are_refused() -> None:
    hospital, person = factories.hospital(), factories.person()
    rows = [
        Post(hospital=hospital, person=person, role=role, starts_on=date(2026, 1, 1))
        for role in ("system_admin", "security_admin")
    ]
    with pytest.raises(IntegrityError, match=separation.NAME), acting(BY):
        Post.unscoped.bulk_create(rows)


def test_other_roles_beside_one_seat_are_free() -> None:
    hospital = factories.hospital()
    held = factories.post(hospital, "system_admin")
    for role in ("hospital_admin", "member", "staff"):
        insert(held.person_id, hospital.id, role, "2026-01-01", None)
    assert Post.unscoped.filter(person=held.person).count() == 4


def test_a_missing_constraint_is_told_and_made_again() -> None:
    assert separation.missing() == []
    with transaction.atomic(), acting(BY):
        separation.drop()
        assert separation.missing() != []
        separation.make()
    assert separation.missing() == []
