"""The triggers in SQLite's SQL: three a table, each row by itself. The actor comes from a function of the connection.

A frozen table has two more, which refuse UPDATE and DELETE (INSERT OR REPLACE too: recursive triggers are on).
"""

from collections.abc import Iterable
from typing import Any

from core.audit.exempt import MARK

PREFIX = "qinglian_"
NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"  # as Django stores instants; ms
PAIRS = 60  # json_object takes 127 arguments


def columns(connection: Any) -> dict[str, list[tuple[str, str]]]:
    """Table → (column, type) as the database has them; virtual tables left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.name, p.name, lower(p.type) FROM sqlite_master m, pragma_table_info(m.name) p"
            " WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY m.name, p.cid"
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in cursor.fetchall():
            found.setdefault(table, []).append((column, kind))
    return found


def actual(connection: Any) -> dict[str, str]:
    """Trigger name → its text, as kept by the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB %s", [f"{PREFIX}*"]
        )
        return dict(cursor.fetchall())


def expected(tables: Iterable[Any]) -> dict[str, str]:
    """Trigger name → the text it should have."""
    return {name: text for table in tables for name, text in _triggers(table)}


def create(tables: Iterable[Any]) -> list[str]:
    """Statements that make the triggers."""
    return list(expected(tables).values())


def drop(connection: Any) -> list[str]:
    """Statements that remove the triggers there are."""
    return [f"DROP TRIGGER {_name(name)}" for name in actual(connection)]


def _triggers(table: Any) -> list[tuple[str, str]]:
    target = _name(table.table)
    refusal = _text(f"审计：写入 {table.table} 时没有操作者，已拒绝")
    refuse = f"RAISE(ABORT, {refusal})"
    head = 'INSERT INTO audit_change ("table", pk, op, at, actor, changes)'
    who = f"coalesce(qinglian_actor(), {refuse})"

    def whole(op: str, side: str) -> str:
        return f"{head} VALUES ({_text(table.table)}, {_key(table, side)}, '{op}', {NOW}, {who}, {_whole(table, side)});"

    difference = " || ".join(
        _difference(table, column) for column in table.columns if column not in table.quiet
    )
    update = (
        f"SELECT {refuse} WHERE qinglian_actor() IS NULL; "
        f"{head} SELECT {_text(table.table)}, {_key(table, 'NEW')}, 'U', {NOW}, qinglian_actor(),"
        f" '{{' || substr(d, 2) || '}}' FROM (SELECT {difference or _text('')} AS d) WHERE d <> '';"
    )
    bodies = {"insert": whole("I", "NEW"), "update": update, "delete": whole("D", "OLD")}
    found = []
    for op, body in bodies.items():
        name = f"{PREFIX}{op}_{table.table}"
        found.append((name, f"CREATE TRIGGER {_name(name)} AFTER {op.upper()} ON {target} BEGIN {body} END"))
    return found + (_keeping(table.table) if table.frozen else [])


def freezing(tables: Iterable[Any]) -> list[str]:
    """Statements that make only the triggers of frozen tables."""
    return [text for table in tables if table.frozen for _, text in _keeping(table.table)]


def thawing(tables: Iterable[Any]) -> list[str]:
    """Statements that remove only those."""
    return [
        f"DROP TRIGGER IF EXISTS {_name(name)}"
        for table in tables
        if table.frozen
        for name, _ in _keeping(table.table)
    ]


def _keeping(table: str) -> list[tuple[str, str]]:
    """Triggers that refuse to change or remove a row."""
    refusal = _text(f"{table} 的行一经写入不得修改或删除，已拒绝")
    found = []
    for op in ("update", "delete"):
        name = f"{PREFIX}keep_{op}_{table}"
        body = f"BEFORE {op.upper()} ON {_name(table)} BEGIN SELECT RAISE(ABORT, {refusal}); END"
        found.append((name, f"CREATE TRIGGER {_name(name)} {body}"))
    return found


def _whole(table: Any, side: str) -> str:
    """JSON object of all columns, in pieces small enough for one call."""
    pairs = [f"{_text(column)}, {_value(table, column, side)}" for column in table.columns]
    pieces = [f"json_object({', '.join(pairs[i : i + PAIRS])})" for i in range(0, len(pairs), PAIRS)]
    if len(pieces) == 1:
        return pieces[0]
    inner = " || ',' || ".join(f"substr({piece}, 2, length({piece}) - 2)" for piece in pieces)
    return f"'{{' || {inner} || '}}'"


def _difference(table: Any, column: str) -> str:
    old, new = f"OLD.{_name(column)}", f"NEW.{_name(column)}"
    lead = f',"{column}":'
    if column in table.secret:
        said = _text(lead + f'"{MARK}"')
    else:
        pair = f"json_array({_value(table, column, 'OLD')}, {_value(table, column, 'NEW')})"
        said = f"{_text(lead)} || {pair}"
    return f"CASE WHEN {old} IS NOT {new} THEN {said} ELSE '' END"


def _value(table: Any, column: str, side: str) -> str:
    value = f"{side}.{_name(column)}"
    if column in table.secret:
        return f"CASE WHEN {value} IS NOT NULL THEN {_text(MARK)} END"
    return f"hex({value})" if column in table.binary else value


def _key(table: Any, side: str) -> str:
    return " || ',' || ".join(f"CAST({side}.{_name(key)} AS TEXT)" for key in table.keys)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
