"""The person who asks, with the posts held in one hospital today, what others have entrusted, and what is barred."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.kernel.context import Actor, HospitalRef
from core.org.models import Hospital
from core.policy.roles import role_label

#: The right of people who are not signed in; never a post.
VISITOR = "visitor"


@dataclass(frozen=True)
class RecusalRight:
    """What a person keeps away from (回避): everything about a department, about a person, or one object.

    The subject is written in every way a type may name it, so that each form of policy can ask by its own key.
    """

    uid: str
    kind: str  # department | person | object
    label: str = ""
    department_ids: frozenset[int] = frozenset()
    department_codes: frozenset[str] = frozenset()
    person_ids: frozenset[int] = frozenset()
    user_ids: frozenset[int] = frozenset()
    actors: frozenset[str] = frozenset()
    source_codes: frozenset[str] = frozenset()
    type: str = ""
    object: str = ""  # uid of the one thing


@dataclass(frozen=True)
class PostRight:
    """One post: its role and what it reaches (the department's whole subtree, the campus).

    `giver` is set where the right was entrusted (受…委托): the right never goes beyond what the giver holds that day,
    `delegated_from` is the giver's name and `post_uid` then names the delegation.
    """

    role: str
    department_ids: frozenset[int] = frozenset()
    department_codes: frozenset[str] = frozenset()
    campus_ids: frozenset[int] = frozenset()
    department_name: str = ""
    title: str = ""
    campus_codes: frozenset[str] = frozenset()
    campus_names: frozenset[str] = frozenset()
    party_ids: frozenset[int] = frozenset()
    party_name: str = ""
    post_uid: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    delegated_from: str = ""
    giver: "Principal | None" = None

    @property
    def label(self) -> str:
        """The post in words: its title or role, and who has entrusted it."""
        said = self.title or role_label(self.role)
        return f"{said}（受{self.delegated_from}委托）" if self.delegated_from else said


@dataclass(frozen=True)
class Principal:
    """Who asks: account, person, hospital and posts. Made by `principal_for`, never by hand outside tests.

    `viewer` is the real person who looks with these eyes ("view as"): nothing of class 3 or 4 is shown then.
    `stamp` changes whenever a post, a delegation or a recusal behind the rights does, and with each day.
    """

    user_id: int
    user_uid: str
    person_id: int
    hospital_id: int
    label: str
    posts: tuple[PostRight, ...] = ()
    source_codes: frozenset[str] = frozenset()
    hospital: HospitalRef | None = field(default=None, compare=False)
    recusals: tuple[RecusalRight, ...] = ()
    viewer: Actor | None = None
    stamp: str = field(default="", compare=False)

    @property
    def roles(self) -> frozenset[str]:
        """Codes of the roles held."""
        return frozenset(post.role for post in self.posts)

    @property
    def own_actor(self) -> str:
        """The person's account as rows keep an actor; empty without an account."""
        return f"user:{self.user_uid}" if self.user_uid else ""

    @property
    def actor(self) -> Actor:
        """Who acts in a command: the person, or the one who looks with the person's eyes."""
        return self.viewer or Actor("user", self.user_uid, self.label)


def principal_for(user: Any, hospital: Hospital) -> Principal | None:
    """The rights of an account in a hospital today, read afresh (two queries; three where a delegation or a recusal
    is in force); None without any post there: what others entrusted ends with one's own last post."""
    from core.policy.domain.snapshot import read

    if not user.is_authenticated or not user.is_active or user.person_id is None:
        return None
    return read(user.person_id, hospital, user_id=user.id, user_uid=str(user.uid))


def principal_of(who: Any, hospital: Hospital) -> Principal | None:
    """The same for a job or a question about somebody else: `who` is a person, a person's id, or an account's uid.

    One more query, for the account. None where there is no such person, no post, or the account is closed.
    """
    from core.policy.domain.snapshot import read_other

    return read_other(who, hospital)


def visitor(hospital: Hospital) -> Principal:
    """Anybody without an account: one right, `visitor`, which no table row for every post holder (`*`) covers."""
    return Principal(
        user_id=0,
        user_uid="",
        person_id=0,
        hospital_id=hospital.id,
        label="访客",
        posts=(PostRight(VISITOR),),
        hospital=HospitalRef(hospital.id, hospital.slug),
    )
