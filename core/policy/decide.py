"""Decisions: the table compiled for one person, action and type, in the form that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.db.models import Q

from core.policy.predicates import (
    Always,
    In,
    Never,
    Predicate,
    all_of,
    any_of,
    holds,
    negated,
    spelled,
    to_ibis,
    to_q,
)
from core.policy.principal import VISITOR, PostRight, Principal, RecusalRight
from core.policy.table import TableRow, rows_for
from core.policy.types import OBJECT, TypePolicy, type_policy

#: Eyes borrowed ("view as") see no class above this, and nothing of a type that is of a higher class itself.
BORROWED_CLASS = 2
#: One rule in force for a person: the row, the post it follows from, and of which things it speaks.
Rule = tuple[TableRow, PostRight, Predicate]


@dataclass(frozen=True)
class Verdict:
    """What policy says of one object: the effect, the highest data class shown, and what decided.

    `row` and `post` are those of the deciding rule; `recusal` is set where the person keeps away from the thing.
    """

    effect: str  # allow | mask | approve | deny
    max_class: int = 0
    row: TableRow | None = None
    post: PostRight | None = None
    recusal: RecusalRight | None = None

    @property
    def allowed(self) -> bool:
        """Whether the action may be taken now (an approval by a second person is not yet that)."""
        return self.effect in {"allow", "mask"}


DENIED = Verdict("deny")


def can(principal: Principal | None, action: str, type_key: str, thing: Any) -> Verdict:
    """The verdict on one object. `thing` is a model instance, a mapping of attributes, or a reader `attr → value`.

    Deny by default; a recusal or a deny row beats every other; among the rest the row showing most decides.
    """
    if principal is None:
        return DENIED
    if getattr(thing, "hospital_id", principal.hospital_id) not in (principal.hospital_id, None):
        return DENIED  # another hospital's, whatever the table says
    policy = type_policy(type_key)
    read = _reader(policy, thing)
    for recusal in principal.recusals:
        if holds(recused(recusal, policy), read):
            return Verdict("deny", recusal=recusal)
    best = DENIED
    for row, post, predicate in _compiled(principal, action, policy):
        if not holds(predicate, read):
            continue
        if row.effect == "deny":
            return Verdict("deny", 0, row, post)
        found = Verdict(row.effect, shown_class(row, principal), row, post)
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
    rules = rules_for(principal, action, type_policy(type_key))
    shown = [shown_class(row, principal) for row, _ in rules if row.effect in {"allow", "mask"}]
    return max(shown, default=0)


def predicate_for(principal: Principal | None, action: str, type_key: str) -> Predicate:
    """The disjunction of allowing rows, without what a deny row or a recusal names."""
    if principal is None:
        return Never()
    policy = type_policy(type_key)
    rules = rules_for(principal, action, policy)
    allowed = any_of([predicate for row, predicate in rules if row.effect in {"allow", "mask"}])
    return all_of([allowed, negated(barred(principal, rules, policy))])


def rules_for(principal: Principal, action: str, policy: TypePolicy) -> list[tuple[TableRow, Predicate]]:
    """The rows in force for the person's posts, each with the things it speaks of."""
    return [(row, predicate) for row, _, predicate in _compiled(principal, action, policy)]


