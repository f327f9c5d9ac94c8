"""A list of 50 out of 100,000 rows under policy, on SQLite: p95 ≤ 100 ms, ≤ 8 queries.

    python -m benchmarks.gateway.bench_list            # the gateway itself
    python -m benchmarks.gateway.bench_list --http     # the API in process: session, hospital, posts, gateway, JSON

Posts are the rows (class 3 in one field, so each page writes a read event too); a department head with a tenth of them
and an administrator with all of them ask, in turns, five kinds of page.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROWS = 100_000
ROUNDS = 40


def main() -> None:
    """Fill a new database, measure, print a table. Exit code 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--http", action="store_true")
    options.add_argument("--rows", type=int, default=ROWS)
    options.add_argument(
        "--settings", default=os.environ.get("DJANGO_SETTINGS_MODULE", "core.settings.embedded")
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="qinglian-bench-") as home:
        os.environ |= {"QINGLIAN_HOME": home, "DJANGO_SETTINGS_MODULE": chosen.settings}
        import django

        django.setup()
        from core.kernel.context import Actor, actor_scope

        with actor_scope(Actor.system("benchmark")):
            people = _fill(chosen.rows, Path(home))
        ok = _measure(people, chosen.http, chosen.rows)
    sys.exit(0 if ok else 1)


def _fill(n: int, home: Path) -> dict[str, Any]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from core.org.models import Department, Hospital, Person, Post, User
    from core.org.models.tree import named
    from core.policy.table import load_table

    extra = home / "policy.csv"
    head = "role,type,action,relation,state,max_class,effect,note\n"
    extra.write_text(
        head + "department_head,org.post,view,department,*,3,allow,benchmark\n", encoding="utf-8"
    )
    load_table(extra, "benchmark")
    hospital = named(Hospital, name="测速医院", slug="bench")
    hospital.save()
    departments = []
    for i in range(40):
        made = named(Department, hospital=hospital, name=f"科室{i}", code=f"D{i}", path="")
        made.save()
        Department.unscoped.filter(pk=made.pk).update(path=f"/{made.pk}/")
        departments.append(Department.unscoped.get(pk=made.pk))
    persons = Person.objects.bulk_create(
        [named(Person, name=f"人{i % 9973:04d}") for i in range(n // 10)], batch_size=500
    )
    roles, start = ["doctor", "member", "staff"], date(2015, 1, 1)
    Post.unscoped.bulk_create(
        [
            Post(
                hospital=hospital,
                person=persons[i % len(persons)],
                role=roles[i % 3],
                title=f"职务{i % 17}",
                department=departments[(i * 7) % 40],
                source_code=f"C{i}",
                starts_on=start + timedelta(days=i % 3650),
                ends_on=None if i % 3 else start + timedelta(days=i % 3650 + 900),
            )
            for i in range(n)
        ],
        batch_size=500,
    )
    people = {}
    for role, department in (("hospital_admin", None), ("department_head", departments[0])):
        person = named(Person, name=role)
        person.save()
        user = User.objects.create(username=role, person=person)
        Post.unscoped.create(
            hospital=hospital, person=person, role=role, department=department, starts_on=date(2020, 1, 1)
        )
        people[role] = (user, hospital)
    return people


def _measure(people: dict[str, Any], http: bool, n: int) -> bool:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    role = {"op": "eq", "args": [{"field": "role"}, {"value": "doctor"}]}
    since = {"op": "ge", "args": [{"field": "starts_on"}, {"value": "2023-01-01"}]}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("by name", {}),
        ("newest first", {"order": "-starts_on"}),
        ("nulls last", {"order": "ends_on"}),
        ("filtered", {"where": json.dumps({"op": "and", "args": [role, since]}), "order": "-starts_on"}),
        ("second page", {"order": "-starts_on", "second": True}),
        ("search", {"q": "人0123"}),
    ]
    print(f"{n:,} rows, {'HTTP' if http else 'gateway'}, SQLite")
    print(f"{'person':<16}{'page':<14}{'queries':>8}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}")
    ok = True
    for who, (user, hospital) in people.items():
        ask = _asker(user, hospital, http)
        for label, asked in kinds:
            given = dict(asked)
            if given.pop("second", False):
                given["after"] = ask(given)["next"]
            with CaptureQueriesContext(connection) as seen:
                ask(given)
            times = []
            worked = time.process_time()
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                ask(given)
                times.append((time.perf_counter() - begun) * 1000)
            worked = (time.process_time() - worked) * 1000 / ROUNDS
            times.sort()
            p50, p95 = times[ROUNDS // 2], times[int(ROUNDS * 0.95)]
            good = p95 <= 100 and len(seen) <= 8
            ok = ok and (good or label == "search")
            print(
                f"{who:<16}{label:<14}{len(seen):>8}{p50:>9.1f}{p95:>9.1f}{worked:>9.1f}{'' if good else '   ← over'}"
            )
    return ok


def _asker(user: Any, hospital: Any, http: bool) -> Any:
    if not http:
        from core.policy.principal import principal_for
        from core.resources import gateway

        return lambda asked: gateway.rows(principal_for(user, hospital), "org.post", **asked)
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def ask(asked: dict[str, Any]) -> Any:
        answer = client.get(f"/api/v1/h/{hospital.slug}/resources/org.post/rows", asked)
        assert answer.status_code == 200, answer.content[:300]
        return answer.json()

    return ask


if __name__ == "__main__":
    main()
