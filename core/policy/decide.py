"""Decisions: the table compiled for one person, action and type, in the form that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from core.policy.predicates import Always, In, Never, Predicate, all_of, any_of, holds, to_ibis, to_q
from core.policy.principal import PostRight, Principal
from core.policy.table import TableRow, rows_for
from core.policy.types import TypePolicy, type_policy


@dataclass(frozen=True)
class Verdict:
    """What policy says of one object: the effect, the highest data class shown, and the row that decided."""

    effect: str  # allow | mask | approve | deny
    max_class: int = 0
    row: TableRow | None = None

    @property
    def allowed(self) -> bool:
        """Whether the action may be taken now (an approval by a second person is not yet that)."""
        return self.effect in {"allow", "mask"}


DENIED = Verdict("deny")


def can(principal: Principal | None, action: str, type_key: str, thing: Any) -> Verdict:
    """The verdict on one object. `thing` is a model instance, a mapping of attributes, or a reader `attr → value`.

    Deny by default; a deny row beats every other; among the rest the row showing most decides.
    """
    if principal is None:
        return DENIED
    if getattr(thing, "hospital_id", principal.hospital_id) not in (principal.hospital_id, None):
        return DENIED  # another hospital's, whatever the table says
    policy = type_policy(type_key)
    read = _reader(policy, thing)
    best = DENIED
    for row, predicate in _compiled(principal, action, policy):
        if not holds(predicate, read):
            continue
        if row.effect == "deny":
            return Verdict("deny", 0, row)
        found = Verdict(row.effect, min(row.max_class, 2) if row.effect == "mask" else row.max_class, row)
        if _rank(found) > _rank(best):
            best = found
    return best


def may(principal: Principal | None, action: str, type_key: str) -> bool:
    """Whether the person may do this to any object at all: for menus and for lists' first gate."""
    return not isinstance(predicate_for(principal, action, type_key), Never)


def q(principal: Principal | None, action: str, type_key: str) -> Q:
    """The ORM form: rows on which the action is allowed."""
    return to_q(predicate_for(principal, action, type_key), type_policy(type_key).attrs)


def ibis_filter(principal: Principal | None, action: str, type_key: str, table: Any) -> Any:
    """The line form over an Ibis table."""
    return to_ibis(predicate_for(principal, action, type_key), table, type_policy(type_key).lines)


def max_class(principal: Principal | None, action: str, type_key: str) -> int:
    """The highest data class that any allowing row shows the person for this type: 0 without one."""
    if principal is None:
        return 0
    shown = [
        min(row.max_class, 2) if row.effect == "mask" else row.max_class
        for row, _ in _compiled(principal, action, type_policy(type_key))
        if row.effect in {"allow", "mask"}
    ]
    return max(shown, default=0)


def predicate_for(principal: Principal | None, action: str, type_key: str) -> Predicate:
    """The disjunction of allowing rows, without what a deny row names.

    A deny row is only supported for a whole type (relation hospital, any state): anything finer could not be
    subtracted in every form and is refused by `check_table`.
    """
    if principal is None:
        return Never()
    compiled = _compiled(principal, action, type_policy(type_key))
    if any(row.effect == "deny" for row, _ in compiled):
        return Never()
    return any_of([predicate for row, predicate in compiled if row.effect in {"allow", "mask"}])


def check_table(rows: list[TableRow], known: Callable[[str], TypePolicy]) -> list[str]:
    """What one of the forms could not express, as sentences; empty when the table is sound. Run at start-up."""
    said = []
    for row in rows:
        policy = known(row.type)
        needed = set()
        if row.relation in {"department", "campus"}:
            needed.add(row.relation)
        if row.relation == "own":
            needed.add("person")
        if row.states:
            needed.add("state")
        for form, names in (("attrs", policy.attrs), ("lines", policy.lines)):
            if names and needed - set(names):
                said.append(f"{row.source}:{row.line}: {row.type}.{form} lacks {sorted(needed - set(names))}")
        if not policy.attrs and not policy.lines and needed:
            said.append(f"{row.source}:{row.line}: {row.type} has no attributes at all")
        if row.effect == "deny" and (row.relation != "hospital" or row.states):
            said.append(f"{row.source}:{row.line}: a deny row must cover the whole type")
    return said


def _compiled(principal: Principal, action: str, policy: TypePolicy) -> list[tuple[TableRow, Predicate]]:
    found = []
    for row in rows_for(principal.roles, action, policy.key):
        state: Predicate = In("state", row.states) if row.states else Always()
        for post in principal.posts:
            if row.role in (post.role, "*"):
                found.append((row, all_of([_relation(row.relation, post, principal, policy), state])))
    return found


def _relation(relation: str, post: PostRight, principal: Principal, policy: TypePolicy) -> Predicate:
    match relation:
        case "hospital":
            return Always()
        case "department":
            reach: frozenset[Any] = (
                post.department_ids if policy.department_by == "id" else post.department_codes
            )
            return In("department", reach) if reach else Never()
        case "campus":
            return In("campus", post.campus_ids) if post.campus_ids else Never()
        case _:
            own: dict[str, frozenset[Any]] = {
                "person": frozenset([principal.person_id]),
                "user": frozenset([principal.user_id]),
                "actor": frozenset([f"{principal.actor}:{principal.label}"]),
                "source_code": principal.source_codes,
            }
            return In("person", own[policy.person_by]) if own[policy.person_by] else Never()


def _reader(policy: TypePolicy, thing: Any) -> Callable[[str], Any]:
    if callable(thing) and not hasattr(thing, "_meta"):
        return thing  # type: ignore[no-any-return]
    if isinstance(thing, dict):
        return thing.get

    def read(attr: str) -> Any:
        value = thing
        for step in policy.attrs[attr].split("__"):
            value = getattr(value, step, None)
        return value

    return read


def _rank(verdict: Verdict) -> tuple[int, int]:
    return ({"deny": 0, "approve": 1, "mask": 2, "allow": 2}[verdict.effect], verdict.max_class)


__all__ = ["DENIED", "Verdict", "can", "check_table", "ibis_filter", "max_class", "may", "predicate_for", "q"]
