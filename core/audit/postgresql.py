"""The triggers in PostgreSQL's SQL: four a table, one call a statement over its transition tables.

Row triggers cost a function call a row; a statement trigger writes the log of 10,000 rows with one INSERT.
TRUNCATE, which no row trigger sees, is refused without an actor and logged as op T. A frozen table has a fifth, which
refuses UPDATE, DELETE and TRUNCATE.
"""

from collections.abc import Iterable
from typing import Any

from core.audit.exempt import MARK

FUNCTION = "qinglian_audit"
MASK = "qinglian_mask"
KEEP = "qinglian_keep"
_MASK_BODY = f"""
SELECT CASE WHEN secret IS NULL THEN whole ELSE whole || coalesce(
  (SELECT jsonb_object_agg(k, '{MARK}'::text) FROM unnest(secret) k WHERE whole ->> k IS NOT NULL), '{{}}'::jsonb)
END
"""
_BODY = f"""
DECLARE
  who text := nullif(current_setting('qinglian.actor', true), '');
  keys text[] := string_to_array(TG_ARGV[0], ',');
  secret text[] := string_to_array(nullif(TG_ARGV[1], ''), ',');
  quiet text[] := coalesce(string_to_array(nullif(TG_ARGV[2], ''), ','), '{{}}');
  moment timestamptz := clock_timestamp();
  single boolean := cardinality(keys) = 1;
  touched boolean := true;
BEGIN
  IF who IS NULL THEN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
      SELECT EXISTS (SELECT 1 FROM new_rows) INTO touched;
    ELSIF TG_OP = 'DELETE' THEN
      SELECT EXISTS (SELECT 1 FROM old_rows) INTO touched;
    END IF;
    IF touched THEN
      RAISE EXCEPTION '审计：写入 % 时没有操作者，已拒绝', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    INSERT INTO audit_change ("table", pk, op, at, actor, changes)
    SELECT TG_TABLE_NAME, CASE WHEN single THEN j ->> keys[1] ELSE array_to_string(ARRAY(SELECT j ->> k FROM unnest(keys) k), ',') END, 'I', moment, who,
      {MASK}(j, secret)::text
    FROM (SELECT to_jsonb(this_row) AS j FROM new_rows this_row) w;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO audit_change ("table", pk, op, at, actor, changes)
    SELECT TG_TABLE_NAME, CASE WHEN single THEN j ->> keys[1] ELSE array_to_string(ARRAY(SELECT j ->> k FROM unnest(keys) k), ',') END, 'D', moment, who,
      {MASK}(j, secret)::text
    FROM (SELECT to_jsonb(this_row) AS j FROM old_rows this_row) w;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO audit_change ("table", pk, op, at, actor, changes)
    SELECT TG_TABLE_NAME, coalesce(n.key, o.key), 'U', moment, who, d.said::text
    FROM (SELECT j, CASE WHEN single THEN j ->> keys[1] ELSE array_to_string(ARRAY(SELECT j ->> k FROM unnest(keys) k), ',') END AS key
          FROM (SELECT to_jsonb(this_row) AS j FROM new_rows this_row) a) n
    FULL JOIN (SELECT j, CASE WHEN single THEN j ->> keys[1] ELSE array_to_string(ARRAY(SELECT j ->> k FROM unnest(keys) k), ',') END AS key
          FROM (SELECT to_jsonb(this_row) AS j FROM old_rows this_row) b) o ON n.key = o.key
    CROSS JOIN LATERAL (
      SELECT jsonb_object_agg(k, CASE WHEN k = ANY(secret) THEN to_jsonb('{MARK}'::text)
        ELSE jsonb_build_array(o.j -> k, n.j -> k) END) AS said
      FROM jsonb_object_keys(coalesce(n.j, o.j)) k
      WHERE o.j -> k IS DISTINCT FROM n.j -> k AND k <> ALL(quiet)
    ) d
    WHERE n.j IS DISTINCT FROM o.j AND d.said IS NOT NULL;
  ELSE
    INSERT INTO audit_change ("table", pk, op, at, actor, changes) VALUES (TG_TABLE_NAME, '', 'T', moment, who, '');
  END IF;
  RETURN NULL;
END
"""

_KEEP_BODY = """
DECLARE
  there boolean := true;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', TG_TABLE_NAME) INTO there;
    IF NOT there THEN
      RETURN NULL;
    END IF;
  END IF;
  RAISE EXCEPTION '% 的行一经写入不得修改或删除，已拒绝', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
"""

