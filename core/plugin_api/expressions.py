"""The expression tree for plugins."""

from collections.abc import Mapping
from typing import Any

from core.kernel.expressions import Col, Expr, evaluate, parse, to_ibis, to_q

__all__ = ["Expr", "evaluate", "lines_filter", "parse", "to_ibis", "to_q"]

#: DuckDB type → type in expressions.
_TYPES = {
    "VARCHAR": "text",
    "INTEGER": "number",
    "BIGINT": "number",
    "DATE": "date",
    "TIMESTAMP": "datetime",
    "BOOLEAN": "bool",
}


def lines_filter(tree: Any, schema: Mapping[str, str], table: Any, zone: str) -> Any:
    """The condition as an Ibis boolean over a landed table (column → DuckDB type); its times are of `zone`."""
    types = {name: _TYPES.get(kind.split("(")[0], "number") for name, kind in schema.items()}
    columns = {name: Col(name, 0, zone if kind == "datetime" else "") for name, kind in types.items()}
    return to_ibis(parse(tree, types), table, columns)
