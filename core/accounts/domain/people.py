"""What an administrator does with an account. Functions run inside `acting()`; the gateway has asked policy before."""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from core.accounts.domain import codes, devices, lockout
from core.accounts.models import Device, Standing
from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Refused
from core.org.domain.health import held_on
from core.org.models import Enrolment, Hospital, Person, Post, User
from core.policy.roles import PRIVILEGED_ROLES

ORDINARY, PRIVILEGED, ELSEWHERE, FOREIGN = "ordinary", "privileged", "elsewhere", "foreign"
LONGEST_NAME = 60
#: Signs of an account name; `#` would collide with the count of second factors, blanks and case with folding.
_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def accounts_of(hospital_id: int) -> QuerySet[User]:
    """Accounts of persons who hold or held a post in the hospital, with what the list shows.

    `reach` is what policy asks of, because who sets a password can sign in with it: `foreign` (administers or sees class
    4 in another hospital, has left this one for another, or runs the platform), `privileged` (does so here), `elsewhere`
    (holds an ordinary post in another hospital too), else `ordinary`.
    """
    held = held_on(clock.today())
    posts = Post.unscoped.filter(person_id=OuterRef("person_id"))
    here = posts.filter(hospital_id=hospital_id)
    used = Device.objects.filter(user_id=OuterRef("pk"))
    factors = Authenticator.objects.filter(user_id=OuterRef("pk"))
    return User.objects.filter(Exists(here)).annotate(
        reach=reach_of(posts, held, hospital_id, Q(is_superuser=True)),
        department_name=Subquery(
            here.filter(held).order_by("-starts_on", "-id").values("department__name")[:1]
        ),
        is_locked=lockout.is_locked(),
        has_totp=Exists(factors.filter(type=Authenticator.Type.TOTP)),
        has_passkey=Exists(factors.filter(type=Authenticator.Type.WEBAUTHN)),
        seen_at=Subquery(used.order_by("-seen_at").values("seen_at")[:1]),
        in_office=Exists(here.filter(held)),
    )


def reach_of(posts: QuerySet[Post], held: Q, hospital_id: int, platform: Q | None = None) -> Case:
    """The `reach` of an account, or of a person who is to have one; `posts` are the person's, by an OuterRef.

    A post that is still to come counts as one that is held: the password set today signs in then.
    """
    coming = posts.filter(held | Q(starts_on__gt=clock.today()))
    high = coming.filter(role__in=PRIVILEGED_ROLES)
    there = Exists(coming.exclude(hospital_id=hospital_id))
    far = Exists(high.exclude(hospital_id=hospital_id)) | (
        there & ~Exists(coming.filter(hospital_id=hospital_id))
    )
    return Case(
        When(far if platform is None else platform | far, then=Value(FOREIGN)),
        When(Exists(high), then=Value(PRIVILEGED)),
        When(there, then=Value(ELSEWHERE)),
        default=Value(ORDINARY),
    )


def open_account(person: Person, hospital: Hospital, naming: str, username: str = "") -> User:
    """An account without a password: a one-time code sets the first one.

    `naming`: "pinyin", "number" (the number on the hospital's roll), or "given" (`username`). Raises Invalid, Refused.
    """
    if User.objects.filter(person=person).exists():
        raise Refused(f"{person.name}已有账号，请直接发放登录码。")
    if naming == "given":
        name = _checked(username)
        if User.objects.filter(username__iexact=name).exists():
            raise _wrong("username", "这个账号名已被使用", "请换一个，例如在末尾加数字")
    else:
        name = _free(_proposed(person, hospital, naming))
    user = User(username=name, person=person)
    user.set_unusable_password()
    user.save()
    return user


def close(user: Any, at: datetime) -> None:
    """Close an account: out everywhere on the next request, codes end."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    devices.end(Device.objects.filter(user_id=user.pk), "closed", at)
    codes.withdraw(user, at)


def reopen(user: Any) -> None:
    """Open a closed account again; its password is as it was."""
    User.objects.filter(pk=user.pk).update(is_active=True)


def sign_out_everywhere(user: Any, at: datetime) -> int:
    """End every device of an account; how many were open."""
    return devices.end(Device.objects.filter(user_id=user.pk), "administrator", at)


def reset_factors(user: Any, at: datetime) -> int:
    """Remove every second factor of an account (a lost phone) and sign it out; how many factors there were."""
    count = 0
    for one in Authenticator.objects.filter(user_id=user.pk):  # one by one: sealed secrets go with them
        one.delete()
        count += 1
    devices.end(Device.objects.filter(user_id=user.pk), "factor", at)
    return count


def password_set(user: Any, at: datetime) -> None:
    """Note that the password was changed: nothing is asked of it any more."""
    Standing.objects.update_or_create(user=user, defaults={"changed_at": at, "must_change": False})


def demand_password(user: Any) -> None:
    """Have the password changed before anything else is done."""
    Standing.objects.update_or_create(user=user, defaults={"must_change": True})


def _proposed(person: Person, hospital: Hospital, naming: str) -> str:
    if naming == "number":
        number = (
            Enrolment.unscoped.filter(person=person, hospital=hospital)
            .exclude(number="")
            .values_list("number", flat=True)
            .first()
        )
        if not number:
            raise _wrong("naming", "此人在本院没有登记工号", "请选择“姓名拼音”，或自己填写账号名")
        return _fold(number)
    from pypinyin import lazy_pinyin  # its dictionaries take most of a second to load

    return _fold("".join(lazy_pinyin(person.name)))


def _free(name: str) -> str:
    """The name, or with the next free number: `zhangwei2`. Raises Invalid where nothing is left of it."""
    if len(name) < 2:
        raise _wrong("naming", "不能由此得出账号名", "请选择“自己填写”")
    taken = {
        one.casefold()
        for one in User.objects.filter(username__istartswith=name).values_list("username", flat=True)
    }
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}{number}"
    return found


def _checked(given: str) -> str:
    name = given.strip().casefold()
    if not 2 <= len(name) <= LONGEST_NAME or set(name) - _SIGNS:
        raise _wrong("username", "账号名不能使用", "2 到 60 个小写字母、数字或 - _ .，不含空格")
    return name


def _fold(text: str) -> str:
    return "".join(c for c in text.casefold() if c in _SIGNS)[:LONGEST_NAME]


def _wrong(key: str, message: str, cure: str) -> Exception:
    return Invalid(f"{message}。", [FieldError(f"/values/{key}", message, cure)])
