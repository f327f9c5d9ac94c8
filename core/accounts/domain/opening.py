"""Accounts for many at once (批量开通): who is concerned, opening them bit by bit, and new codes for who never came.

Each account and its code are one step of a transaction of about twenty, so that a killed run opens nobody twice. The
texts of the codes lie sealed in `OpenedLine` until the one sheet is fetched or ends (`opening_sheet`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from core.accounts.domain import codes, people
from core.accounts.models import OneTimeCode, OpenedLine, Opening
from core.audit import events
from core.kernel import clock
from core.kernel.context import Actor
from core.kernel.errors import Problem
from core.org.domain.health import held_on
from core.org.models import Enrolment, Hospital, Person, Post, User
from core.policy.decide import can

TYPE = "accounts.account"
#: Accounts of one transaction: twenty take well under the 200 ms that a write may last.
BATCH = 20
REACHES = (people.ORDINARY, people.ELSEWHERE, people.PRIVILEGED, people.FOREIGN)
WHY = {
    "has_account": "已有账号",
    "no_post": "现在没有任职",
    "not_allowed": "由安全管理员或别的医院办理",
    "no_name": "得不出账号名",
}
Tick = Callable[[int, int], None]
Commit = Callable[[], AbstractContextManager[Any]]


def reaches(principal: Any) -> list[str]:
    """Kinds of account that this person may open and hand a code to; for the console (None) all but foreign ones."""
    if principal is None:
        return [one for one in REACHES if one != people.FOREIGN]
    return [
        one
        for one in REACHES
        if all(can(principal, verb, TYPE, {"state": one}).allowed for verb in ("create", "issue_code"))
    ]


def label_of(whom: str, unit: Any) -> str:
    """What was chosen, in words."""
    return "全院" if whom == "everyone" else f"{unit.name}及其下属"


def concerned(opening: Opening) -> QuerySet[Person]:
    """Everybody in the chosen unit who is in office there or, without any post, was so last and is on the roll."""
    hospital_id, day = opening.hospital_id, clock.today(opening.hospital.zone)
    held = held_on(day)
    posts = Post.unscoped.filter(person_id=OuterRef("pk"))
    here = posts.filter(hospital_id=hospital_id)
    roll = Enrolment.unscoped.filter(person_id=OuterRef("pk"), hospital_id=hospital_id)
    on_roll = roll.filter(Q(left_on__isnull=True) | Q(left_on__gte=day))
    found = Person.objects.annotate(
        in_office=Exists(here.filter(held)),
        on_roll=Exists(on_roll),
        has_account=Exists(User.objects.filter(person_id=OuterRef("pk"))),
        reach=people.reach_of(posts, held, hospital_id),
        number=Subquery(roll.exclude(number="").values("number")[:1]),
        place=Subquery(here.filter(held).order_by("-starts_on", "-id").values("department__name")[:1]),
    )
    unposted = Q(in_office=False, on_roll=True)
    if opening.whom == "everyone":
        return found.filter(Q(in_office=True) | unposted)
    unit = opening.department if opening.whom == "department" else opening.party_org
    assert unit is not None
    inside = here.filter(**{f"{opening.whom}__path__startswith": unit.path})
    return found.filter(Exists(inside.filter(held)) | unposted & Exists(inside))


def to_open(opening: Opening, allowed: list[str]) -> QuerySet[Person]:
    """Who gets an account."""
    return concerned(opening).filter(in_office=True, has_account=False, reach__in=allowed)


def left_out(opening: Opening, allowed: list[str]) -> dict[str, QuerySet[Person]]:
    """Who gets none, by reason (`WHY`)."""
    found = concerned(opening)
    free = found.filter(has_account=False)
    return {
        "has_account": found.filter(has_account=True),
        "no_post": free.filter(in_office=False),
        "not_allowed": free.filter(in_office=True).exclude(reach__in=allowed),
    }


def counted(opening: Opening, allowed: list[str]) -> dict[str, int]:
    """How many are concerned: to_open, no_number among them (named by pinyin), and those left out by reason."""
    chosen = to_open(opening, allowed)
    counts = {"to_open": chosen.count(), "no_number": chosen.filter(number__isnull=True).count()}
    return counts | {why: found.count() for why, found in left_out(opening, allowed).items()}


def waiting(opening: Opening, allowed: list[str]) -> QuerySet[OpenedLine]:
    """Accounts of this opening that nobody has signed in to yet and that may be handed a code."""
    open_to = people.accounts_of(opening.hospital_id).filter(
        is_active=True,
        in_office=True,
        reach__in=allowed,
        password__startswith=UNUSABLE_PASSWORD_PREFIX,
    )
    return OpenedLine.unscoped.filter(opening=opening, user_id__in=open_to.values("pk"))


def work(opening: Opening, allowed: list[str], *, by: Actor, commit: Commit, tick: Tick) -> dict[str, int]:
    """Open every account and issue every code that this round still wants; what there is now, in numbers."""
    counts = counted(opening, allowed)
    unnamed = _open(opening, allowed, by=by, commit=commit, tick=tick)
    refused = _renew(opening, allowed, by=by, commit=commit, tick=tick) if opening.round > 1 else 0
    lines = OpenedLine.unscoped.filter(opening=opening)
    return counts | {
        "opened": lines.count(),
        "issued": lines.filter(text__isnull=False).count(),
        "no_name": unnamed,
        "too_many": refused,
    }


def _open(opening: Opening, allowed: list[str], *, by: Actor, commit: Commit, tick: Tick) -> int:
    hospital = Hospital.objects.get(pk=opening.hospital_id)
    done = OpenedLine.unscoped.filter(opening=opening).count()
    total, unnamed = done + to_open(opening, allowed).count(), set[int]()
    while batch := list(to_open(opening, allowed).exclude(pk__in=unnamed).order_by("pk")[:BATCH]):
        ready = [codes.prepare() for _ in batch]  # slow by intent, so outside of the transaction
        with commit():
            taken = set(User.objects.filter(person__in=batch).values_list("person_id", flat=True))
            for person, prepared in zip(batch, ready, strict=True):
                if person.pk in taken:
                    continue
                user = _account(person, hospital)
                if user is None:
                    unnamed.add(person.pk)
                    continue
                _hand(opening, OpenedLine(opening=opening, hospital=hospital, user=user), by, prepared)
                done += 1
            Opening.unscoped.filter(pk=opening.pk).update(opened=done)
        tick(done, max(total, done))
    return len(unnamed)


def _renew(opening: Opening, allowed: list[str], *, by: Actor, commit: Commit, tick: Tick) -> int:
    """New codes where this round has not issued any yet; how many were given too many codes lately."""
    refused = set[int]()
    left = waiting(opening, allowed).filter(round__lt=opening.round)
    done, total = 0, left.count()
    while batch := list(left.exclude(pk__in=refused).select_related("user").order_by("pk")[:BATCH]):
        ready = [codes.prepare() for _ in batch]
        with commit():
            for line, prepared in zip(batch, ready, strict=True):
                try:
                    _hand(opening, line, by, prepared)
                    done += 1
                except Problem:  # too many within the hour: refused before anything was written
                    refused.add(line.pk)
        tick(done, total)
    return len(refused)


def _account(person: Person, hospital: Hospital) -> User | None:
    """By staff number; by name where there is none."""
    for naming in ("number", "pinyin"):
        try:
            return people.open_account(person, hospital, naming)
        except Problem as problem:
            if problem.code != "invalid":
                raise
    return None


def _hand(opening: Opening, line: OpenedLine, by: Actor, prepared: tuple[str, str]) -> None:
    lasts = timedelta(days=settings.INITIAL_CODE_DAYS)
    made, text = codes.issue(line.user, opening.hospital, by=by, lasts=lasts, prepared=prepared)
    fresh = line.pk is None
    line.code, line.round = made, opening.round
    line.text = text  # type: ignore[assignment]
    line.save()
    facts = {"opening": str(opening.uid), "expires_at": made.expires_at.isoformat()}
    verb = "create" if fresh else "issue_code"
    events.record(f"{TYPE}.{verb}", TYPE, line.user.uid, facts, hospital=opening.hospital)


def forget(lines: QuerySet[OpenedLine], *, withdraw: bool) -> int:
    """Destroy the texts of codes; `withdraw` ends the codes too, which nobody can know any more. Inside `acting()`."""
    if withdraw:
        held = lines.filter(text__isnull=False).values("code_id")
        ended = OneTimeCode.objects.filter(pk__in=held, used_at=None, withdrawn_at=None)
        ended.update(withdrawn_at=clock.now())
    return lines.filter(text__isnull=False).update(text=None)
