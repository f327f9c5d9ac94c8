"""Text search of a list in two steps: the keys of the rows that hold the text, then the page among them.

A rare or absent text would otherwise be looked for row by row in the order of the list, with joins for each row. The
first step has no order and no join: a text of another table becomes `… IN (keys of that table that hold it)`, and the
rest is read from one index that holds the searched columns (`Meta.indexes` of the model). What matches stays the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Model, Q

from core.kernel.expressions import Call, Col, Expr, Field, Value, both, to_q

#: More hits than this: the text is common, and the list in its order meets 50 of them soon. Above what is counted.
CAP = 3000


def split(
    model: type[Model], where: Expr, paths: Mapping[str, Col], reach: Mapping[str, str], hospital_id: int
) -> tuple[Q, Expr | None] | None:
    """Text tests without joins, and what else `where` demands; None when it has no such test.

    `reach`: an annotation's name → path (it may lead to many rows) of texts among which the annotation's is; such a
    test is demanded as it stands as well.
    """
    joined, rest = Q(), []
    for part in _parts(where):
        found = _group(model, part, paths, reach, hospital_id)
        if found is None:
            rest.append(part)
            continue
        condition, exact = found
        joined &= condition
        if not exact:
            rest.append(part)
    return (joined, both(*rest)) if joined else None


def _parts(where: Expr) -> Iterator[Expr]:
    """What all must hold."""
    if isinstance(where, Call) and where.op == "and":
        for arg in where.args:
            yield from _parts(arg)
    else:
        yield where


def _group(
    model: type[Model], part: Expr, paths: Mapping[str, Col], reach: Mapping[str, str], hospital_id: int
) -> tuple[Q, bool] | None:
    """A "contains", or alternatives of such, and whether the answer says exactly the same."""
    tests = part.args if isinstance(part, Call) and part.op == "or" else (part,)
    found, exact = Q(), True
    for test in tests:
        if not _plain(test):
            return None
        path = paths[test.args[0].key].path  # type: ignore[union-attr]
        exact = exact and path not in reach
        one = _semi(model, reach.get(path, path), test, hospital_id)  # type: ignore[arg-type]
        if one is None:
            return None
        found |= one
    return found, exact


def _plain(expr: Expr) -> bool:
    return (
        isinstance(expr, Call)
        and expr.op == "contains"
        and isinstance(expr.args[0], Field)
        and isinstance(expr.args[1], Value)
    )


def _semi(model: type[Model], path: str, test: Call, hospital_id: int) -> Q | None:
    """The test without joins; None for a path that is no column (an annotation)."""
    name, _, rest = path.partition("__")
    known = {field.name: field for field in model._meta.get_fields()}
    field: Any = known.get(name)
    if field is None:
        return None
    if not rest:
        return to_q(test, {test.args[0].key: Col(path)})  # type: ignore[union-attr]
    inner = _semi(field.related_model, rest, test, hospital_id)
    if inner is None:
        return None
    others = field.related_model._base_manager.filter(inner)
    if not field.one_to_many:
        return Q(**{f"{name}__in": others.values("pk")})
    if any(one.name == "hospital" for one in field.related_model._meta.get_fields()):
        others = others.filter(hospital_id=hospital_id)
    return Q(pk__in=others.values(field.field.attname))
