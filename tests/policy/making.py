"""Random worlds of policy: what is in one, and how it is thrown."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

#: One of them is privileged: it may be held and never be entrusted.
ROLES = ("pharmacy", "department_head", "doctor", "staff", "inspector")
NEVER_ENTRUSTED = ("inspector", "hospital_admin", "security_admin", "system_admin", "audit_admin")
GIVEN = (*ROLES, "hospital_admin", "security_admin")
STATES = ("open", "waiting", "closed")
CODES = ("", "B00001", "B00002", "B00003")
TYPE, ACTION = "probe.thing", "view"
TODAY = date(2026, 6, 15)
ASKERS = 2


@dataclass(frozen=True)
class World:
    """Everything of one world; paths of departments are `/1/3/`."""

    number: int
    paths: dict[int, str]
    parties: dict[int, str]
    posts: dict[int, tuple[Any, ...]]  # person → Held
    handed: dict[int, tuple[Any, ...]]  # receiver → Handed
    kept: tuple[Any, ...]
    rows: tuple[Any, ...]
    policy: Any
    things: tuple[dict[str, Any], ...]  # raw: ids and codes
    askers: tuple[int, ...]


def code(department: int) -> str:
    """The code of a department."""
    return f"D{department}"


CAMPUSES = ((1, "zb", "总院"), (2, "dy", "东院"))
PEOPLE = {n: (10 + n, str(UUID(int=n))) for n in range(1, 5)}  # person → user id, user uid


def make(number: int, dice: random.Random) -> World:
    """One world from the dice."""
    from core.policy.table import TableRow
    from core.policy.types import TypePolicy

    paths = _tree(dice, 5)
    parties = _tree(dice, 3)
    posts = {
        n: tuple(_post(dice, f"p{n}-{i}", paths, parties) for i in range(dice.choice((0, 1, 1, 2, 2, 2, 3))))
        for n in PEOPLE
    }
    handed: dict[int, list[Any]] = {n: [] for n in PEOPLE}
    for i in range(dice.randint(0, 6)):
        giver, receiver = dice.sample(sorted(PEOPLE), 2)
        handed[receiver].append(_handed(dice, f"d{i}", giver, posts[giver], paths))
    names = ("department", "campus", "party", "person", "state", "object")
    department_by, campus_by = dice.choice(("id", "code")), dice.choice(("id", "code", "name"))
    person_by = dice.choice(("person", "user", "actor", "source_code"))
    columns = {
        "department": f"department_{department_by}",
        "campus": f"campus_{campus_by}",
        "person": f"person_{person_by}",
    }
    policy = TypePolicy(
        TYPE,
        "样品",
        2,
        attrs={name: name for name in names},
        lines={name: columns.get(name, name) for name in names},
        department_by=department_by,
        campus_by=campus_by,
        person_by=person_by,
    )
    rows = []
    for _ in range(dice.randint(1, 6)):
        rows.append(
            TableRow(
                dice.choice((*ROLES, "*")),
                TYPE,
                ACTION,
                dice.choice(("hospital", "department", "campus", "party", "own")),
                frozenset(dice.sample(STATES, dice.choice((0, 0, 1, 2)))),
                dice.randint(1, 4),
                dice.choice(("allow", "allow", "allow", "mask", "approve", "deny")),
                "",
                "probe",
                1,
            )
        )
    things = tuple(
        {
            "department": dice.choice((None, *paths)),
            "campus": dice.choice((None, *CAMPUSES)),
            "party": dice.choice((None, *parties)),
            "person": dice.choice((None, *PEOPLE)),
            "code": dice.choice(CODES),
            "state": dice.choice(STATES),
            "object": str(UUID(int=number * 100 + i)),
        }
        for i in range(dice.randint(3, 8))
    )
    givers = [one.giver_id for found in handed.values() for one in found] * 3 + sorted(PEOPLE)
    kept = tuple(_kept(dice, f"r{i}", paths, posts, things, givers) for i in range(dice.randint(0, 3)))
    return World(
        number,
        paths,
        parties,
        posts,
        {n: tuple(found) for n, found in handed.items()},
        kept,
        tuple(rows),
        policy,
        things,
        tuple(dice.sample(sorted(PEOPLE), ASKERS)),
    )


def attributes(world: World, thing: dict[str, Any]) -> dict[str, Any]:
    """The thing as its type names departments, campuses and people."""
    user, uid = PEOPLE[thing["person"]] if thing["person"] else (None, None)
    policy = world.policy
    person = {
        "person": thing["person"],
        "user": user,
        "actor": uid and f"user:{uid}",
        "source_code": thing["code"],
    }[policy.person_by]
    department = thing["department"]
    return {
        "department": department if policy.department_by == "id" or department is None else code(department),
        "campus": thing["campus"] and thing["campus"][("id", "code", "name").index(policy.campus_by)],
        "party": thing["party"],
        "person": person,
        "state": thing["state"],
        "object": thing["object"],
    }


def _tree(dice: random.Random, count: int) -> dict[int, str]:
    paths: dict[int, str] = {}
    for n in range(1, count + 1):
        parent = dice.choice((0, *paths)) if paths else 0
        paths[n] = f"{paths.get(parent, '/')}{n}/"
    return paths


def _days(dice: random.Random, *, open_end: bool = True) -> tuple[date, date | None]:
    starts = TODAY + timedelta(days=dice.choice((-400, -30, -5, -1, -1, 0, 0, 1)))
    if open_end and dice.random() < 0.4:
        return starts, None
    return starts, max(starts, TODAY + timedelta(days=dice.choice((-20, -1, 0, 0, 1, 5, 90, 200))))


def _post(dice: random.Random, uid: str, paths: dict[int, str], parties: dict[int, str]) -> Any:
    from core.policy.domain.compose import Held

    starts, ends = _days(dice)
    return Held(
        uid,
        dice.choice(ROLES),
        starts,
        ends,
        source_code=dice.choice(CODES),
        department_path=dice.choice(("", *paths.values())),
        campus=dice.choice((None, *CAMPUSES)),
        party_path=dice.choice(("", *parties.values())),
    )


def _handed(dice: random.Random, uid: str, giver: int, posts: tuple[Any, ...], paths: dict[int, str]) -> Any:
    from core.policy.domain.compose import Handed

    starts, ends = _days(dice, open_end=False)
    held = [post.role for post in posts]
    user, user_uid = PEOPLE[giver]
    return Handed(
        uid,
        dice.choice([*(held * 6), *GIVEN]),
        giver,
        f"人员{giver}",
        starts,
        ends or starts,
        dice.choice((None,) * 9 + (TODAY, TODAY - timedelta(days=1), TODAY + timedelta(days=1))),
        dice.choice(("",) * 7 + tuple(paths.values())),
        posts,
        user,
        user_uid,
    )


def _kept(
    dice: random.Random,
    uid: str,
    paths: dict[int, str],
    posts: dict[int, tuple[Any, ...]],
    things: Any,
    givers: list[int],
) -> Any:
    from core.policy.domain.compose import Kept
    from core.policy.principal import RecusalRight

    starts, ends = _days(dice)
    kind = dice.choice(("department", "person", "object"))
    if kind == "department":
        return Kept(
            dice.choice(givers),
            RecusalRight(uid, kind),
            starts,
            ends,
            dice.choice(list(paths.values())),
        )
    if kind == "object":
        about = RecusalRight(
            uid, kind, type=dice.choice((TYPE, TYPE, "other.thing")), object=dice.choice(things)["object"]
        )
        return Kept(dice.choice(givers), about, starts, ends)
    subject = dice.choice(sorted(PEOPLE))
    user, user_uid = PEOPLE[subject]
    about = RecusalRight(
        uid,
        kind,
        person_ids=frozenset([subject]),
        user_ids=frozenset([user]),
        actors=frozenset([f"user:{user_uid}"]),
        source_codes=frozenset(post.source_code for post in posts[subject] if post.source_code),
    )
    return Kept(dice.choice(givers), about, starts, ends)
