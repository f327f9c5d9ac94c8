"""The predicate algebra: true, false, in, not in, and, or over named attributes; three compilers, one meaning.

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
class NotIn:
    """The attribute is none of the values. A missing value equals nothing, so it is none of them."""

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


Predicate = Always | Never | In | NotIn | And | Or


def holds(predicate: Predicate, read: Callable[[str], Any]) -> bool:
    """The object form: `read(attr)` gives the value of a named attribute."""
    match predicate:
        case Always():
            return True
        case Never():
            return False
        case In(attr, allowed):
            return read(attr) in allowed
        case NotIn(attr, refused):
            return read(attr) not in refused
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
        case NotIn(attr, refused):
            if not refused:
                return Q()
            # null said aloud: what is joined or computed is not known to be nullable, and NOT (null IN …) is null
            inside = Q(**{f"{paths[attr]}__in": sorted(refused, key=repr)})
            return Q(**{f"{paths[attr]}__isnull": True}) | ~inside
        case And(parts):
            if any(isinstance(part, Never) for part in parts):
                return Q(pk__in=[])
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
        case NotIn(attr, refused):
            if not refused:
                return ibis.literal(True)
            return ~table[columns[attr]].isin(sorted(refused, key=repr)).fill_null(False)
        case And(parts):
            return reduce(and_, (to_ibis(part, table, columns) for part in parts), ibis.literal(True))
        case Or(parts):
            return reduce(or_, (to_ibis(part, table, columns) for part in parts), ibis.literal(False))


def negated(predicate: Predicate) -> Predicate:
    """True of exactly the rows of which `predicate` is not: written without a general "not", so that every form has it."""
    match predicate:
        case Always():
            return Never()
        case Never():
            return Always()
        case In(attr, values):
            return NotIn(attr, values)
        case NotIn(attr, values):
            return In(attr, values)
        case And(parts):
            return any_of([negated(part) for part in parts])
        case Or(parts):
            return all_of([negated(part) for part in parts])


def spelled(predicate: Predicate) -> str:
    """One spelling for equal predicates, whatever the order in which their parts came together."""
    match predicate:
        case Always():
            return "always"
        case Never():
            return "never"
        case In(attr, values):
            return f"{attr} in [{', '.join(sorted(map(repr, values)))}]"
        case NotIn(attr, values):
            return f"{attr} not in [{', '.join(sorted(map(repr, values)))}]"
        case And(parts):
            return f"all({', '.join(sorted({spelled(part) for part in parts}))})"
        case Or(parts):
            return f"any({', '.join(sorted({spelled(part) for part in parts}))})"


def attributes(predicate: Predicate) -> frozenset[str]:
    """Names of the attributes it asks of."""
    match predicate:
        case In(attr, _) | NotIn(attr, _):
            return frozenset([attr])
        case And(parts) | Or(parts):
            return frozenset().union(*(attributes(part) for part in parts))
        case _:
            return frozenset()


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
