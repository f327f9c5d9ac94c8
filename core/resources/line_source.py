"""Rows of Parquet files through Ibis and DuckDB: read-only, always a pinned list of files, never a glob."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

from core.kernel.errors import Refused
from core.kernel.expressions import Col, Expr, to_ibis
from core.policy.decide import ibis_filter
from core.policy.types import type_policy
from core.resources import engine
from core.resources.source import COUNT_CAP, Measure, Order, Scope
from core.resources.spec import Action, Command, Done, Field, ResourceSpec, Row

_UID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True)
class Pinned:
    """The files a list reads, and the day or version they stand for."""

    files: tuple[str, ...]
    as_of: str | None = None


class LineSource:
    """A source over lines. `pinned(hospital_id)` gives the files; `schema` maps column → Ibis type.

    `identity` names the two whole-number columns that make a row's uid: import and row of its file.
    """

    def __init__(
        self,
        pinned: Callable[[int], Pinned],
        schema: Mapping[str, str],
        *,
        label: str,
        identity: tuple[str, str] = ("import_id", "file_row"),
        state: str = "",
        connect: Callable[[], Any] = engine.connection,
    ) -> None:
        self.pinned = pinned
        self.schema = dict(schema)
        self.label_path = label
        self.identity = identity
        self.state_column = state
        self.connect = connect
        self.spec: ResourceSpec

    def bind(self, spec: ResourceSpec) -> list[str]:
        """Take the spec; name columns that the schema does not have, and actions, which lines cannot take."""
        self.spec = spec
        wanted = [p for f in spec.fields for p in (f.needs if f.compute else (f.source_path, f.order_path))]
        wanted += [
            self.label_path,
            self.state_column,
            *self.identity,
            *type_policy(spec.policy_type).lines.values(),
        ]
        said = [
            f"the lines have no column {c!r}" for c in dict.fromkeys(wanted) if c and c not in self.schema
        ]
        if any(action.scope == "row" for action in spec.actions):
            said.append("lines are read-only: no row actions")
        return said

    def select(
        self, scope: Scope, where: Expr | None, order: Order, after: tuple[Any, ...] | None, limit: int
    ) -> Sequence[Row]:
        """Keyset pages, nulls last."""
        rows = self._rows(scope, where)
        if rows is None:
            return []
        first, second = self.identity
        keys = [rows[first], rows[second]]
        column = self._order_column(order)
        if after is not None:
            rows = rows.filter(_beyond(rows, column, self.identity, after, order.descending))
        if column:
            keys.insert(0, rows[column])
        sorting = [k.desc(nulls_first=False) if order.descending else k.asc(nulls_first=False) for k in keys]
        return self._read(scope, rows.order_by(sorting).limit(limit), column)

    def count(self, scope: Scope, where: Expr | None, cap: int = COUNT_CAP) -> int:
        """Counted up to `cap` + 1."""
        rows = self._rows(scope, where)
        return 0 if rows is None else int(self._run(rows.limit(cap + 1).count()))

    def get(self, scope: Scope, uid: str) -> Row | None:
        """One line by import and row."""
        match = _UID.fullmatch(uid)
        rows = self._rows(scope, None)
        if not match or rows is None:
            return None
        first, second = self.identity
        hit = (rows[first] == int(match[1])) & (rows[second] == int(match[2]))
        found = self._read(scope, rows.filter(hit).limit(1), None)
        return found[0] if found else None

    def apply(self, scope: Scope, action: Action, command: Command) -> tuple[str | None, Done]:
        """List actions may run; a line itself never changes. Raises Problem "refused"."""
        if command.uid is not None:
            raise Refused("明细是导入的原始数据，不能在这里修改。请更正数据后重新导入。")
        done = action.handler(command, None) or Done()
        return done.uid, done

    def aggregate(
        self, scope: Scope, where: Expr | None, by: Sequence[str], measures: Sequence[Measure]
    ) -> list[dict[str, Any]]:
        """Totals by column values."""
        rows = self._rows(scope, where)
        if rows is None:
            return [] if by else [{m.name: 0 if m.kind == "count" else None for m in measures}]
        totals = {f"m{i}": self._total(rows, m) for i, m in enumerate(measures)}
        paths = {key: self.spec.by_key[key].source_path for key in by}
        if paths:
            grouped = (
                rows.group_by(list(paths.values()))
                .aggregate(**totals)
                .order_by(list(paths.values()))
                .limit(1000)
            )
        else:
            grouped = rows.aggregate(**totals)
        answer = []
        for one in self._records(grouped):
            group = {key: _out(self.spec.by_key[key], one[path]) for key, path in paths.items()}
            for i, measure in enumerate(measures):
                value = one[f"m{i}"]
                group[measure.name] = _out(self.spec.by_key[measure.key], value) if measure.key else value
            answer.append(group)
        return answer

    def as_of(self, scope: Scope) -> str | None:
        """What the pinned files stand for."""
        return self._pinned(scope).as_of

    def _pinned(self, scope: Scope) -> Pinned:
        """One list of files for the whole request."""
        if "pinned" not in scope.memo:
            scope.memo["pinned"] = self.pinned(scope.hospital_id)
        found: Pinned = scope.memo["pinned"]
        return found

    def _rows(self, scope: Scope, where: Expr | None) -> Any:
        files = self._pinned(scope).files
        if not files:
            return None  # an empty list is an error to DuckDB
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        names = ", ".join(f'"{name}"' for name in self.schema)
        sql = f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning=false, union_by_name=true)"  # noqa: S608 - pinned paths of ours
        rows = self.connect().sql(sql, schema=self.schema)
        for action in scope.actions:
            rows = rows.filter(ibis_filter(scope.principal, action, scope.type_key, rows))
        if where is not None:
            columns = {f.key: Col(f.source_path, f.scale, f.zone) for f in self.spec.fields if not f.compute}
            rows = rows.filter(to_ibis(where, rows, columns))
        return rows

    def _order_column(self, order: Order) -> str:
        if order.key is None:
            return ""
        found = self.spec.by_key[order.key]
        return found.order_path or found.source_path

    def _total(self, rows: Any, measure: Measure) -> Any:
        if measure.kind == "count":
            return rows.count()
        found = self.spec.by_key[str(measure.key)]
        value = rows[found.source_path]
        kind = value.type()
        if measure.kind == "sum" and (kind.is_decimal() or kind.is_integer()):
            value = value.cast(f"decimal(38,{kind.scale if kind.is_decimal() else 0})")
        return getattr(value, measure.kind)()

    def _read(self, scope: Scope, rows: Any, order_column: str | None) -> list[Row]:
        lines = type_policy(self.spec.policy_type).lines
        first, second = self.identity
        answer = []
        for one in self._records(rows):
            tie = (one[first], one[second])
            answer.append(
                Row(
                    uid=f"{one[first]}-{one[second]}",
                    version=1,
                    hospital=scope.hospital_id,
                    state=str(one[self.state_column]) if self.state_column else "",
                    label=str(one[self.label_path] or ""),
                    values={
                        f.key: f.compute(one) if f.compute else _out(f, one[f.source_path])
                        for f in self.spec.fields
                    },
                    attrs={attr: one[column] for attr, column in lines.items()},
                    place=(one[order_column], *tie) if order_column else tie,
                )
            )
        return answer

    def _records(self, rows: Any) -> list[dict[str, Any]]:
        """Python values: pandas would turn whole numbers with a null into floats."""
        found: list[dict[str, Any]] = rows.to_pyarrow().to_pylist()
        return found

    def _run(self, value: Any) -> Any:
        return value.to_pyarrow().as_py()


def _beyond(
    rows: Any, column: str, identity: tuple[str, str], after: tuple[Any, ...], descending: bool
) -> Any:
    """Rows after the place: later value, or the same and a later identity, or the tail of nulls."""

    def later(left: Any, right: Any) -> Any:
        return left < right if descending else left > right

    first, second = (rows[c] for c in identity)
    one, two = after[-2:]
    tie = later(first, one) | ((first == one) & later(second, two))
    if not column:
        return tie
    value = rows[column]
    if after[0] is None:
        return reduce(and_, [value.isnull(), tie])
    mark = _same_type(after[0], value)
    return later(value, mark) | ((value == mark) & tie) | value.isnull()


def _same_type(value: Any, column: Any) -> Any:
    import ibis

    return ibis.literal(value, type=column.type())


def _out(found: Field, value: Any) -> Any:
    if value is not None and found.scale:
        return Decimal(int(value)).scaleb(-found.scale)
    return value
