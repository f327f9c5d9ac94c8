"""The live connection is set as the design wants, and reading neither opens a transaction nor writes."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.audit.models import Event
from core.kernel.context import Actor, actor_scope
from core.plugin_host.service import enable
from core.testing.world import World

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@pytest.mark.django_db(transaction=True)
def test_the_database_keeps_what_it_committed() -> None:
    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)
        return

    def pragma(name: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {name}")
            return cursor.fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("foreign_keys") == 1 and pragma("recursive_triggers") == 1
    assert pragma("busy_timeout") == 20_000
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        pass
    assert seen.captured_queries[0]["sql"] == "BEGIN IMMEDIATE"
    assert connection.settings_dict["ATOMIC_REQUESTS"] is False


@pytest.mark.django_db(transaction=True)
def test_a_get_opens_no_transaction_and_writes_at_most_that_it_was_read() -> None:
    world = World.small()
    enable("warning", world.hospital(), by=Actor.system("test"))
    client = Client()
    with actor_scope(Actor.system("test")):
        client.force_login(world.user("hospital_admin"))
    base, department = "/api/v1/h/binjiang", world.department("骨科")
    before = Event.objects.count()
    for path, reads in (
        ("/home", 0),
        ("/menu", 0),
        ("/plugins", 0),
        ("/resources/org.department", 0),
        ("/resources/org.department/rows", 0),
        (f"/resources/org.department/rows/{department.uid}", 0),
        ("/resources/lake.import/rows", 0),
    ):
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(base + path)
        assert answer.status_code == 200, path
        said = [query["sql"].lstrip().upper() for query in seen.captured_queries]
        assert [sql for sql in said if sql.startswith(("BEGIN", "SAVEPOINT", "COMMIT"))] == [], path
        assert len([sql for sql in said if sql.startswith(WRITES)]) == reads, path
    assert Event.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_reading_sensitive_rows_writes_one_event_and_opens_no_transaction() -> None:
    world = World.small()
    client = Client()
    with actor_scope(Actor.system("test")):
        client.force_login(world.user("hospital_admin"))
    person = world.user("doctor").person
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(f"/api/v1/h/binjiang/resources/org.person/rows/{person.uid}")
    assert answer.status_code == 200
    said = [query["sql"].lstrip().upper() for query in seen.captured_queries]
    assert [sql for sql in said if sql.startswith(("BEGIN", "SAVEPOINT"))] == []
    writes = [sql for sql in said if sql.startswith(WRITES)]
    assert len(writes) <= 1 and all('"AUDIT_EVENT"' in sql for sql in writes)
