"""One vectors file, one truth: Python, the running database (SQLite or PostgreSQL), DuckDB."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import ibis
import pytest
from django.db import connection, models
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernel import clock
from core.kernel.context import Actor, actor_scope
from core.kernel.errors import Problem
from core.kernel.expressions import Col, evaluate, in_words, parse, to_ibis, to_json, to_q

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
TYPES = {key: field["type"] for key, field in VECTORS["fields"].items()}
COLUMNS = {key: Col(key, field.get("scale", 0)) for key, field in VECTORS["fields"].items()}
CASES = [pytest.param(c["where"], c["matches"], id=c["name"]) for c in VECTORS["cases"]]
TODAY = datetime.fromisoformat(VECTORS["today"])


class VectorRow(models.Model):
    """The vectors' rows in the running database; made and dropped by the test."""

    title = models.CharField(max_length=50, null=True)
    state = models.CharField(max_length=50, null=True)
    amount = models.BigIntegerField(null=True)
    qty = models.IntegerField(null=True)
    ratio = models.FloatField(null=True)
    day = models.DateField(null=True)
    due = models.DateField(null=True)
    at = models.DateTimeField(null=True)
    month = models.CharField(max_length=7, null=True)
    urgent = models.BooleanField(null=True)
    ref = models.UUIDField(null=True)

    class Meta:
        app_label = "expression_vectors"
        managed = False


@pytest.fixture(autouse=True)
def _held_clock():
    with clock.turned(TODAY):
        yield


@pytest.fixture(scope="module")
def stored(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), actor_scope(Actor.system("test")):
        with connection.schema_editor() as editor:
            editor.create_model(VectorRow)
        for row in VECTORS["rows"]:
            VectorRow.objects.create(**{k: _db(k, v) for k, v in row.items()})
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(VectorRow)


@pytest.fixture(scope="module")
def lines():
    schema = {
        "id": "int64", "title": "string", "state": "string", "amount": "decimal(18,5)", "qty": "int32",
        "ratio": "float64", "day": "date", "due": "date", "at": "timestamp", "month": "string",
        "urgent": "boolean", "ref": "string",
    }  # fmt: skip
    db = ibis.duckdb.connect()
    made = ", ".join(f'"{n}" {_duck(t)}' for n, t in schema.items())
    db.raw_sql(f"CREATE TABLE vectors ({made})")
    for row in VECTORS["rows"]:
        values = [(v or "").replace("+00:00", "") or None if k == "at" else v for k, v in row.items()]
        db.con.execute(f"INSERT INTO vectors VALUES ({', '.join('?' * len(values))})", values)
    return db.table("vectors")


def _duck(kind):
    names = {
        "string": "VARCHAR",
        "int64": "BIGINT",
        "int32": "INTEGER",
        "float64": "DOUBLE",
        "boolean": "BOOLEAN",
    }
    return names.get(kind, kind.upper())


def _db(key, value):
    kind = TYPES.get(key)
    if value is None or kind is None:
        return value
    if kind == "number":
        return int(Decimal(value).scaleb(COLUMNS[key].scale))
    made = {"date": date.fromisoformat, "datetime": datetime.fromisoformat, "uid": UUID}.get(kind)
    return made(value) if made else value


@pytest.mark.parametrize(("where", "matches"), CASES)
def test_python(where, matches):
    expr = parse(where, TYPES)
    assert [row["id"] for row in VECTORS["rows"] if evaluate(expr, row)] == matches


@pytest.mark.parametrize(("where", "matches"), CASES)
def test_django(where, matches, stored, db):
    expr = parse(where, TYPES)
    found = VectorRow.objects.filter(to_q(expr, COLUMNS)).order_by("id").values_list("id", flat=True)
    assert list(found) == matches


@pytest.mark.parametrize(("where", "matches"), CASES)
def test_duckdb(where, matches, lines):
    expr = parse(where, TYPES)
    found = lines.filter(to_ibis(expr, lines)).order_by("id").id.execute()
    assert list(found) == matches


@pytest.mark.parametrize(("where", "matches"), CASES)
def test_round_trip_and_words(where, matches):
    expr = parse(where, TYPES)
    assert parse(json.loads(json.dumps(to_json(expr))), TYPES) == expr
    assert in_words(expr, dict.fromkeys(TYPES, "字段"))


@pytest.mark.parametrize(
    ("where", "pointer"), [pytest.param(c["where"], c["pointer"], id=c["name"]) for c in VECTORS["refused"]]
)
def test_refused(where, pointer):
    with pytest.raises(Problem) as caught:
        parse(where, TYPES)
    assert caught.value.status == 422
    assert [e.pointer for e in caught.value.errors] == [pointer]


def test_limits():
    deep = {"op": "is_null", "args": [{"field": "state"}]}
    for _ in range(100_000):
        deep = {"op": "not", "args": [deep]}
    wide = {"op": "or", "args": [{"op": "is_null", "args": [{"field": "state"}]}] * 50}
    many = {"op": "in", "args": [{"field": "state"}, {"value": ["x"] * 501}]}
    for tree in (deep, {"op": "and", "args": [wide] * 5}, many):
        with pytest.raises(Problem):
            parse(tree, TYPES)


def test_every_operator_has_a_vector():
    from core.kernel.expressions import OPERATORS

    used = set()

    def walk(node):
        if "op" in node:
            used.add(node["op"])
            for arg in node["args"]:
                walk(arg)

    for case in VECTORS["cases"]:
        walk(case["where"])
    assert used == set(OPERATORS)


_LEAVES = st.recursive(
    st.sampled_from([c["where"] for c in VECTORS["cases"]]),
    lambda inner: st.one_of(
        st.builds(lambda a: {"op": "not", "args": [a]}, inner),
        st.builds(lambda op, a, b: {"op": op, "args": [a, b]}, st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(where=_LEAVES)
def test_random_combinations_agree(where, stored, lines, django_db_blocker):
    """Any combination of the vectors: database and DuckDB find the rows that Python finds."""
    try:
        expr = parse(where, TYPES)
    except Problem as problem:
        assert "过深" in problem.detail or "过多" in problem.detail
        return
    with clock.turned(TODAY), django_db_blocker.unblock():
        wanted = [row["id"] for row in VECTORS["rows"] if evaluate(expr, row)]
        assert sorted(VectorRow.objects.filter(to_q(expr, COLUMNS)).values_list("id", flat=True)) == wanted
    assert sorted(lines.filter(to_ibis(expr, lines)).id.execute()) == wanted
