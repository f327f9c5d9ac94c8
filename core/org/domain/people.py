"""Persons, accounts, the roll and dated posts. A post's last day is included: it is held until that day ends."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Problem
from core.kernel.sortkey import sort_key
from core.org.domain.changes import tell
from core.org.domain.trees import split
from core.org.models import Enrolment, Hospital, Person, Post, User


def add_person(name: str, *, born_on: date | None = None) -> Person:
    """A new person with the sort key of the name. Raises Invalid without a name or with a birth to come."""
    return Person.objects.create(
        name=_name(name), sort_key=sort_key(name.strip(), 200), born_on=_born(born_on)
    )


def rename_person(person: Person, name: str) -> None:
    """Another name, in every hospital where the person is. Raises Invalid."""
    person.name = _name(name)
    person.sort_key = sort_key(person.name, 200)
    Person.objects.filter(pk=person.pk).update(name=person.name, sort_key=person.sort_key)
    _tell_everywhere(person)


def set_birth(person: Person, born_on: date | None) -> None:
    """The date of birth, or none. Raises Invalid when a post or the roll begins on it or before."""
    _born(born_on)
    first = Post.unscoped.filter(person=person).order_by("starts_on").first()
    if born_on is not None and first is not None and first.starts_on <= born_on:
        said = f"出生日期晚于最早的任职（{first.starts_on.isoformat()} 起）"
        raise _wrong("born_on", said, "请核对出生日期，或先更正那项任职")
    joined = Enrolment.unscoped.filter(person=person).order_by("joined_on").first()
    if born_on is not None and joined is not None and joined.joined_on <= born_on:
        said = f"出生日期晚于入院日期（{joined.joined_on.isoformat()}）"
        raise _wrong("born_on", said, "请核对这两个日期")
    Person.objects.filter(pk=person.pk).update(born_on=born_on)
    person.born_on = born_on


def open_account(person: Person, username: str, password: str) -> User:
    """An account for a person; the name is folded to lower case so that it is unique in any letter case."""
    user = User(username=username.strip().casefold(), person=person)
    user.set_password(password)
    user.save()
    return user


def enrol(
    person: Person, hospital: Hospital, *, number: str = "", joined_on: date | None = None
) -> Enrolment:
    """Put a person on the roll, or back on it. Raises Invalid: a number that is taken, a day before birth or opening."""
    day = joined_on or clock.today(hospital.zone)
    number = number.strip()
    _after_birth_and_opening(person, hospital, day, "joined_on", "入院日期")
    _number_free(hospital, number, person)
    there = Enrolment.unscoped.filter(hospital=hospital, person=person).first()
    if there is None:
        there = Enrolment.unscoped.create(hospital=hospital, person=person, number=number, joined_on=day)
    else:
        there.number, there.joined_on, there.left_on = number or there.number, day, None
        there.save(update_fields=["number", "joined_on", "left_on"])
    tell("org.person", [person.uid], hospital)
    return there


def set_number(person: Person, hospital: Hospital, number: str) -> None:
    """The staff number on the roll. Raises Invalid when somebody else has it."""
    there = Enrolment.unscoped.filter(hospital=hospital, person=person).first()
    if there is None:
        enrol(person, hospital, number=number)
    elif number.strip() != there.number:
        _number_free(hospital, number.strip(), person)
        Enrolment.unscoped.filter(pk=there.pk).update(number=number.strip(), version=F("version") + 1)


def appoint(
    person: Person, hospital: Hospital, role: str, *, starts_on: date | None = None, **values: Any
) -> Post:
    """A dated post, from today when no day is named. Raises Invalid, see `check_post`."""
    post = Post(
        person=person,
        hospital=hospital,
        role=role,
        starts_on=starts_on or clock.today(hospital.zone),
        **values,
    )
    check_post(post)
    post.save()
    _tell(post)
    return post


def check_post(post: Post) -> None:
    """Raises Invalid: end before start, before birth or the hospital's opening, a foreign or retired unit, held already."""
    hospital = post.hospital
    if post.ends_on is not None and post.ends_on < post.starts_on:
        raise _wrong("ends_on", "结束日期早于开始日期", "请改正其中一个日期；还没有结束的任职不填结束日期")
    _after_birth_and_opening(post.person, hospital, post.starts_on, "starts_on", "开始日期")
    for place, unit, word in (
        ("department", post.department, "科室"),
        ("campus", post.campus, "院区"),
        ("party_org", post.party_org, "党组织"),
    ):
        if unit is not None and unit.hospital_id != hospital.id:
            raise _wrong(place, f"{word}不属于本医院", "请重新选择")
        if unit is not None and unit.state != "active" and post.ends_on is None:
            raise _wrong(place, f"{word}“{unit.name}”已停用", f"请选择在用的{word}")
    others = _overlapping(Post.unscoped.filter(hospital=hospital), post.starts_on, post.ends_on).exclude(
        pk=post.pk
    )
    same = others.filter(
        person=post.person,
        role=post.role,
        department=post.department,
        campus=post.campus,
        party_org=post.party_org,
        title=post.title,
    ).first()
    if same is not None:
        said = f"此人从 {same.starts_on.isoformat()} 起已有同样的任职"
        raise _wrong("starts_on", said, "请先结束原来的任职，或者不必重复登记")
    if post.source_code:
        taken = others.filter(source_code=post.source_code).exclude(person=post.person).first()
        if taken is not None:
            said = f"业务系统代码“{post.source_code}”同期已属于{taken.person.name}"
            raise _wrong("source_code", said, "请核对代码；两个人不能共用一个代码")


