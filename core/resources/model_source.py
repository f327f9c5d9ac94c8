"""Rows of a Django model."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import Count, F, Max, Min, Model, Q, QuerySet, Sum

from core.kernel.errors import Invalid
from core.kernel.expressions import Col, Expr, to_q
from core.policy.decide import q as policy_q
from core.policy.types import type_policy
from core.resources import narrow
from core.resources.source import COUNT_CAP, Measure, Order, Scope, Stale
from core.resources.spec import Action, Command, Done, Field, ResourceSpec, Row
from core.vault.cells import CellError
from core.vault.fields import SealedField
from core.vault.keys import KeyUnavailable

#: Stands for a cell that does not open.
UNREADABLE = "（密文无法打开，请联系系统管理员）"
_TOTALS = {"sum": Sum, "min": Min, "max": Max}


class ModelSource:
    """A source over `model`, which has `objects` limited to the hospital in context (`HospitalModel`), or else `base`.

    `state` and `label` are ORM paths. `base`: a queryset of the hospital's rows (takes the hospital id), for models that
    are not of one hospital. `where`: a fixed condition, such as one kind of row. Paths may follow foreign keys,
    never to-many relations: they would double rows. `annotations`: names that `base` adds → may be null; the version
    may be one of them.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        label: str,
        state: str = "",
        base: Callable[[int], QuerySet[Any]] | None = None,
        where: Q | None = None,
        uid: str = "uid",
        version: str = "version",
        annotations: Mapping[str, bool] = MappingProxyType({}),
        reach: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.model = model
        self.label_path = label
        self.state_path = state
        self.base = base
        self.where = where
        self.uid_path = uid
        self.annotations = annotations
        self.reach = reach
        self.version_path = version if _has(model, version) or version in annotations else ""
        self.moves_version = _has(model, version)  # one that `base` adds follows from the rows it counts
        self.spec: ResourceSpec

    def bind(self, spec: ResourceSpec) -> list[str]:
        """Take the spec; name paths that the model does not have or that lead to many rows."""
        self.spec = spec
        wanted = [
            p for f in spec.fields for p in ([*f.needs] if f.compute else [f.source_path, f.order_path])
        ]
        wanted += [
            self.label_path,
            self.state_path,
            self.uid_path,
            *type_policy(spec.policy_type).attrs.values(),
        ]
        said = [
            reason
            for path in wanted
            if path and path not in self.annotations and (reason := _path_fault(self.model, path))
        ]
        if self.base is None and not _has(self.model, "hospital"):
            said.append(f"{self.model.__name__} has no hospital and no base queryset was given")
        return said

    def select(
        self, scope: Scope, where: Expr | None, order: Order, after: tuple[Any, ...] | None, limit: int
    ) -> Sequence[Row]:
        """Keyset pages: rows with a value of the order field first, then the tail of those without."""
        rows = self._rows(scope, where)
        sign = "-" if order.descending else ""
        path, nullable = self._order_path(order)
        if path is None:
            if after is not None:
                rows = rows.filter(**{f"pk__{'lt' if order.descending else 'gt'}": after[-1]})
            return self._read(scope, rows.order_by(f"{sign}pk")[:limit], None)
        found: list[Row] = []
        if after is None or after[0] is not None:
            page = rows.filter(**{f"{path}__isnull": False}) if nullable else rows
            if after is not None:
                page = page.filter(_beyond(path, after, order.descending))
            found = self._read(scope, page.order_by(f"{sign}{path}", f"{sign}pk")[:limit], path)
            after = None
        if nullable and len(found) < limit:
            tail = rows.filter(**{f"{path}__isnull": True})
            if after is not None:
                tail = tail.filter(**{f"pk__{'lt' if order.descending else 'gt'}": after[-1]})
            found += self._read(scope, tail.order_by(f"{sign}pk")[: limit - len(found)], path)
        return found

    def count(self, scope: Scope, where: Expr | None, cap: int = COUNT_CAP) -> int:
        """Counted up to `cap` + 1: the database stops there."""
        try:
            rows, kept = self._rows(scope, where), scope.memo.get("found")
            if kept is not None and kept[0] is where and cap <= narrow.CAP:
                return min(len(kept[1]), cap + 1)
            return rows.order_by()[: cap + 1].count()
        except DataError:
            raise _too_big() from None

    def get(self, scope: Scope, uid: str) -> Row | None:
        """One row of those the scope shows."""
        try:
            found = self._read(scope, self._rows(scope, None).filter(**{self.uid_path: uid})[:1], None)
        except (ValidationError, ValueError):
            return None
        return found[0] if found else None

    def apply(self, scope: Scope, action: Action, command: Command) -> tuple[str | None, Done]:
        """Lock the row, compare versions, run the handler, move the version on (unless the handler did)."""
        thing = None
        if command.uid is not None:
            shown = self._rows(scope, None).filter(**{self.uid_path: command.uid}).values("pk")
            thing = self._base(scope).filter(pk__in=shown).select_for_update(of=("self",)).first()
            if thing is None:
                raise Stale  # gone since it was read a moment ago
            if action.checks_version and self.version_path and command.expected_version != thing.version:
                raise Stale
        done = action.handler(command, thing) or Done()
        if thing is not None and self.moves_version and action.checks_version:
            kept = self.model._base_manager.filter(pk=thing.pk, version=command.expected_version)
            kept.update(version=F("version") + 1)
        return command.uid or done.uid, done

    def aggregate(
        self, scope: Scope, where: Expr | None, by: Sequence[str], measures: Sequence[Measure]
    ) -> list[dict[str, Any]]:
        """Totals by field values."""
        paths = {key: self.spec.by_key[key].source_path for key in by}
        totals = {f"m{i}": _total(self.spec, m) for i, m in enumerate(measures)}
        rows = self._rows(scope, where).order_by(*paths.values())
        if not paths:
            found = [rows.order_by().aggregate(**totals)]
        else:
            found = list(rows.values(*paths.values()).annotate(**totals)[:1000])
        answer = []
        for one in found:
            group = {key: _out(self.spec.by_key[key], one[path]) for key, path in paths.items()}
            for i, measure in enumerate(measures):
                value = one[f"m{i}"]
                if measure.key:
                    value = _out(self.spec.by_key[measure.key], value)
                group[measure.name] = value
            answer.append(group)
        return answer

    def as_of(self, scope: Scope) -> str | None:
        """The database is the present."""
        return None

    def _base(self, scope: Scope) -> QuerySet[Any]:
        rows = self.base(scope.hospital_id) if self.base else self.model.objects.all()  # type: ignore[attr-defined]
        if self.base is None:
            rows = rows.filter(hospital_id=scope.hospital_id)
        return rows.filter(self.where) if self.where else rows

    def _rows(self, scope: Scope, where: Expr | None) -> QuerySet[Any]:
        rows = self._base(scope)
        for action in scope.actions:
            rows = rows.filter(policy_q(scope.principal, action, scope.type_key))
        if where is None:
            return rows
        parts = narrow.split(self.model, where, self._columns, self.reach, scope.hospital_id)
        if parts is None:
            return rows.filter(to_q(where, self._columns))
        text, rest = parts
        hits = rows.filter(text)
        if rest is not None:
            hits = hits.filter(to_q(rest, self._columns))
        found = self._found(scope, where, hits)
        return hits if len(found) > narrow.CAP else rows.filter(pk__in=found)

    def _found(self, scope: Scope, where: Expr, hits: QuerySet[Any]) -> list[Any]:
        """Keys of a text search's rows, at most one more than its CAP; looked up once for the page and its count."""
        kept = scope.memo.get("found")
        if kept is None or kept[0] is not where:
            keys = hits.order_by().values_list("pk", flat=True)[: narrow.CAP + 1]
            kept = scope.memo["found"] = (where, list(keys))
        return list(kept[1])

    @cached_property
    def _columns(self) -> dict[str, Col]:
        return {f.key: Col(f.source_path, f.scale) for f in self.spec.fields if not f.compute}

    @cached_property
    def _paths(self) -> list[str]:
        wanted = ["pk", self.uid_path, self.version_path, self.state_path, self.label_path]
        for found in self.spec.fields:
            wanted += found.needs if found.compute else [found.source_path]
            wanted.append(found.order_path)
        wanted += type_policy(self.spec.policy_type).attrs.values()
        wanted += [found.row for _, found in self._sealed]
        return list(dict.fromkeys(p for p in wanted if p))

    @cached_property
    def _sealed(self) -> list[tuple[str, SealedField]]:
        """Paths of the model's own columns that lie encrypted, and what opens them."""
        return [(f.name, f) for f in self.model._meta.local_fields if isinstance(f, SealedField)]

    def _order_path(self, order: Order) -> tuple[str | None, bool]:
        if order.key is None:
            return None, False
        found = self.spec.by_key[order.key]
        path = found.order_path or found.source_path
        return path, self.annotations[path] if path in self.annotations else _nullable(self.model, path)

    def _read(self, scope: Scope, rows: QuerySet[Any], order_path: str | None) -> list[Row]:
        linked = _has(self.model, "hospital") and self.model._meta.get_field("hospital").is_relation
        hospital = "hospital_id" if linked else None  # the sealed log carries plain numbers
        paths = [*self._paths, *([hospital] if hospital else [])]
        attrs = type_policy(self.spec.policy_type).attrs
        try:
            found = list(rows.values_list(*paths))
        except DataError:
            raise _too_big() from None
        answer = []
        for values in found:
            one = dict(zip(paths, values, strict=True))
            for path, sealed in self._sealed:
                if one.get(path) is not None:
                    one[path] = _opened(sealed, one)
            place = (one[order_path], one["pk"]) if order_path else (one["pk"],)
            answer.append(
                Row(
                    uid=str(one[self.uid_path]),
                    version=one[self.version_path] if self.version_path else 1,
                    hospital=one[hospital] if hospital else scope.hospital_id,
                    state=str(one[self.state_path]) if self.state_path else "",
                    label=str(one[self.label_path] or ""),
                    values={
                        f.key: f.compute(one) if f.compute else _out(f, one[f.source_path])
                        for f in self.spec.fields
                    },
                    attrs={attr: one[path] for attr, path in attrs.items()},
                    place=place,
                )
            )
        return answer