#: op → clause of CREATE TRIGGER, pg_trigger.tgtype, old and new transition table.
_OPS: dict[str, tuple[str, int, str | None, str | None]] = {
    "insert": ("AFTER INSERT ON {} REFERENCING NEW TABLE AS new_rows", 4, None, "new_rows"),
    "update": (
        "AFTER UPDATE ON {} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        16,
        "old_rows",
        "new_rows",
    ),
    "delete": ("AFTER DELETE ON {} REFERENCING OLD TABLE AS old_rows", 8, "old_rows", None),
    "truncate": ("BEFORE TRUNCATE ON {}", 2 | 32, None, None),
}


def columns(connection: Any) -> dict[str, list[tuple[str, str]]]:
    """Table → (column, type) as the database has them, in the current schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, t.typname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " JOIN pg_type t ON t.oid = a.atttypid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
            " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in cursor.fetchall():
            found.setdefault(table, []).append((column, kind))
    return found


def actual(connection: Any) -> dict[str, Any]:
    """`table.op` → what the database has of that trigger; a disabled one differs. The functions' texts too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname, t.tgtype, t.tgenabled, p.proname, t.tgargs, t.tgoldtable, t.tgnewtable,"
            " t.tgqual IS NULL"
            " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND t.tgname LIKE 'qinglian\\_%%'",
            [],
        )
        found: dict[str, Any] = {}
        for table, name, kind, enabled, function, args, old, new, plain in cursor.fetchall():
            texts = tuple(bytes(args).decode().split("\0")[:-1])
            found[f"{table}.{name.removeprefix('qinglian_')}"] = (
                kind,
                enabled,
                function,
                texts,
                old,
                new,
                plain,
            )
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
            " AND proname IN (%s, %s, %s)",
            [FUNCTION, MASK, KEEP],
        )
        found.update({f"{name}()": body for name, body in cursor.fetchall()})
    return found


def expected(tables: Iterable[Any]) -> dict[str, Any]:
    """`table.op` → what the trigger should be, and the functions' texts."""
    found: dict[str, Any] = {f"{FUNCTION}()": _BODY, f"{MASK}()": _MASK_BODY, f"{KEEP}()": _KEEP_BODY}
    for table in tables:
        for op, (_, kind, old, new) in _OPS.items():
            found[f"{table.table}.{op}"] = (kind, "O", FUNCTION, _arguments(table), old, new, True)
        if table.frozen:
            found[f"{table.table}.keep"] = (2 | 8 | 16 | 32, "O", KEEP, (), None, None, True)
    return found


def create(tables: Iterable[Any]) -> list[str]:
    """Statements that make the functions and the triggers."""
    statements = [
        f"CREATE FUNCTION {MASK}(whole jsonb, secret text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $body${_MASK_BODY}$body$",
        f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $body${_BODY}$body$",
        f"CREATE FUNCTION {KEEP}() RETURNS trigger LANGUAGE plpgsql AS $body${_KEEP_BODY}$body$",
    ]
    for table in tables:
        arguments = ", ".join(f"'{argument}'" for argument in _arguments(table))
        for op, (clause, *_) in _OPS.items():
            target = '"' + table.table + '"'
            statements.append(
                f"CREATE TRIGGER qinglian_{op} {clause.format(target)}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}({arguments})"
            )
        statements += freezing([table])
    return statements


def freezing(tables: Iterable[Any]) -> list[str]:
    """Statements that make only the triggers of frozen tables."""
    return [
        f'CREATE TRIGGER qinglian_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table.table}"'
        f" FOR EACH STATEMENT EXECUTE FUNCTION {KEEP}()"
        for table in tables
        if table.frozen
    ]


def thawing(tables: Iterable[Any]) -> list[str]:
    """Statements that remove only those."""
    return [f'DROP TRIGGER IF EXISTS qinglian_keep ON "{table.table}"' for table in tables if table.frozen]


def drop(connection: Any) -> list[str]:
    """Statements that remove the triggers and functions there are."""
    statements = []
    for name in actual(connection):
        if not name.endswith("()"):
            table, _, op = name.rpartition(".")
            statements.append(f'DROP TRIGGER "qinglian_{op}" ON "{table}"')
    return [
        *statements,
        f"DROP FUNCTION IF EXISTS {FUNCTION}()",
        f"DROP FUNCTION IF EXISTS {MASK}(jsonb, text[])",
        f"DROP FUNCTION IF EXISTS {KEEP}()",
    ]


def _arguments(table: Any) -> tuple[str, ...]:
    return (",".join(table.keys), ",".join(table.secret), ",".join(table.quiet))
