"""Queries that every request asks: written with the ORM, compiled to SQL once, run with new values.

Building and compiling a query costs Django one to three milliseconds, several times what the database needs for it.
"""

import copy
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, QuerySet, Value

from core.kernel.context import hospital_scope


class Slot(Value):
    """A place for a value that is given at each run, written as `field` writes it."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(name, output_field=field)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """The placeholder, and the slot itself as its parameter."""
        return "%s", [self]


class Prepared:
    """A query of `values_list`, made once by `build`, with a `Slot` for whatever changes.

    Sound only for queries whose shape never depends on the values (no None for an `=`, no list) and that take the
    hospital as a slot: a manager of the entered hospital raises HospitalRequired while the query is built.
    """

    def __init__(self, build: "Callable[[], QuerySet[Any, Any]]") -> None:
        self.build = build
        self.made: dict[tuple[str, str], tuple[str, tuple[Any, ...], Any]] = {}

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows, with the fields' own Python types. Raises KeyError for a slot without a value."""
        connection = connections[DEFAULT_DB_ALIAS]
        key = (connection.vendor, connection.alias)
        if key not in self.made:
            with hospital_scope(None):  # a manager that asks for the entered hospital raises, and is not kept
                compiler = self.build().query.get_compiler(using=connection.alias)
            sql, found = compiler.as_sql()
            self.made[key] = (sql, tuple(found), compiler)
        sql, params, compiler = self.made[key]
        with connection.cursor() as cursor:
            cursor.execute(sql, [_written(one, values, connection) for one in params])
            fetched = cursor.fetchall()
        live = copy.copy(compiler)
        live.connection = connection  # converters ask it, and a connection belongs to one thread
        return list(live.results_iter([fetched], tuple_expected=True))


def _written(param: Any, values: dict[str, Any], connection: Any) -> Any:
    if not isinstance(param, Slot):
        return param
    return param.output_field.get_db_prep_value(values[param.value], connection)