def _beyond(path: str, after: tuple[Any, ...], descending: bool) -> Q:
    """Rows after (value, id). The first part alone bounds an index scan."""
    step = "lt" if descending else "gt"
    value, pk = after
    tie = Q(**{path: value, f"pk__{step}": pk})
    return Q(**{f"{path}__{step}e": value}) & (Q(**{f"{path}__{step}": value}) | tie)


def _opened(sealed: SealedField, one: Mapping[str, Any]) -> str:
    """The text of a cell; a damaged one is said to be so, and the row is shown without it."""
    try:
        return sealed.open_for(one[sealed.name], one[sealed.row])
    except (CellError, KeyUnavailable):
        return UNREADABLE


def _out(found: Field, value: Any) -> Any:
    if value is not None and found.scale:
        return Decimal(int(value)).scaleb(-found.scale)
    return value


def _total(spec: ResourceSpec, measure: Measure) -> Any:
    if measure.kind == "count":
        return Count("pk")
    return _TOTALS[measure.kind](spec.by_key[str(measure.key)].source_path)


def _has(model: type[Model], name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _walk(model: type[Model], path: str) -> list[Any]:
    steps, at = [], model
    for name in path.split("__"):
        found = at._meta.pk if name == "pk" else at._meta.get_field(name)
        steps.append(found)
        at = getattr(found, "related_model", None) or at
    return steps


def _path_fault(model: type[Model], path: str) -> str:
    try:
        steps = _walk(model, path)
    except FieldDoesNotExist:
        return f"{model.__name__} has no path {path!r}"
    many = any(step.one_to_many or step.many_to_many for step in steps if step.is_relation)
    return f"path {path!r} leads to many rows" if many else ""


def _nullable(model: type[Model], path: str) -> bool:
    return any(
        getattr(step, "null", False) or (getattr(step, "one_to_one", None) and step.auto_created)
        for step in _walk(model, path)
    )


def _too_big() -> Exception:
    return Invalid("筛选中的算式超出了数值范围，请缩小数值。")