def rights_digest(principal: Principal, actions: tuple[str, ...], type_key: str) -> str:
    """A digest of what these actions reach: rows of the table, posts, dates and recusals that change nothing leave it."""
    policy, found = type_policy(type_key), set()
    for action in actions:
        rules = rules_for(principal, action, policy)
        for row, predicate in rules:
            if row.effect in {"allow", "mask"} and not isinstance(predicate, Never):
                found.add(f"{action} {shown_class(row, principal)} {spelled(predicate)}")
        found.add(f"{action} never {spelled(barred(principal, rules, policy))}")
    return blake2b("\n".join(sorted(found)).encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def barred(principal: Principal, rules: list[tuple[TableRow, Predicate]], policy: TypePolicy) -> Predicate:
    """What the person may not have whatever allows it: deny rows, and what they keep away from."""
    denied = [predicate for row, predicate in rules if row.effect == "deny"]
    return any_of([*denied, *(recused(one, policy) for one in principal.recusals)])


def recused(recusal: RecusalRight, policy: TypePolicy) -> Predicate:
    """The things of a type that a recusal names. A type that does not know the attribute has none of them."""
    found: list[Predicate] = []
    named = set(policy.attrs) | set(policy.lines)
    if recusal.kind == "department" and "department" in named:
        by_id = policy.department_by == "id"
        found.append(_within("department", recusal.department_ids if by_id else recusal.department_codes))
    if recusal.kind == "person" and "person" in named:
        about: dict[str, frozenset[Any]] = {
            "person": recusal.person_ids,
            "user": recusal.user_ids,
            "actor": recusal.actors,
            "source_code": recusal.source_codes,
        }
        found.append(_within("person", about[policy.person_by]))
    if recusal.kind == "object" and OBJECT in named and recusal.type == policy.key:
        found.append(In(OBJECT, frozenset([recusal.object])))
    return any_of(found)


def shown_class(row: TableRow, principal: Principal) -> int:
    """The highest data class that an allowing row shows this person."""
    shown = min(row.max_class, 2) if row.effect == "mask" else row.max_class
    return shown if principal.viewer is None else min(shown, BORROWED_CLASS)


def check_table(rows: list[TableRow], known: Callable[[str], TypePolicy]) -> list[str]:
    """What one of the forms could not express, as sentences; empty when the table is sound. Run at start-up."""
    said = []
    for row in rows:
        policy = known(row.type)
        needed = set()
        if row.relation in {"department", "campus", "party"}:
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
    return said + check_recusals({row.type: known(row.type) for row in rows}.values())


def check_recusals(types: Any) -> list[str]:
    """Types whose forms would not keep the same things back: one names a subject that the other does not know."""
    said = []
    for policy in types:
        if not policy.attrs or not policy.lines:
            continue
        subjects = {"department", "person", OBJECT}
        differ = (set(policy.attrs) ^ set(policy.lines)) & subjects
        if differ:
            said.append(f"{policy.key}: attrs and lines differ in {sorted(differ)}; a recusal would leak")
    return said


def _compiled(principal: Principal, action: str, policy: TypePolicy) -> list[Rule]:
    found: list[Rule] = []
    if principal.viewer is not None and policy.data_class > BORROWED_CLASS:
        return found
    for row in rows_for(principal.roles, action, policy.key):
        state: Predicate = In("state", row.states) if row.states else Always()
        for post in principal.posts:
            if row.role == post.role or (row.role == "*" and post.role != VISITOR):
                limit = _as_giver(row, post, action, policy)
                predicate = all_of([relation_of(row.relation, post, principal, policy), state, limit])
                found.append((row, post, predicate))
    return found


def _as_giver(row: TableRow, post: PostRight, action: str, policy: TypePolicy) -> Predicate:
    """An entrusted right reaches nothing that its giver may not have, and no "own" things: those are not the giver's."""
    if post.giver is None or row.effect == "deny":
        return Always()
    if row.relation == "own" or row.role == "*":
        return Never()
    return negated(barred(post.giver, rules_for(post.giver, action, policy), policy))


def _within(attr: str, values: frozenset[Any]) -> Predicate:
    return In(attr, values) if values else Never()


def relation_of(relation: str, post: PostRight, principal: Principal, policy: TypePolicy) -> Predicate:
    """The things that stand in a relation to the person by this post."""
    match relation:
        case "hospital":
            return Always()
        case "department":
            reach: frozenset[Any] = (
                post.department_ids if policy.department_by == "id" else post.department_codes
            )
            return _within("department", reach)
        case "party":
            return _within("party", post.party_ids)
        case "campus":
            by: dict[str, frozenset[Any]] = {
                "id": post.campus_ids,
                "code": post.campus_codes,
                "name": post.campus_names,
            }
            return _within("campus", by[policy.campus_by])
        case _:
            own: dict[str, frozenset[Any]] = {
                "person": frozenset([principal.person_id]),
                "user": frozenset([principal.user_id]),
                "actor": frozenset([principal.own_actor] if principal.user_uid else []),
                "source_code": principal.source_codes,
            }
            return _within("person", own[policy.person_by])


def _reader(policy: TypePolicy, thing: Any) -> Callable[[str], Any]:
    if callable(thing) and not hasattr(thing, "_meta"):
        found: Callable[[str], Any] = thing
    elif isinstance(thing, dict):
        found = thing.get
    else:

        def found(attr: str) -> Any:
            value = thing
            for step in policy.attrs[attr].split("__"):
                value = getattr(value, step, None)
            return value

    def read(attr: str) -> Any:
        value = found(attr)
        return str(value) if attr == OBJECT and value is not None else value  # uids are compared as text

    return read


def _rank(verdict: Verdict) -> tuple[int, int]:
    return ({"deny": 0, "approve": 1, "mask": 2, "allow": 2}[verdict.effect], verdict.max_class)


__all__ = [
    "DENIED",
    "Verdict",
    "barred",
    "can",
    "check_recusals",
    "check_table",
    "ibis_filter",
    "max_class",
    "may",
    "predicate_for",
    "q",
    "recused",
    "relation_of",
    "rights_digest",
    "rules_for",
    "shown_class",
]