def correct_post(post: Post, **changed: Any) -> None:
    """Put right what was registered wrongly. Raises Invalid."""
    for name, value in changed.items():
        setattr(post, name, value)
    check_post(post)
    Post.unscoped.filter(pk=post.pk).update(**changed)
    _tell(post)


def transfer(post: Post, *, on: date, **changed: Any) -> Post:
    """The same post elsewhere from a day on: the old one ends the day before. Raises Invalid."""
    if on <= post.starts_on:
        raise _wrong(
            "on",
            f"调动日期应晚于原任职的开始日期（{post.starts_on.isoformat()}）",
            "如果原任职登记错了，请用“更正”",
        )
    if post.ends_on is not None and on > post.ends_on:
        raise _wrong("on", f"原任职到 {post.ends_on.isoformat()} 已经结束", "请登记一项新的任职")
    made = split(post, on, **changed)
    made.hospital, made.person = post.hospital, post.person
    with transaction.atomic():
        Post.unscoped.filter(pk=post.pk).update(ends_on=on - timedelta(days=1))
        check_post(made)
        made.save()
        _tell(post, made)
    return made


def end_post(post: Post, *, last_day: date | None = None) -> date | None:
    """End a post with the close of `last_day`; without one at once, from this moment. The last day kept.

    A post that has not had a whole day yet is taken back (its row goes, the record keeps it): None. Raises Invalid.
    """
    today = clock.today(post.hospital.zone)
    if last_day is not None and last_day < post.starts_on:
        said = f"结束日期早于开始日期（{post.starts_on.isoformat()}）"
        raise _wrong("ends_on", said, "如果登记错了，请不填日期，立即结束")
    if post.ends_on is not None and post.ends_on < today:
        raise _wrong("ends_on", f"这项任职到 {post.ends_on.isoformat()} 已经结束", "不必再办")
    last = last_day or today - timedelta(days=1)
    if last < post.starts_on:
        _tell(post)
        post.delete()
        return None
    Post.unscoped.filter(pk=post.pk).update(ends_on=last)
    post.ends_on = last
    _tell(post)
    return last


