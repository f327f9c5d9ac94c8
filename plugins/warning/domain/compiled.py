"""SQL of rules, compiled once: a rule's text, its values, its months and the shape of its tables decide it, nothing else does.

`prepare` puts every table behind a view of a fixed name, so the same text runs on the next connection and the next hospital too.
Compiling costs 10–100 ms a rule, as much as some rules take to run.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import ibis
import ibis.expr.operations as ops
import pandas as pd

from .compile import compile_rule, parameters, span, zero_base
from .prepare import VIEW
from .rules import Rule

KEPT = 512
_known: OrderedDict[tuple, str | None] = OrderedDict()


def measure_sql(
    rule: Rule, con: Any, tables: Mapping[str, ibis.Table], months: list[str], given: Mapping | None = None
) -> str:
    """The SQL of a rule's measured table. Raises Missing, as `compile_rule`."""
    text = _sql("measure", compile_rule, rule, con, tables, months, given)
    assert text is not None
    return text


def base_sql(
    rule: Rule, con: Any, tables: Mapping[str, ibis.Table], months: list[str], given: Mapping | None = None
) -> str | None:
    """The SQL of `zero_base`, None where the rule has none."""
    return _sql("base", zero_base, rule, con, tables, months, given)


def read(con: Any, text: str) -> pd.DataFrame:
    """The answer of a compiled text. Executed at once: a DuckDB relation would bind it twice, a third of a small rule's cost.

    Decimals become doubles here: they were summed as decimals, and are shown with nine digits."""
    return con.con.execute(text).df()


def forget() -> None:
    """Empties the store (for measurements)."""
    _known.clear()


def _sql(
    part: str,
    make: Callable[..., ibis.Table | None],
    rule: Rule,
    con: Any,
    tables: Mapping[str, ibis.Table],
    months: list[str],
    given: Mapping | None,
) -> str | None:
    key = _key(part, rule, tables, months, given)
    if key is not None and key in _known:
        _known.move_to_end(key)
        return _known[key]
    made = make(rule, tables, months, given)
    text = None if made is None else str(con.compile(made))
    if key is not None:
        _known[key] = text
        if len(_known) > KEPT:
            _known.popitem(last=False)
    return text


def _key(
    part: str, rule: Rule, tables: Mapping[str, ibis.Table], months: list[str], given: Mapping | None
) -> tuple | None:
    """What decides the text; None where a table is more than a prepared view (narrowed to some departments)."""
    shapes = []
    for name in sorted(rule.datasets):
        table = tables.get(name)
        if table is None:
            return None
        node = table.op()
        if not isinstance(node, ops.DatabaseTable) or node.name != VIEW + name:
            return None
        shapes.append((name, node.schema))
    values = json.dumps(parameters(rule, given), sort_keys=True, default=str)
    return part, rule.digest, values, span(rule, months), tuple(shapes)
