"""The person who asks, with the posts held in one hospital today."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from core.kernel import clock
from core.kernel.context import Actor, HospitalRef
from core.org.models import Department, Hospital, Post


@dataclass(frozen=True)
class PostRight:
    """One post: its role and what it reaches (the department's whole subtree, the campus)."""

    role: str
    department_ids: frozenset[int] = frozenset()
    department_codes: frozenset[str] = frozenset()
    campus_ids: frozenset[int] = frozenset()
    department_name: str = ""
    title: str = ""


@dataclass(frozen=True)
class Principal:
    """Who asks: account, person, hospital and posts. Made by `principal_for`, never by hand outside tests."""

    user_id: int
    user_uid: str
    person_id: int
    hospital_id: int
    label: str
    posts: tuple[PostRight, ...] = ()
    source_codes: frozenset[str] = frozenset()
    hospital: HospitalRef | None = field(default=None, compare=False)

    @property
    def roles(self) -> frozenset[str]:
        """Codes of the roles held."""
        return frozenset(post.role for post in self.posts)

    @property
    def actor(self) -> Actor:
        """The same person as the actor of a command."""
        return Actor("user", self.user_uid, self.label)


def principal_for(user: Any, hospital: Hospital) -> Principal | None:
    """The rights of an account in a hospital today, read afresh (two queries); None without any post there."""
    if not user.is_authenticated or not user.is_active or user.person_id is None:
        return None
    day = clock.today(hospital.zone)
    held = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    posts = list(
        Post.unscoped.filter(held, person_id=user.person_id, hospital_id=hospital.id).select_related(
            "department", "person"
        )
    )
    if not posts:
        return None
    below = _subtrees(hospital.id, [post.department for post in posts if post.department])
    return Principal(
        user_id=user.id,
        user_uid=str(user.uid),
        person_id=user.person_id,
        hospital_id=hospital.id,
        label=posts[0].person.name,
        posts=tuple(_right(post, below) for post in posts),
        source_codes=frozenset(post.source_code for post in posts if post.source_code),
        hospital=HospitalRef(hospital.id, hospital.slug),
    )


def _subtrees(hospital_id: int, roots: list[Department]) -> list[tuple[int, str, str]]:
    if not roots:
        return []
    below = Q(pk__in=[])
    for root in roots:
        below |= Q(path__startswith=root.path)
    return list(
        Department.unscoped.filter(below, hospital_id=hospital_id)
        .order_by()
        .values_list("id", "code", "path")
    )


def _right(post: Post, below: list[tuple[int, str, str]]) -> PostRight:
    if post.department is None:
        return PostRight(
            post.role, campus_ids=frozenset([post.campus_id] if post.campus_id else []), title=post.title
        )
    inside = [(id_, code) for id_, code, path in below if path.startswith(post.department.path)]
    return PostRight(
        role=post.role,
        department_ids=frozenset(id_ for id_, _ in inside),
        department_codes=frozenset(code for _, code in inside),
        campus_ids=frozenset([post.campus_id] if post.campus_id else []),
        department_name=post.department.name,
        title=post.title,
    )
