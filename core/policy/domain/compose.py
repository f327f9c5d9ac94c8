"""From dated rows to a Principal: pure, so that the random worlds of the tests go through the same dates as a request.

A delegation gives no more than its giver holds on that day: the giver's own post (never one received), narrowed to the
department named, without "own" things, without what the giver may not see, and never a privileged role.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b

from core.kernel.context import HospitalRef
from core.policy.principal import PostRight, Principal, RecusalRight
from core.policy.roles import PRIVILEGED_ROLES


@dataclass(frozen=True)
class Held:
    """A post as the database has it; paths are of the department and of the Party organisation."""

    uid: str
    role: str
    starts_on: date
    ends_on: date | None = None
    title: str = ""
    source_code: str = ""
    department_name: str = ""
    department_path: str = ""
    campus: tuple[int, str, str] | None = None  # id, code, name
    party_name: str = ""
    party_path: str = ""


@dataclass(frozen=True)
class Handed:
    """A delegation with the giver's own posts. `within` is the path of the department it is narrowed to, or empty."""

    uid: str
    role: str
    giver_id: int
    giver_name: str
    starts_on: date
    ends_on: date
    revoked_on: date | None = None
    within: str = ""
    giver_posts: tuple[Held, ...] = ()
    giver_user: int = 0
    giver_user_uid: str = ""


@dataclass(frozen=True)
class Kept:
    """A recusal: `right` without the departments, which follow from `department_path`."""

    person_id: int
    right: RecusalRight
    starts_on: date
    ends_on: date | None = None
    department_path: str = ""


@dataclass(frozen=True)
class Trees:
    """Departments as (id, code, path) and Party organisations as (id, path), at least those below the paths asked."""

    departments: Sequence[tuple[int, str, str]] = ()
    parties: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Someone:
    """The person: ids of the account are 0 and empty without one."""

    person_id: int
    name: str
    user_id: int = 0
    user_uid: str = ""
    hospital: HospitalRef = field(default_factory=lambda: HospitalRef(1, ""))


def in_force(day: date, starts_on: date, ends_on: date | None, revoked_on: date | None = None) -> bool:
    """Whether the day lies within, both ends counted; what was revoked ends at the start of that day."""
    if revoked_on is not None and revoked_on <= day:
        return False
    return starts_on <= day and (ends_on is None or day <= ends_on)


def compose(
    day: date,
    who: Someone,
    held: Iterable[Held],
    handed: Iterable[Handed],
    kept: Iterable[Kept],
    trees: Trees,
) -> Principal | None:
    """The rights on that day; None without a post of one's own. `kept` may hold recusals of givers too."""
    own = [post for post in held if in_force(day, post.starts_on, post.ends_on)]
    if not own:
        return None
    barred = [one for one in kept if in_force(day, one.starts_on, one.ends_on)]
    posts = [_right(post, trees) for post in own]
    used = [post.uid for post in own]
    for one in handed:
        if one.role in PRIVILEGED_ROLES or not in_force(day, one.starts_on, one.ends_on, one.revoked_on):
            continue
        giver = _giver(day, one, barred, trees, who)
        posts += _entrusted(day, one, giver, trees)
        used.append(one.uid)
    mine = tuple(_recusal(one, trees) for one in barred if one.person_id == who.person_id)
    stamp = "|".join([str(day), *used, *sorted(one.right.uid for one in barred)])
    return Principal(
        user_id=who.user_id,
        user_uid=who.user_uid,
        person_id=who.person_id,
        hospital_id=who.hospital.id,
        label=who.name,
        posts=tuple(posts),
        source_codes=frozenset(post.source_code for post in own if post.source_code),
        hospital=who.hospital,
        recusals=mine,
        stamp=blake2b(stamp.encode(), digest_size=12).hexdigest(),
    )


def _giver(day: date, one: Handed, barred: list[Kept], trees: Trees, who: Someone) -> Principal:
    """The giver's own rights that day, without delegations: nothing is handed on."""
    own = [post for post in one.giver_posts if in_force(day, post.starts_on, post.ends_on)]
    return Principal(
        user_id=one.giver_user,
        user_uid=one.giver_user_uid,
        person_id=one.giver_id,
        hospital_id=who.hospital.id,
        label=one.giver_name,
        posts=tuple(_right(post, trees) for post in own),
        source_codes=frozenset(post.source_code for post in own if post.source_code),
        recusals=tuple(_recusal(kept, trees) for kept in barred if kept.person_id == one.giver_id),
    )


def _entrusted(day: date, one: Handed, giver: Principal, trees: Trees) -> list[PostRight]:
    found = []
    for post in one.giver_posts:
        if post.role != one.role or not in_force(day, post.starts_on, post.ends_on):
            continue
        if one.within and not (post.department_path and one.within.startswith(post.department_path)):
            continue  # the giver's post no longer reaches the department named
        right = _right(post, trees, one.within or post.department_path)
        found.append(
            PostRight(
                **{
                    **vars(right),
                    "title": "",
                    "post_uid": one.uid,
                    "starts_on": one.starts_on,
                    "ends_on": one.ends_on,
                    "delegated_from": one.giver_name,
                    "giver": giver,
                }
            )
        )
    return found


def _right(post: Held, trees: Trees, path: str | None = None) -> PostRight:
    below = post.department_path if path is None else path
    inside = [(id_, code) for id_, code, at in trees.departments if below and at.startswith(below)]
    campus = post.campus
    return PostRight(
        role=post.role,
        department_ids=frozenset(id_ for id_, _ in inside),
        department_codes=frozenset(code for _, code in inside),
        campus_ids=frozenset([campus[0]] if campus else []),
        department_name=post.department_name,
        title=post.title,
        campus_codes=frozenset([campus[1]] if campus else []),
        campus_names=frozenset([campus[2]] if campus else []),
        party_ids=frozenset(
            id_ for id_, at in trees.parties if post.party_path and at.startswith(post.party_path)
        ),
        party_name=post.party_name,
        post_uid=post.uid,
        starts_on=post.starts_on,
        ends_on=post.ends_on,
    )


def _recusal(one: Kept, trees: Trees) -> RecusalRight:
    if not one.department_path:
        return one.right
    inside = [(id_, code) for id_, code, at in trees.departments if at.startswith(one.department_path)]
    return RecusalRight(
        **{
            **vars(one.right),
            "department_ids": frozenset(id_ for id_, _ in inside),
            "department_codes": frozenset(code for _, code in inside),
        }
    )
