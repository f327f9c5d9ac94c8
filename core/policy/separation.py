"""Administrators kept apart (三员分立), held by the database itself: whoever writes a post, and by whatever way.

A person may not hold two roles of a pair on one day, in any hospital of the installation: the database refuses the
row that would make it so, also when only its dates, its person or its role change. Made after each migrate, since a
rebuilt table on SQLite loses its triggers; `missing` tells at start and in /health. See docs/adr.
"""

from typing import Any

from django.db import connections, transaction

from core.policy.roles import SEPARATED_PAIRS

NAME = "policy_separated_administrators"
TABLE = "org_post"
_COLUMNS = "role, person_id, starts_on, ends_on"
_LAST_DAY = "9999-12-31"


def make(using: str = "default") -> None:
    """Make the triggers what they should be; nothing where they are."""
    if not missing(using):
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for statement in [*_drops(using), *_creates(using)]:
            cursor.execute(statement)


def drop(using: str = "default") -> None:
    """Remove them: a migration is about to rebuild tables."""
    if TABLE not in connections[using].introspection.table_names():
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for statement in _drops(using):
            cursor.execute(statement)


def missing(using: str = "default") -> list[str]:
    """What the database lacks, as Chinese sentences for an operator; empty when the rule is held."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names():
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [NAME + "%"]
            )
            have = {name: _plain(sql) for name, sql in cursor.fetchall()}
            wanted = {f"{NAME}_{n}": _plain(sql) for n, sql in enumerate(_creates(using))}
        else:
            cursor.execute(
                "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
                " WHERE t.tgname = %s AND t.tgenabled <> 'D'",
                [NAME],
            )
            have = {name: _plain(source) for name, source in cursor.fetchall()}
            wanted = {NAME: _plain(_body())}
    return [f"数据库缺少三员分立的约束：{name}" for name in wanted if have.get(name) != wanted[name]]


def _drops(using: str) -> list[str]:
    if connections[using].vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {NAME}_{n}" for n in range(2)]
    return [f"DROP TRIGGER IF EXISTS {NAME} ON {TABLE}", f"DROP FUNCTION IF EXISTS {NAME}()"]


def _creates(using: str) -> list[str]:
    if connections[using].vendor == "sqlite":
        return [
            f"CREATE TRIGGER {NAME}_{n} AFTER {event} ON {TABLE} FOR EACH ROW WHEN NEW.role IN ({_roles()})"
            f" BEGIN SELECT RAISE(ABORT, '{NAME}') WHERE EXISTS ({_clash()}); END"
            for n, event in enumerate(("INSERT", f"UPDATE OF {_COLUMNS}"))
        ]
    return [
        f"CREATE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $${_body()}$$",
        f"CREATE TRIGGER {NAME} AFTER INSERT OR UPDATE OF {_COLUMNS} ON {TABLE} FOR EACH ROW"
        f" WHEN (NEW.role IN ({_roles()})) EXECUTE FUNCTION {NAME}()",
    ]


def _body() -> str:
    """PostgreSQL: the lock makes two transactions that write posts of one person look one after the other."""
    return (
        f" BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('{NAME}:' || NEW.person_id, 0));"
        f" IF EXISTS ({_clash()}) THEN RAISE EXCEPTION '{NAME}' USING ERRCODE = 'exclusion_violation'; END IF;"
        " RETURN NULL; END "
    )


def _clash() -> str:
    pairs = " OR ".join(
        f"(NEW.role = '{one}' AND other.role = '{two}')"
        for pair in sorted(sorted(pair) for pair in SEPARATED_PAIRS)
        for one, two in (pair, pair[::-1])
    )
    return (
        f"SELECT 1 FROM {TABLE} other WHERE other.person_id = NEW.person_id AND other.id <> NEW.id"  # noqa: S608 - constants of this module and role codes
        f" AND other.starts_on <= coalesce(NEW.ends_on, '{_LAST_DAY}')"
        f" AND coalesce(other.ends_on, '{_LAST_DAY}') >= NEW.starts_on AND ({pairs})"
    )


def _roles() -> str:
    return ", ".join(f"'{role}'" for role in sorted(frozenset().union(*SEPARATED_PAIRS)))


def _plain(text: Any) -> str:
    return " ".join(str(text).split())
