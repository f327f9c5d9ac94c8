"""The two sources, filled with the same rows."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from core.kernel.context import actor_scope, hospital_scope
from core.policy.table import load_table
from core.resources import registry
from core.resources.line_source import LineSource, Pinned
from core.resources.model_source import ModelSource
from core.resources.source import Source
from tests.contract.resources import world as made

LINES = {
    "number": "int64",
    "name": "string",
    "state": "string",
    "department": "int64",
    "department_id": "int64",
    "day": "date",
    "amount": "int64",
    "note": "string",
    "import_id": "int64",
    "file_row": "int64",
}


@pytest.fixture(scope="module")
def thing_table(django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
    """The table of `Thing`, for the module."""
    with django_db_blocker.unblock(), actor_scope(made.SYSTEM):
        with connection.schema_editor() as editor:
            editor.create_model(made.Thing)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(made.Thing)


@pytest.fixture
def world(db: Any, tmp_path: Any) -> Iterator[made.World]:
    """Hospitals, people, policy and rows."""
    yield made.make_world(tmp_path)
    registry.forget(made.KEY)
    (tmp_path / "none.csv").write_text(made.EMPTY_POLICY, encoding="utf-8")
    load_table(tmp_path / "none.csv", "contract")


@pytest.fixture
def model_source(thing_table: None, world: made.World) -> Source:
    """Rows in the running database."""
    with actor_scope(made.SYSTEM):
        for hospital, rows in ((world.hospital, world.rows), (world.other, world.foreign)):
            with hospital_scope(hospital):
                made.Thing.unscoped.bulk_create(
                    [
                        made.Thing(
                            hospital=hospital,
                            number=r["number"],
                            name=r["name"],
                            state=r["state"],
                            department_id=r["department"],
                            day=r["day"],
                            amount=None if r["amount"] is None else int(r["amount"] * 100),
                            note=r["note"],
                        )
                        for r in rows
                    ],
                    batch_size=500,
                )
    return ModelSource(made.Thing, label="name", state="state")


@pytest.fixture
def line_source(world: made.World, tmp_path: Any) -> Source:
    """Rows in Parquet, two files a hospital."""
    files = {}
    for hospital, rows in ((world.hospital, world.rows), (world.other, world.foreign)):
        half = len(rows) // 2
        paths = []
        for number, part in enumerate((rows[:half], rows[half:]), 1):
            path = tmp_path / f"{hospital.slug}-{number}.parquet"
            columns: dict[str, Any] = {
                key: [r[key] for r in part] for key in ("number", "name", "state", "day", "note")
            }
            columns |= {key: [r["department"] for r in part] for key in ("department", "department_id")}
            columns["amount"] = [None if r["amount"] is None else int(r["amount"] * 100) for r in part]
            columns["import_id"] = [number] * len(part)
            columns["file_row"] = list(range(2, len(part) + 2))
            kinds = {"string": pa.string(), "int64": pa.int64(), "date": pa.date32()}
            schema = pa.schema([(name, kinds[LINES[name]]) for name in columns])
            pq.write_table(pa.table(columns, schema=schema), path)
            paths.append(str(path))
        files[hospital.id] = tuple(paths)
    return LineSource(
        lambda hospital_id: Pinned(files[hospital_id], "2024-01-31"), LINES, label="name", state="state"
    )


@pytest.fixture(params=["model", "line"])
def source(request: pytest.FixtureRequest) -> Source:
    """Each case runs on both."""
    found: Source = request.getfixturevalue(f"{request.param}_source")
    return found


@pytest.fixture
def resource(source: Source) -> Source:
    """Registered without row actions, as both can be."""
    registry.register(made.spec(), source)
    return source


@pytest.fixture
def writable(model_source: Source) -> Source:
    """Registered with actions: only rows in the database change."""
    registry.register(made.spec(actions=made.ACTIONS), model_source)
    return model_source
