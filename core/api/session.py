"""Who is signed in, in which hospitals this person holds a post, and what must be set up first; one-time codes."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.stagekit import get_pending_stage
from allauth.account.models import Login
from allauth.headless.constants import Client
from allauth.headless.internal.decorators import mark_request_as_headless
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from ninja import Body, Field, Router, Schema
from ninja.security import SessionAuth

from core.accounts.domain import codes, devices, duties, lockout, people
from core.accounts.models import Device
from core.api.signin import fold_name
from core.cms.domain import readers
from core.kernel import clock
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.errors import FieldError, Invalid, Refused
from core.org.domain.people import current_posts
from core.org.models import Hospital, User
from core.policy.domain.snapshot import is_entrusted
from core.policy.principal import principal_for, visitor
from core.policy.roles import role_label

router = Router(tags=["session"])

#: Key of the session's answer → what fills it, from rooms that are connected later ("view_as").
EXTRAS: dict[str, Callable[[HttpRequest], dict[str, Any] | None]] = {}


class RoleOut(Schema):
    """A role held; `delegated_from`: who has entrusted it (受…委托), where it is not one's own."""

    code: str
    label: str
    delegated_from: str | None = None


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


class ViewAsOut(Schema):
    """Whose eyes are lent for a while, read-only."""

    name: str
    hospital: str
    until: str


class SessionOut(Schema):
    """The session; `csrf` goes into the header X-CSRFToken of unsafe requests.

    `must`: what is to be set up before any other address answers, "mfa" or "password". `pending`: "mfa" while the
    password was right and the second factor is awaited.
    """

    signed_in: bool
    csrf: str
    user: UserOut | None = None
    hospitals: list[HospitalOut] = []
    admin_href: str | None = None
    must: list[str] = []
    pending: list[str] = []
    view_as: ViewAsOut | None = None


class OneTimeIn(Schema):
    """A code from an administrator, and the password to begin with."""

    username: str = Field(max_length=150)
    code: str = Field(max_length=40)
    new_password: str = Field(max_length=500)


class Anybody(SessionAuth):
    """No account is needed, the CSRF token is."""

    def authenticate(self, request: HttpRequest, key: str | None) -> str:
        """Always."""
        return "anybody"


@router.get("/session", response=SessionOut, auth=None, exclude_none=True)
def session(request: HttpRequest) -> SessionOut:
    """The present session; also sets the CSRF cookie."""
    token = get_token(request)
    user = request.user
    if not user.is_authenticated:
        pending = ["mfa"] if get_pending_stage(request) is not None else []
        return SessionOut(signed_in=False, csrf=token, pending=pending)
    lent = EXTRAS["view_as"](request) if "view_as" in EXTRAS else None
    return SessionOut(
        signed_in=True,
        csrf=token,
        user=UserOut(uid=str(user.uid), name=user.get_full_name(), username=user.username),
        hospitals=_hospitals(user) if user.person_id is not None else [],
        admin_href="/admin/" if user.has_perm("wagtailadmin.access_admin") else None,
        must=duties.must(user),
        view_as=ViewAsOut(**lent) if lent else None,
    )


@router.post("/session/one-time", response=SessionOut, auth=Anybody(), exclude_none=True)
def one_time(request: HttpRequest, asked: OneTimeIn = Body(...)) -> SessionOut:
    """Set a new password with a code from an administrator, and sign in; with a second factor, up to that step.

    Every other device of the account is signed out. Wrong codes count towards the lock-out; all refusals read alike.
    """
    if request.user.is_authenticated:
        raise Refused("您已登录。请先退出当前账号，再使用登录码。")
    name = fold_name(asked.username)
    wrong = Invalid(
        "账号或登录码不正确，或登录码已过期。",
        [FieldError("/code", "不能使用", "请核对账号和登录码；登录码半小时内有效，只能用一次")],
    )
    if lockout.locked(request, name):
        raise wrong  # the lock-out's middleware answers in its place
    user = User.objects.filter(username__iexact=name, is_active=True).first()
    code = codes.match(user, asked.code)
    if user is None or code is None:
        with acting(Actor.system("sign-in")):
            codes.missed(user) if user else None
        lockout.failed(request, name)
        raise wrong
    _good(asked.new_password, user)
    hashed, now = make_password(asked.new_password), clock.now()
    with acting(Actor.user(user)):
        if not codes.spend(code, now):
            raise wrong
        User.objects.filter(pk=user.pk).update(password=hashed)
        people.password_set(user, now)
        devices.end(Device.objects.filter(user=user), "password", now)
    user = User.objects.get(pk=user.pk)
    with actor_scope(Actor.user(user)):
        mark_request_as_headless(request, Client.BROWSER)
        record_authentication(request, user, method="password")
        perform_login(request, Login(user=user))
        return session(request)


class OpenHospitalOut(Schema):
    """A hospital that shows something to everybody."""

    slug: str
    name: str


@router.get("/hospitals", response=list[OpenHospitalOut], auth=None)
def hospitals(request: HttpRequest) -> list[OpenHospitalOut]:
    """The hospitals with public pages: where somebody without an account may begin."""
    return [
        OpenHospitalOut(slug=one.slug, name=one.name)
        for one in Hospital.objects.order_by("sort_key", "id")
        if readers.visible(visitor(one)).exclude(type__in=("home", "column")).exists()
    ]


def _hospitals(user: Any) -> list[HospitalOut]:
    """Where the person holds posts today: one query, and the rights of a hospital where something is entrusted."""
    found: dict[int, HospitalOut] = {}
    lent: dict[int, Hospital] = {}
    posts = current_posts(user.person_id, clock.today()).annotate(entrusted=is_entrusted(clock.today()))
    for post in posts.order_by("hospital__sort_key", "id"):
        here = post.hospital
        entry = found.setdefault(here.id, HospitalOut(slug=here.slug, name=here.name, roles=[]))
        entry.roles.append(RoleOut(code=post.role, label=post.title or role_label(post.role)))
        if post.entrusted:
            lent[here.id] = here
    for here in lent.values():
        found[here.id].roles += _entrusted(user, here)
    return list(found.values())


def _entrusted(user: Any, hospital: Hospital) -> list[RoleOut]:
    """What others have entrusted and still hold themselves, each once."""
    principal = principal_for(user, hospital)
    given = [post for post in principal.posts if post.delegated_from] if principal else []
    named = dict.fromkeys((post.role, post.delegated_from) for post in given)
    return [RoleOut(code=role, label=role_label(role), delegated_from=giver) for role, giver in named]


def _good(password: str, user: User) -> None:
    """Raises Invalid with every reason why a password is refused; the code stays good."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        found = [FieldError("/new_password", said, "请换一个较长、不易猜的密码") for said in error.messages]
        raise Invalid("这个密码不能使用，请看说明。", found) from None
