"""Hypothesis strategies: small random worlds of departments, principals, policy rows and things, without a database.

Ids come from `Pools`, so that a test may hand in those of rows it has written and ask the database the same question.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from core.policy.principal import PostRight, Principal
from core.policy.table import TableRow
from core.policy.types import TypePolicy

TYPE, ACTION = "probe.thing", "view"
ROLES = ("inspector", "department_head", "doctor")
STATES = ("open", "waiting", "closed")
CODES = ("B00001", "B00002", "B00003")


@dataclass(frozen=True)
class Pools:
    """What ids may occur: departments as (id, code), campuses as (id, code, name), people as (person id, user id, user uid)."""

    departments: tuple[tuple[int, str], ...] = tuple((n, f"D{n}") for n in range(1, 6))
    campuses: tuple[tuple[int, str, str], ...] = ((1, "zb", "总院"), (2, "dy", "东院"))
    people: tuple[tuple[int, int, str], ...] = ((1, 11, "u1"), (2, 12, "u2"), (3, 13, "u3"))


@dataclass(frozen=True)
class Thing:
    """A row that policy speaks of; each may be missing. `person`: person id, user id, actor as a row keeps it."""

    department: tuple[int, str] | None
    campus: tuple[int, str, str] | None
    person: tuple[int, int, str] | None
    state: str
    code: str = ""

    def attributes(self, policy: TypePolicy) -> dict[str, Any]:
        """Attribute → value as `policy` names departments, campuses and people."""
        person: dict[str, Any] = {
            "person": self.person and self.person[0],
            "user": self.person and self.person[1],
            "actor": self.person and self.person[2],
            "source_code": self.code,
        }
        department = self.department and self.department[0 if policy.department_by == "id" else 1]
        campus = self.campus and self.campus[("id", "code", "name").index(policy.campus_by)]
        return {
            "department": department,
            "campus": campus,
            "person": person[policy.person_by],
            "state": self.state,
        }


@dataclass(frozen=True)
class PolicyWorld:
    """One random world: who asks, what the table says, of which kind of type, and the things."""

    policy: TypePolicy
    table: tuple[TableRow, ...]
    principals: tuple[Principal, ...]
    things: tuple[Thing, ...] = field(default=())


@st.composite
def worlds(draw: st.DrawFn, pools: Pools | None = None) -> PolicyWorld:
    """Random small worlds; principals reach whole subtrees of a random department tree."""
    pools = pools or Pools()
    below = _subtrees(draw, len(pools.departments))
    policy = TypePolicy(
        TYPE,
        "样品",
        2,
        attrs={name: name for name in ("department", "campus", "person", "state")},
        lines={name: name for name in ("department", "campus", "person", "state")},
        department_by=draw(st.sampled_from(["id", "code"])),
        campus_by=draw(st.sampled_from(["id", "code", "name"])),
        person_by=draw(st.sampled_from(["person", "user", "actor", "source_code"])),
    )
    principals = [draw(_principals(pools, below, n)) for n in range(len(pools.people))]
    return PolicyWorld(
        policy,
        tuple(draw(st.lists(_table_rows(), min_size=1, max_size=6))),
        tuple(principals),
        tuple(draw(st.lists(_things(pools), min_size=1, max_size=10))),
    )


def actor_text(uid: str) -> str:
    """A principal as a row keeps an actor: kind and id, without the label, which changes with a name."""
    return f"user:{uid}"


def _label(n: int) -> str:
    return f"人员{n}"


def _subtrees(draw: st.DrawFn, count: int) -> list[set[int]]:
    """For each department the indices of itself and all below, for a random forest."""
    parents = [draw(st.integers(-1, n - 1)) for n in range(count)]
    found = [{n} for n in range(count)]
    for n in reversed(range(count)):
        if parents[n] >= 0:
            found[parents[n]] |= found[n]
    return found


@st.composite
def _principals(draw: st.DrawFn, pools: Pools, below: list[set[int]], n: int) -> Principal:
    person, user, uid = pools.people[n]
    posts = draw(st.lists(_posts(pools, below), min_size=1, max_size=3))
    codes = frozenset(draw(st.lists(st.sampled_from(CODES), max_size=2)))
    return Principal(user, uid, person, 1, _label(n), tuple(posts), codes)


@st.composite
def _posts(draw: st.DrawFn, pools: Pools, below: list[set[int]]) -> PostRight:
    role = draw(st.sampled_from(ROLES))
    where = draw(st.one_of(st.none(), st.integers(0, len(pools.departments) - 1)))
    campus = draw(st.one_of(st.none(), st.sampled_from(pools.campuses)))
    reached = [pools.departments[i] for i in sorted(below[where])] if where is not None else []
    return PostRight(
        role,
        frozenset(id_ for id_, _ in reached),
        frozenset(code for _, code in reached),
        frozenset([campus[0]] if campus else []),
        campus_codes=frozenset([campus[1]] if campus else []),
        campus_names=frozenset([campus[2]] if campus else []),
    )


@st.composite
def _table_rows(draw: st.DrawFn) -> TableRow:
    effect = draw(st.sampled_from(["allow", "allow", "allow", "mask", "approve", "deny"]))
    whole = effect == "deny"  # the only deny that every form can express
    relation = "hospital" if whole else draw(st.sampled_from(["hospital", "department", "campus", "own"]))
    states = frozenset() if whole else draw(st.frozensets(st.sampled_from(STATES), max_size=2))
    role = draw(st.sampled_from([*ROLES, "*"]))
    return TableRow(role, TYPE, ACTION, relation, states, draw(st.integers(1, 4)), effect, "", "probe", 1)


@st.composite
def _things(draw: st.DrawFn, pools: Pools) -> Thing:
    return Thing(
        draw(st.one_of(st.none(), st.sampled_from(pools.departments))),
        draw(st.one_of(st.none(), st.sampled_from(pools.campuses))),
        draw(st.sampled_from([(person, user, actor_text(uid)) for person, user, uid in pools.people])),
        draw(st.sampled_from(STATES)),
        draw(st.sampled_from(["", *CODES])),
    )