def leave(
    person: Person, hospital: Hospital, *, last_day: date | None = None, guarded: frozenset[str] = frozenset()
) -> list[Post]:
    """Somebody leaves the hospital: every post ends, and the place on the roll. Without a day: at once.

    A post that was to begin after the last day is taken back, one that ends before it anyway stays as it is.

    Raises Problem "refused" when a post has one of the `guarded` roles, which the caller may not end.
    """
    today = clock.today(hospital.zone)
    held = list(
        Post.unscoped.filter(
            Q(ends_on__isnull=True) | Q(ends_on__gte=today), person=person, hospital=hospital
        )
        .select_related("hospital", "person")
        .order_by("id")
    )
    kept = [post for post in held if post.role in guarded]
    if kept:
        titles = "、".join(sorted({post.title or post.role for post in kept}))
        raise Problem(
            "refused",
            f"{person.name}还担任由安全管理员任免的职务（{titles}），不能在这里办理离院。",
            409,
            [FieldError("", "还有由安全管理员任免的职务", "请先请安全管理员结束这项任职，再办理离院")],
        )
    with transaction.atomic():
        for post in held:
            if last_day is None:
                end_post(post)
            elif post.starts_on > last_day and post.starts_on >= today:
                _tell(post)
                post.delete()
            elif post.ends_on is None or post.ends_on > last_day:
                end_post(post, last_day=max(last_day, post.starts_on))
        still = Q(left_on__isnull=True) | Q(left_on__gte=today)
        for there in Enrolment.unscoped.filter(still, hospital=hospital, person=person):
            left = max(last_day or today - timedelta(days=1), there.joined_on)
            Enrolment.unscoped.filter(pk=there.pk).update(left_on=left, version=F("version") + 1)
        tell("org.person", [person.uid], hospital)
    return held


def current_posts(person_id: int, day: date) -> QuerySet[Post]:
    """Posts of a person on `day`, over all hospitals."""
    return (
        _overlapping(Post.unscoped, day, day)
        .filter(person_id=person_id)
        .select_related("hospital", "department", "campus")
    )


def elsewhere(person: Person, hospital: Hospital) -> bool:
    """Whether the person is held by another hospital today: its people decide on the name as well."""
    today = clock.today(hospital.zone)
    return _overlapping(Post.unscoped, today, None).filter(person=person).exclude(hospital=hospital).exists()


def _overlapping(posts: Any, starts_on: date, ends_on: date | None) -> QuerySet[Post]:
    found: QuerySet[Post] = posts.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on))
    return found if ends_on is None else found.filter(starts_on__lte=ends_on)


def _after_birth_and_opening(person: Person, hospital: Hospital, day: date, place: str, word: str) -> None:
    if person.born_on is not None and day <= person.born_on:
        said = f"{word}早于出生日期（{person.born_on.isoformat()}）"
        raise _wrong(place, said, "请核对两个日期")
    if hospital.opened_on is not None and day < hospital.opened_on:
        said = f"{word}早于开院日期（{hospital.opened_on.isoformat()}）"
        raise _wrong(place, said, "请核对日期，或在医院资料中改正开院日期")


def _number_free(hospital: Hospital, number: str, person: Person) -> None:
    if not number:
        return
    taken = Enrolment.unscoped.filter(hospital=hospital, number=number).exclude(person=person).first()
    if taken is not None:
        raise _wrong(
            "number",
            f"工号“{number}”已属于{taken.person.name}",
            "请换一个工号；如果是同一个人，请修改原有的记录",
        )


def _name(name: str) -> str:
    found = name.strip()
    if not found:
        raise _wrong("name", "姓名必须填写", "")
    if len(found) > 60:
        raise _wrong("name", "姓名最多 60 字", "")
    return found


def _born(day: date | None) -> date | None:
    if day is not None and not date(1900, 1, 1) <= day <= clock.today():
        raise _wrong("born_on", "出生日期不在可能的范围内", "请核对年份")
    return day


def _tell(*posts: Post) -> None:
    for post in posts:
        tell("org.post", [post.uid], post.hospital)
    tell("org.person", [post.person.uid for post in posts], posts[0].hospital)


def _tell_everywhere(person: Person) -> None:
    held = Post.unscoped.filter(person=person).values("hospital_id")
    enrolled = Enrolment.unscoped.filter(person=person).values("hospital_id")
    for hospital in Hospital.objects.filter(Q(pk__in=held) | Q(pk__in=enrolled)):
        tell("org.person", [person.uid], hospital)


def _wrong(place: str, said: str, cure: str) -> Problem:
    return Invalid(f"{said}。", [FieldError(f"/values/{place}", said, cure)])
