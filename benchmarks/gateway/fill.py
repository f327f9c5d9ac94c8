"""`python -m benchmarks.gateway.fill ROWS`: a hospital with 40 departments and ROWS posts; prints the accounts as JSON."""

import json
import secrets
import sys
from datetime import date, timedelta

ROLES, START = ["doctor", "member", "staff"], date(2015, 1, 1)


def main(rows: int) -> list[dict[str, str]]:
    """Fill the migrated, empty database of QINGLIAN_HOME. An administrator sees all, a department head a fortieth."""
    import django

    django.setup()
    from core.kernel.context import Actor, acting

    with acting(Actor.system("benchmark")):
        return _fill(rows)


def _fill(rows: int) -> list[dict[str, str]]:
    from core.org.models import Department, Hospital, Person, Post, User
    from core.org.models.tree import named

    hospital = named(Hospital, name="测速医院", slug="bench")
    hospital.save()
    departments = []
    for i in range(40):
        made = named(Department, hospital=hospital, name=f"科室{i}", code=f"D{i}", path="")
        made.save()
        Department.unscoped.filter(pk=made.pk).update(path=f"/{made.pk}/")
        departments.append(made)
    persons = Person.objects.bulk_create(
        [named(Person, name=f"人{i % 9973:04d}") for i in range(rows // 10)], batch_size=500
    )
    Post.unscoped.bulk_create(
        [
            Post(
                hospital=hospital,
                person=persons[i % len(persons)],
                role=ROLES[i % 3],
                title=f"职务{i % 17}",
                department=departments[(i * 7) % 40],
                source_code=f"C{i}",
                starts_on=START + timedelta(days=i % 3650),
                ends_on=None if i % 3 else START + timedelta(days=i % 3650 + 900),
            )
            for i in range(rows)
        ],
        batch_size=500,
    )
    accounts = []
    for role, name, department in (
        ("hospital_admin", "管理员，全部", None),
        ("department_head", "科主任，四十分之一", departments[0]),
    ):
        person = named(Person, name=role)
        person.save()
        password = secrets.token_urlsafe(18)
        user = User(username=role, person=person)
        user.set_password(password)
        user.save()
        Post.unscoped.create(
            hospital=hospital, person=person, role=role, department=department, starts_on=date(2020, 1, 1)
        )
        accounts.append({"name": name, "username": role, "password": password})
    return accounts


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1])), ensure_ascii=False))
