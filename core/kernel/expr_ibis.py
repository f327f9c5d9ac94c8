"""Expression → Ibis, for lines in Parquet (DuckDB, Spark). Ibis is imported on first use: it takes half a second."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache, reduce
from operator import and_, or_
from typing import Any
from zoneinfo import ZoneInfo

from core.kernel import clock
from core.kernel.expr_nodes import FOLD_FROM, FOLD_TO, TEXT_TESTS, Call, Col, Expr, Field, Value, column, fold


def to_ibis(expr: Expr, table: Any, columns: Mapping[str, "str | Col"] | None = None) -> Any:
    """A condition as an Ibis boolean of `table`, fit for `filter` (a null counts as false there).

    `columns`: field key → column name; without it fields are named like columns.
    """
    bound = dict(columns) if columns is not None else {name: name for name in table.columns}
    return _Compiler(table, bound).test(expr)


class _Compiler:
    def __init__(self, table: Any, columns: dict[str, "str | Col"]) -> None:
        self.table = table
        self.columns = columns

    def test(self, expr: Expr) -> Any:
        assert isinstance(expr, Call)
        op, args = expr.op, expr.args
        if op == "and":
            return reduce(and_, [self.test(a) for a in args])
        if op == "or":
            return reduce(or_, [self.test(a) for a in args])
        if op == "not":
            return ~self.test(args[0]).fill_null(False)
        if op == "ne":
            return self.test(Call("not", (Call("eq", args, "bool"),), "bool"))
        if op == "is_null":
            return self.value(args[0]).isnull()
        if op in TEXT_TESTS:
            text = _translate()(self.value(args[0]), FOLD_FROM, FOLD_TO)
            part = fold(args[1].value)  # type: ignore[union-attr]
            if op == "contains":
                return text.contains(part)
            return text.startswith(part) if op == "starts_with" else text.endswith(part)
        if op == "in":
            return self._in(*args)
        if args[0].type == "datetime":
            zone = self._zone(args)
            sides = [_instant(a, zone) if isinstance(a, Value) else self.value(a) for a in args]
        else:
            sides = [self.value(a, "double" in {b.type for b in args}) for a in args]
        if args[0].type == "number":
            sides = _comparable(sides)
        if op == "between":
            return (sides[0] >= sides[1]) & (sides[0] <= sides[2])
        a, b = sides
        match op:
            case "eq":
                return a == b
            case "lt":
                return a < b
            case "le":
                return a <= b
            case "gt":
                return a > b
        return a >= b

    def _in(self, subject: Expr, listed: Expr) -> Any:
        import ibis

        values = listed.value  # type: ignore[union-attr]
        if not values:
            return ibis.literal(False)
        found = self.value(subject)
        zone = self._zone((subject,)) if subject.type == "datetime" else None
        one = [Value(v, subject.type) for v in values]
        pairs = [_comparable([found, _instant(v, zone) if zone else _literal(v)]) for v in one]
        return reduce(or_, [left == right for left, right in pairs])

    def value(self, expr: Expr, double: bool = False) -> Any:
        found = self._value(expr)
        return found.cast("float64") if double and expr.type == "number" else found

    def _value(self, expr: Expr) -> Any:
        import ibis

        if isinstance(expr, Value):
            return _literal(expr)
        if isinstance(expr, Field):
            return self._column(expr)
        op = expr.op
        if op == "today":
            return ibis.date(clock.today().isoformat())
        wide = expr.type == "double"
        if op == "if":
            return ibis.ifelse(self.test(expr.args[0]), *(self.value(a, wide) for a in expr.args[1:]))
        if op == "add_days":
            return (self.value(expr.args[0]) + ibis.interval(days=int(expr.args[1].value))).cast("date")  # type: ignore[union-attr]
        args = [self.value(a, wide) for a in expr.args]
        if op == "coalesce":
            return ibis.coalesce(*args)
        if op in ("length", "year", "month"):
            return getattr(args[0], op)()
        if op == "days_between":
            return args[1].delta(args[0], unit="day")
        if op == "abs":
            return args[0].abs()
        a, b = args
        if op == "div":
            return a / b.nullif(0.0)
        if not wide:
            a, b = _roomy(a), _roomy(b)
        return {"add": lambda: a + b, "sub": lambda: a - b, "mul": lambda: a * b}[op]()

    def _column(self, field: Field) -> Any:
        bound = column(self.columns, field.key)
        found = self.table[bound.path]
        if field.type == "number" and bound.scale:
            step = _literal(Value(Decimal(1).scaleb(-bound.scale), "number")).cast(
                f"decimal(38,{bound.scale})"
            )
            return found.cast("decimal(38,0)") * step
        return found

    def _zone(self, args: tuple[Expr, ...]) -> str:
        """The zone whose wall clock the columns show; "" when the column itself carries one."""
        for arg in args:
            if isinstance(arg, Field):
                bound = column(self.columns, arg.key)
                return "" if self.table[bound.path].type().timezone else bound.zone or "UTC"
        return "UTC"


def _instant(expr: Value, zone: str) -> Any:
    import ibis

    if not zone:
        return ibis.literal(expr.value, type="timestamp('UTC')")
    return ibis.literal(expr.value.astimezone(ZoneInfo(zone)).replace(tzinfo=None), type="timestamp")


def _literal(expr: Value) -> Any:
    import ibis

    value = expr.value
    if expr.type == "number":
        _, digits, exponent = value.as_tuple()
        scale = max(0, -exponent)
        return ibis.literal(value, type=f"decimal({max(len(digits), scale, 1)},{scale})")
    if expr.type == "datetime":
        return _instant(expr, "UTC")
    if expr.type == "uid":
        return ibis.literal(str(value))
    return ibis.literal(value)


def _comparable(sides: list[Any]) -> list[Any]:
    """Decimals that Ibis lets be compared: one type must hold all others, else all are widened.

    A column is left alone where it can be, so that files are still skipped by their statistics.
    """
    kinds = [side.type() for side in sides]
    if not all(kind.is_decimal() for kind in kinds):
        return sides
    precision, scale = max(k.precision for k in kinds), max(k.scale for k in kinds)
    if any((k.precision, k.scale) == (precision, scale) for k in kinds):
        return sides
    return [side.cast(f"decimal(38,{scale})") for side in sides]


def _roomy(value: Any) -> Any:
    """Room for sums and products: 18 digits overflow from 10^10."""
    kind = value.type()
    return value.cast(f"decimal(38,{kind.scale if kind.is_decimal() else 0})")


@cache
def _translate() -> Any:
    import ibis

    @ibis.udf.scalar.builtin
    def translate(text: str, source: str, target: str) -> str: ...  # type: ignore[empty-body] # Ibis calls DuckDB's own

    return translate
