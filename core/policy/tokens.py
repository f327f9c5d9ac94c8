"""The fourth form of policy: a boolean filter over the tokens of an indexed document, for search.

A document carries one token for each attribute of its thing, and the classes it may be shown to: a thing may be
indexed as two documents, one without its sensitive part (class 1 to 2) and one with it (class 3 to 4), and a person
sees exactly one of them, the one that holds the highest class policy shows that person of the thing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from core.policy.decide import barred, rules_for, shown_class
from core.policy.predicates import Always, And, In, Never, NotIn, Or, Predicate, any_of
from core.policy.principal import Principal
from core.policy.types import OBJECT, type_policy

#: The highest data class there is.
TOP_CLASS = 4
#: Longer values are replaced by their hash: engines limit the length of a keyword.
MAX_VALUE = 80


@dataclass(frozen=True)
class Everything:
    """True of every document."""


@dataclass(frozen=True)
class Nothing:
    """True of no document."""


@dataclass(frozen=True)
class Has:
    """The document carries at least one of the tokens."""

    tokens: frozenset[str]


@dataclass(frozen=True)
class ForClass:
    """The document is meant for those who are shown this class."""

    level: int


@dataclass(frozen=True)
class Every:
    """All parts hold."""

    parts: tuple["TokenFilter", ...]


@dataclass(frozen=True)
class Some:
    """At least one part holds."""

    parts: tuple["TokenFilter", ...]


@dataclass(frozen=True)
class No:
    """The part does not hold."""

    part: "TokenFilter"


TokenFilter = Everything | Nothing | Has | ForClass | Every | Some | No


def token(attr: str, value: Any) -> str:
    """The token of one attribute value. Values of another type or spelling never share a token."""
    text = str(value)
    kind = "n" if isinstance(value, int) and not isinstance(value, bool) else type(value).__name__
    safe = quote(text.encode("utf-8", "surrogatepass"), safe="")
    if len(safe) > MAX_VALUE:
        safe = "#" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
    return f"{attr}:{kind}:{safe}"


def tokens_of(type_key: str, attrs: Mapping[str, Any]) -> list[str]:
    """The tokens of a thing: one for each attribute its type declares; a missing value equals nothing."""
    policy = type_policy(type_key)
    named = sorted(set(policy.attrs) | set(policy.lines))
    found = {name: attrs[name] for name in named if attrs.get(name) is not None}
    if OBJECT in found:
        found[OBJECT] = str(found[OBJECT])
    return [token(name, value) for name, value in found.items()]


def token_filter(principal: Principal | None, action: str, type_key: str) -> TokenFilter:
    """The documents of the type that the person may be shown in a search of `action`. The hospital is not in it."""
    if principal is None:
        return Nothing()
    policy = type_policy(type_key)
    compiled = rules_for(principal, action, policy)
    outside = negated(to_tokens(barred(principal, compiled, policy)))
    by_class: dict[int, list[Predicate]] = {}
    for row, predicate in compiled:
        if row.effect in {"allow", "mask"}:
            by_class.setdefault(shown_class(row, principal), []).append(predicate)
    parts: list[TokenFilter] = []
    above: Predicate = Never()
    for level in sorted(by_class, reverse=True):
        here = any_of([above, *by_class[level]])
        parts.append(every([to_tokens(any_of(by_class[level])), negated(to_tokens(above)), ForClass(level)]))
        above = here
    return every([some(parts), outside])


def to_tokens(predicate: Predicate) -> TokenFilter:
    """A predicate over attributes as a filter over tokens."""
    match predicate:
        case Always():
            return Everything()
        case Never():
            return Nothing()
        case In(attr, values):
            found = frozenset(token(attr, value) for value in values if value is not None)
            return Has(found) if found else Nothing()
        case NotIn(attr, values):
            return negated(to_tokens(In(attr, values)))
        case And(parts):
            return every([to_tokens(part) for part in parts])
        case Or(parts):
            return some([to_tokens(part) for part in parts])


def holds(found: TokenFilter, tokens: Iterable[str], class_from: int, class_to: int) -> bool:
    """Whether a document with these tokens and classes passes: what every engine must answer too."""
    have = set(tokens)

    def true(node: TokenFilter) -> bool:
        match node:
            case Everything():
                return True
            case Nothing():
                return False
            case Has(wanted):
                return not have.isdisjoint(wanted)
            case ForClass(level):
                return class_from <= level <= class_to
            case Every(parts):
                return all(true(part) for part in parts)
            case Some(parts):
                return any(true(part) for part in parts)
            case No(part):
                return not true(part)

    return true(found)


def every(parts: list[TokenFilter]) -> TokenFilter:
    """The conjunction, simplified."""
    kept = tuple(part for part in parts if not isinstance(part, Everything))
    if any(isinstance(part, Nothing) for part in kept):
        return Nothing()
    return Everything() if not kept else kept[0] if len(kept) == 1 else Every(kept)


def some(parts: list[TokenFilter]) -> TokenFilter:
    """The disjunction, simplified."""
    kept = tuple(part for part in parts if not isinstance(part, Nothing))
    if any(isinstance(part, Everything) for part in kept):
        return Everything()
    return Nothing() if not kept else kept[0] if len(kept) == 1 else Some(kept)


def negated(part: TokenFilter) -> TokenFilter:
    """The negation, simplified."""
    if isinstance(part, Everything):
        return Nothing()
    return Everything() if isinstance(part, Nothing) else No(part)
