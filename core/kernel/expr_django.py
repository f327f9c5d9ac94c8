"""Expression → Django `Q`, with the same truth on SQLite and PostgreSQL.

SQL has three truth values, the expression two. So negation is pushed down to the single tests and each negated test
names the nulls it includes; `NOT` never meets a null.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.backends.signals import connection_created
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    DateField,
    DateTimeField,
    F,
    FloatField,
    Func,
    Q,
    TextField,
    UUIDField,
    When,
)
from django.db.models import Value as SqlValue
from django.db.models.functions import Abs, Cast, Coalesce, ExtractMonth, ExtractYear, Length, NullIf
from django.db.models.lookups import (
    Contains,
    EndsWith,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    StartsWith,
)

from core.kernel import clock
from core.kernel.expr_nodes import FOLD_FROM, FOLD_TO, TEXT_TESTS, Call, Col, Expr, Field, Value, column, fold

_LOOKUPS: dict[str, Any] = {
    "eq": Exact,
    "lt": LessThan,
    "le": LessThanOrEqual,
    "gt": GreaterThan,
    "ge": GreaterThanOrEqual,
}
_NAMES = {"eq": "exact", "lt": "lt", "le": "lte", "gt": "gt", "ge": "gte"}
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
_MIRROR = {"eq": "eq", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_TEXT = {"contains": Contains, "starts_with": StartsWith, "ends_with": EndsWith}
_FOLDED = frozenset(FOLD_TO)
_BIG = 2**63 - 1
_SMALL = 2**15 - 1


def to_q(expr: Expr, columns: Mapping[str, "str | Col"]) -> Q:
    """A condition as `Q`. `columns`: field key → ORM path, or `Col` with the scale of a whole-number column."""
    return _Compiler(dict(columns)).test(expr, False)


class Fold(Func):
    """Text with letters and width folded: `core.kernel.expr_nodes.fold`, in the database."""

    function = "qinglian_fold"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """SQLite calls the Python function, slow per row, only for text with full-width signs; `lower` folds A–Z alone."""
        if connection.connection is not None:
            _register(connection)
        sql, params = compiler.compile(self.source_expressions[0])
        text = f"CASE WHEN {sql} GLOB '*[！-～　]*' THEN qinglian_fold({sql}) ELSE lower({sql}) END"
        return text, [*params, *params, *params]

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """PostgreSQL has `translate`."""
        sql, params = compiler.compile(self.source_expressions[0])
        return f"translate({sql}, %s, %s)", [*params, FOLD_FROM, FOLD_TO]


class _Like(Func):
    """Text against a pattern of `LIKE` whose letters have no case."""

    template = "%(expressions)s"
    arg_joiner = " LIKE "
    arity = 2
    output_field = BooleanField()


class _DaysBetween(Func):
    arity = 2
    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "CAST(julianday(%(expressions)s) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" - ", **extra)


class _AddDays(Func):
    arity = 1
    output_field = DateField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = f"date(%(expressions)s, '{self.extra['days']:+d} days')"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template=f"(%(expressions)s + ({self.extra['days']:d}))", **extra
        )


def _register(connection: Any) -> None:
    connection.connection.create_function("qinglian_fold", 1, _fold, deterministic=True)


def _fold(text: Any) -> Any:
    return fold(text) if isinstance(text, str) else text


def _connected(connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":
        _register(connection)


connection_created.connect(_connected, dispatch_uid="core.kernel.expr_django")


class _Compiler:
    def __init__(self, columns: dict[str, "str | Col"]) -> None:
        self.columns = columns

    # conditions

    def test(self, expr: Expr, negated: bool) -> Q:
        assert isinstance(expr, Call)
        op, args = expr.op, expr.args
        if op == "not":
            return self.test(args[0], not negated)
        if op in ("and", "or"):
            found = Q()
            joined = Q.AND if (op == "and") != negated else Q.OR
            for arg in args:
                found = found._combine(self.test(arg, negated), joined)  # type: ignore[attr-defined]
            return found
        if op == "ne":
            return self.test(Call("eq", args, "bool"), not negated)
        if op == "between":
            first, low, high = args
            both = (Call("ge", (first, low), "bool"), Call("le", (first, high), "bool"))
            return self.test(Call("and", both, "bool"), negated)
        if op == "is_null":
            return self._null(args[0], not negated)
        if op in TEXT_TESTS:
            hit = _text_test(op, self.value(args[0]), fold(args[1].value))  # type: ignore[union-attr]
        elif op == "in":
            hit = self._in(*args)
        else:
            return self._compare(op, args[0], args[1], negated)
        return ~hit | self._null(args[0], True) if negated else hit

    def _null(self, expr: Expr, truth: bool) -> Q:
        if isinstance(expr, Field):
            return Q(**{f"{column(self.columns, expr.key).path}__isnull": truth})
        return Q(IsNull(self.plain(expr), truth))

    def _in(self, subject: Expr, listed: Expr) -> Q:
        values = listed.value  # type: ignore[union-attr]
        if not values:
            return Q(pk__in=[])
        scale = 0
        if subject.type == "number":
            sql, scale = self.number(subject)
            values = [int(v.scaleb(scale)) for v in values if v.scaleb(scale) == int(v.scaleb(scale))]
            values = [v for v in values if abs(v) <= _BIG]
            if not values:
                return Q(pk__in=[])
        if isinstance(subject, Field):
            return Q(**{f"{column(self.columns, subject.key).path}__in": list(values)})
        if subject.type == "number":
            return Q(In(sql, list(values)))
        found = Q()
        for value in values:
            found |= Q(Exact(self.value(subject), self.value(Value(value, subject.type))))
        return found

    def _compare(self, op: str, left: Expr, right: Expr, negated: bool) -> Q:
        if isinstance(left, Value) and isinstance(right, Field):
            left, right, op = right, left, _MIRROR[op]
        simple = self._simple(op, left, right, negated)
        if simple is not None:
            return simple
        if "double" in (left.type, right.type):
            a, b = self.double(left), self.double(right)
        elif left.type == "number":
            a, b, _ = self._aligned(left, right)
        else:
            a, b = self.value(left), self.value(right)
        if not negated:
            return Q(_LOOKUPS[op](a, b))
        nulls = Q()
        for side in (left, right):
            if not isinstance(side, Value):
                nulls |= self._null(side, True)
        opposite = Q(_LOOKUPS[_OPPOSITE[op]](a, b)) if op in _OPPOSITE else ~Q(Exact(a, b))
        return opposite | nulls

    def _simple(self, op: str, left: Expr, right: Expr, negated: bool) -> Q | None:
        """Column against constant as a plain lookup, which uses indexes."""
        if not (isinstance(left, Field) and isinstance(right, Value)) or left.type == "double":
            return None
        bound = column(self.columns, left.key)
        value = right.value
        if left.type == "number":
            if right.type != "number":
                return None
            value = value.scaleb(bound.scale)
            if value != int(value):
                return None
            value = int(value)
            if abs(value) > _BIG:
                return None
        path = bound.path
        if not negated:
            hit = Q(**{f"{path}__{_NAMES[op]}": value})
            beyond = left.type == "number" and abs(value) > _SMALL
            # out of a column's range Django answers "every row", nulls included
            return hit & Q(**{f"{path}__isnull": False}) if beyond else hit
        null = Q(**{f"{path}__isnull": True})
        if op == "eq":
            return ~Q(**{f"{path}__exact": value}) | null
        return Q(**{f"{path}__{_NAMES[_OPPOSITE[op]]}": value}) | null

    # values

    def plain(self, expr: Expr) -> Any:
        """Any calculation; of a number its whole-number form (enough to ask for null)."""
        if expr.type == "number":
            return self.number(expr)[0]
        return self.double(expr) if expr.type == "double" else self.value(expr)

    def number(self, expr: Expr) -> tuple[Any, int]:
        """An exact number as a whole-number SQL expression and its scale."""
        if isinstance(expr, Field):
            bound = column(self.columns, expr.key)
            return Cast(F(bound.path), BigIntegerField()), bound.scale
        if isinstance(expr, Value):
            scale = max(0, -expr.value.normalize().as_tuple().exponent)
            return SqlValue(_whole(expr.value, scale), BigIntegerField()), scale
        op, args = expr.op, expr.args
        if op in ("add", "sub"):
            a, b, scale = self._aligned(*args)
            return (a + b if op == "add" else a - b), scale
        if op == "mul":
            (a, s), (b, t) = self.number(args[0]), self.number(args[1])
            return a * b, s + t
        if op == "abs":
            a, s = self.number(args[0])
            return Abs(a, output_field=BigIntegerField()), s
        if op in ("coalesce", "if"):
            branches = args if op == "coalesce" else args[1:]
            scale = max(self.number(a)[1] for a in branches)
            found = [self._at(a, scale) for a in branches]
            return self._choice(expr, found, BigIntegerField()), scale
        if op == "length":
            return Length(self.value(args[0]), output_field=BigIntegerField()), 0
        if op == "year":
            return Cast(ExtractYear(self.value(args[0])), BigIntegerField()), 0
        if op == "month":
            return Cast(ExtractMonth(self.value(args[0])), BigIntegerField()), 0
        assert op == "days_between"
        return _DaysBetween(self.value(args[1]), self.value(args[0])), 0

    def double(self, expr: Expr) -> Any:
        """A number or double as a floating SQL expression."""
        if expr.type == "number":
            if isinstance(expr, Value):
                return SqlValue(float(expr.value), FloatField())
            sql, scale = self.number(expr)
            whole = Cast(sql, FloatField())
            return whole / SqlValue(10.0**scale, FloatField()) if scale else whole
        if isinstance(expr, Value):
            return SqlValue(expr.value, FloatField())
        if isinstance(expr, Field):
            return Cast(F(column(self.columns, expr.key).path), FloatField())
        op = expr.op
        if op in ("coalesce", "if"):
            branches = expr.args if op == "coalesce" else expr.args[1:]
            return self._choice(expr, [self.double(a) for a in branches], FloatField())
        found = [self.double(a) for a in expr.args]
        if op == "abs":
            return Abs(found[0], output_field=FloatField())
        a, b = found
        if op == "div":
            return a / NullIf(b, SqlValue(0.0, FloatField()), output_field=FloatField())
        return {"add": a + b, "sub": a - b, "mul": a * b}[op]

    def value(self, expr: Expr) -> Any:
        """Text, dates, instants, booleans, uids."""
        if isinstance(expr, Field):
            return F(column(self.columns, expr.key).path)
        if isinstance(expr, Value):
            return SqlValue(expr.value, _output(expr.value))
        if expr.op == "today":
            return SqlValue(clock.today(), DateField())
        if expr.op == "add_days":
            return _AddDays(self.value(expr.args[0]), days=int(expr.args[1].value))  # type: ignore[union-attr]
        branches = expr.args if expr.op == "coalesce" else expr.args[1:]
        return self._choice(expr, [self.value(a) for a in branches], _KINDS[expr.type]())

    def _choice(self, expr: Call, found: list[Any], output: Any) -> Any:
        if expr.op == "coalesce":
            return Coalesce(*found, output_field=output)
        return Case(
            When(self.test(expr.args[0], False), then=found[0]), default=found[1], output_field=output
        )

    def _aligned(self, left: Expr, right: Expr) -> tuple[Any, Any, int]:
        scale = max(self.number(left)[1], self.number(right)[1])
        return self._at(left, scale), self._at(right, scale), scale

    def _at(self, expr: Expr, scale: int) -> Any:
        if isinstance(expr, Value):
            return SqlValue(_whole(expr.value, scale), BigIntegerField())
        sql, own = self.number(expr)
        return sql if own == scale else sql * SqlValue(10 ** (scale - own), BigIntegerField())


def _text_test(op: str, text: Any, sought: str) -> Q:
    """Whether folded `text` contains, starts or ends with `sought` (folded already).

    Folding in the database costs; it keeps the length and only makes signs of FOLD_TO. So text is searched as it is for
    what has none of those, and for the rest it is folded only where everything else of `sought` is in place.
    """
    if _FOLDED.isdisjoint(sought):
        return Q(_TEXT[op](text, sought))
    hit = Q(_TEXT[op](Fold(text), sought))
    if _FOLDED.issuperset(sought):
        return hit
    shape = "".join("_" if sign in _FOLDED else sign for sign in sought)
    before, after = "" if op == "starts_with" else "%", "" if op == "ends_with" else "%"
    return Q(_Like(text, SqlValue(f"{before}{shape}{after}", TextField()))) & hit


_KINDS: dict[str, Any] = {
    "text": TextField,
    "month": TextField,
    "date": DateField,
    "datetime": DateTimeField,
    "uid": UUIDField,
    "bool": BooleanField,
}


def _whole(value: Decimal, scale: int) -> int:
    """`value` × 10^scale, held inside 64 bits: no column is beyond them, so comparisons stay true."""
    return max(-_BIG, min(_BIG, int(value.scaleb(scale))))


def _output(value: Any) -> Any:
    if isinstance(value, bool):
        return BooleanField()
    if isinstance(value, datetime):
        return DateTimeField()
    if isinstance(value, date):
        return DateField()
    return UUIDField() if isinstance(value, UUID) else TextField()
