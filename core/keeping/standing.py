"""How the database stands before an upgrade: what is pending, whether there is data, and whether the tables are newer."""

from typing import Any

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from core.keeping import database
from core.org.models import Hospital


def standing() -> dict[str, Any]:
    """{pending, newer, data, users}: migrations to run, migrations this program is too old for, any hospital, who is on.

    Reads only. Raises the driver's error when the database does not answer.
    """
    live = connections["default"]
    executor = MigrationExecutor(live)
    loader = executor.loader
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    there = Hospital._meta.db_table in live.introspection.table_names()
    return {
        "pending": [f"{step.app_label}.{step.name}" for step, _ in plan],
        "newer": newer(loader.disk_migrations, loader.applied_migrations),
        "data": there and Hospital.objects.exists(),
        "users": database.users(),
    }


def newer(known: Any, applied: Any) -> list[str]:
    """Applied migrations that come after the last one this program knows of that app.

    An app that is not installed, and an old migration that was squashed away, say nothing about the program's age.
    """
    last: dict[str, str] = {}
    for app, name in known:
        last[app] = max(name, last.get(app, ""))
    return sorted(f"{app}.{name}" for app, name in applied if app in last and name > last[app])
