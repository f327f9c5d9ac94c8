"""The predicate algebra: true, false, equals, in, and, or over named attributes; three compilers, one meaning.

Two-valued: an attribute that is null equals nothing. What a form cannot express is refused when the type registers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q


@dataclass(frozen=True)
class Always:
    """True of every row."""


@dataclass(frozen=True)
class Never:
    """True of no row."""


@dataclass(frozen=True)
class In:
    """The attribute is one of the values (equality is one value)."""

    attr: str
    values: frozenset[Any]


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple["Predicate", ...]


Predicate = Always | Never | In | And | Or


def holds(predicate: Predicate, read: Callable[[str], Any]) -> bool:
    """The object form: `read(attr)` gives the value of a named attribute."""
    match predicate:
        case Always():
            return True
        case Never():
            return False
        case In(attr, allowed):
            return read(attr) in allowed
        case And(parts):
            return all(holds(part, read) for part in parts)
        case Or(parts):
            return any(holds(part, read) for part in parts)


def to_q(predicate: Predicate, paths: Mapping[str, str]) -> Q:
    """The ORM form: `paths` maps attributes to field paths."""
    match predicate:
        case Always():
            return Q()
        case Never():
            return Q(pk__in=[])
        case In(attr, allowed):
            return Q(**{f"{paths[attr]}__in": sorted(allowed, key=repr)})
        case And(parts):
            return reduce(and_, (to_q(part, paths) for part in parts), Q())
        case Or(parts):
            if any(isinstance(part, Always) for part in parts):
                return Q()
            return reduce(or_, (to_q(part, paths) for part in parts), Q(pk__in=[]))


def to_ibis(predicate: Predicate, table: Any, columns: Mapping[str, str]) -> Any:
    """The line form: an Ibis boolean over `table`; nulls count as false."""
    import ibis

    match predicate:
        case Always():
            return ibis.literal(True)
        case Never():
            return ibis.literal(False)
        case In(attr, allowed):
            if not allowed:
                return ibis.literal(False)
            return table[columns[attr]].isin(sorted(allowed, key=repr)).fill_null(False)
        case And(parts):
            return reduce(and_, (to_ibis(part, table, columns) for part in parts), ibis.literal(True))
        case Or(parts):
            return reduce(or_, (to_ibis(part, table, columns) for part in parts), ibis.literal(False))


def any_of(parts: list[Predicate]) -> Predicate:
    """The disjunction, simplified."""
    kept = tuple(part for part in parts if not isinstance(part, Never))
    if any(isinstance(part, Always) for part in kept):
        return Always()
    return Never() if not kept else kept[0] if len(kept) == 1 else Or(kept)


def all_of(parts: list[Predicate]) -> Predicate:
    """The conjunction, simplified."""
    kept = tuple(part for part in parts if not isinstance(part, Always))
    if any(isinstance(part, Never) for part in kept):
        return Never()
    return Always() if not kept else kept[0] if len(kept) == 1 else And(kept)
