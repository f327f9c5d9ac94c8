"""Who is signed in, and in which hospitals this person holds a post."""

from django.http import HttpRequest
from django.middleware.csrf import get_token
from ninja import Router, Schema

from core.kernel import clock
from core.org.domain.people import current_posts
from core.policy.roles import role_label

router = Router(tags=["session"])


class RoleOut(Schema):
    """A role held."""

    code: str
    label: str


class HospitalOut(Schema):
    """A hospital in which the person holds a post."""

    slug: str
    name: str
    roles: list[RoleOut]


class UserOut(Schema):
    """The account."""

    uid: str
    name: str
    username: str


class SessionOut(Schema):
    """The session; `csrf` goes into the header X-CSRFToken of unsafe requests."""

    signed_in: bool
    csrf: str
    user: UserOut | None = None
    hospitals: list[HospitalOut] = []
    admin_href: str | None = None


@router.get("/session", response=SessionOut, auth=None, exclude_none=True)
def session(request: HttpRequest) -> SessionOut:
    """The present session; also sets the CSRF cookie."""
    token = get_token(request)
    user = request.user
    if not user.is_authenticated:
        return SessionOut(signed_in=False, csrf=token)
    hospitals: dict[str, HospitalOut] = {}
    if user.person_id is not None:
        for post in current_posts(user.person_id, clock.today()).order_by("hospital__sort_key", "id"):
            entry = hospitals.setdefault(
                post.hospital.slug, HospitalOut(slug=post.hospital.slug, name=post.hospital.name, roles=[])
            )
            entry.roles.append(RoleOut(code=post.role, label=post.title or role_label(post.role)))
    return SessionOut(
        signed_in=True,
        csrf=token,
        user=UserOut(uid=str(user.uid), name=user.get_full_name(), username=user.username),
        hospitals=list(hospitals.values()),
        admin_href="/admin/" if user.has_perm("wagtailadmin.access_admin") else None,
    )
