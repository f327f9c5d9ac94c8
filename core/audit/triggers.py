"""Triggers on every table of ours: made from the model registry and the database's table list, and compared with it.

`pre_migrate` drops them (a migration on SQLite fails on a trigger that names its column), the last `post_migrate`
makes them again. Between the two, and after a crash between the two, `missing_triggers` tells.
"""

from dataclasses import dataclass
from types import ModuleType

from django.apps import apps
from django.db import connections, router, transaction
from django.db.models import CompositePrimaryKey

from core.audit import exempt, postgresql, sqlite

DIALECTS: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql}


@dataclass(frozen=True)
class Watched:
    """A table with triggers, and its columns as the database has them."""

    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    secret: tuple[str, ...]
    quiet: tuple[str, ...]
    binary: tuple[str, ...]
    frozen: bool = False  # the model says `audit_frozen`: rows are never changed or removed


def watched(using: str = "default") -> list[Watched]:
    """Tables that must have triggers: managed models ∩ tables of the database, less the exempt."""
    connection = connections[using]
    present = _dialect(using).columns(connection)
    found: dict[str, Watched] = {}
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        table = meta.db_table
        if meta.proxy or meta.swapped or not meta.managed or exempt.is_exempt(table) or table not in present:
            continue
        if table in found or not router.allow_migrate_model(using, model):
            continue
        pk = meta.pk
        fields = [meta.get_field(n) for n in pk.field_names] if isinstance(pk, CompositePrimaryKey) else [pk]
        columns = [name for name, _ in present[table]]
        found[table] = Watched(
            table,
            tuple(field.column for field in fields),
            tuple(columns),
            tuple(exempt.secret_columns(model, columns)),
            tuple(c for c in exempt.QUIET.get(table, ()) if c in columns),
            tuple(name for name, kind in present[table] if kind in ("blob", "bytea")),
            bool(getattr(model, "audit_frozen", False)),
        )
    return sorted(found.values(), key=lambda one: one.table)


def missing_triggers(using: str = "default") -> list[str]:
    """How the database's triggers differ from the expected ones; empty when they agree. Chinese, for an operator."""
    dialect, connection = _dialect(using), connections[using]
    expected = dialect.expected(watched(using))
    actual = dialect.actual(connection)
    problems = [f"缺少审计触发器：{name}" for name in expected if name not in actual]
    problems += [
        f"审计触发器与预期不同：{name}"
        for name in expected
        if actual.get(name, expected[name]) != expected[name]
    ]
    problems += [f"多出审计触发器：{name}" for name in actual if name not in expected]
    return sorted(problems)


def make_triggers(using: str = "default") -> None:
    """Make the triggers what they should be; does nothing where they are. Needs the audit tables."""
    if not missing_triggers(using):
        return
    connection, dialect = connections[using], _dialect(using)
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in [*dialect.drop(connection), *dialect.create(watched(using))]:
            cursor.execute(statement)


def audit_tables_ready(using: str = "default") -> bool:
    """Whether the tables that the triggers write to are there."""
    return {"audit_change", "audit_event"} <= set(connections[using].introspection.table_names())


def drop_triggers(using: str = "default") -> None:
    """Remove every trigger of ours."""
    connection = connections[using]
    statements = _dialect(using).drop(connection)
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _dialect(using: str) -> ModuleType:
    return DIALECTS[connections[using].vendor]
