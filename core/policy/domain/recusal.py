"""Keeping away from what concerns oneself (回避): declared by the person or entered for them. Called inside `acting`."""

from datetime import date
from typing import Any
from uuid import UUID

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Problem, Refused
from core.org.models import Department, Hospital, Person
from core.policy.models import Recusal
from core.policy.types import OBJECT, TypePolicy, all_types

#: Kind → the attribute that a type must know to be covered.
ASKS = {"department": "department", "person": "person", "object": OBJECT}


def covered(kind: str) -> list[TypePolicy]:
    """Types of which a recusal of this kind keeps things back, by label."""
    found = [policy for policy in all_types().values() if ASKS[kind] in {*policy.attrs, *policy.lines}]
    return sorted(found, key=lambda policy: policy.label)


def keep_away(
    *,
    hospital: Hospital,
    person: Person,
    reason: str,
    starts_on: date | None = None,
    ends_on: date | None = None,
    about_person: Person | None = None,
    department: Department | None = None,
    type_key: str = "",
    uid: str = "",
    label: str = "",
) -> Recusal:
    """A new recusal from exactly one subject. Raises Invalid naming the field and the cure."""
    today = clock.today(hospital.zone)
    start = starts_on or today
    given = [bool(about_person), bool(department), bool(type_key or uid)]
    if sum(given) != 1:
        raise _bad("kind", "请填写一项回避对象：人员、科室或单件事项。", "三者只填其一。")
    if not reason.strip():
        raise _bad("reason", "请写明事由。", "例如：近亲属在该科室任职。")
    if start < today:
        raise _bad("starts_on", "开始日期不能早于今天。", f"请填 {today} 或以后的日期。")
    if ends_on is not None and ends_on < start:
        raise _bad("ends_on", "结束日期早于开始日期。", "请改正其中一个日期，或留空表示长期。")
    if about_person is not None and about_person.pk == person.pk:
        raise _bad("about_person", "回避对象不能是本人。", "请填写有利害关系的另一位人员。")
    if type_key and type_key not in {policy.key for policy in covered("object")}:
        raise _bad("type", "这类事项不能按单件回避。", "请改为按人员或科室回避。")
    if bool(type_key) != bool(uid):
        raise _bad("uid", "请选择要回避的一件事项。", "类型和事项都要填。")
    kind = "person" if about_person else "department" if department else "object"
    try:
        object_uid = UUID(uid) if uid else None
    except ValueError:
        raise _bad("uid", "事项编号不对。", "请打开那件事项的页面，把网址整段复制过来。") from None
    shown = label or (about_person.name if about_person else department.name if department else uid)
    return Recusal.unscoped.create(
        hospital=hospital,
        person=person,
        kind=kind,
        subject_person=about_person,
        subject_department=department,
        subject_type=type_key,
        subject_uid=object_uid,
        label=shown[:200],
        reason=reason.strip(),
        starts_on=start,
        ends_on=ends_on,
    )


def end(one: Recusal, *, by_person: int) -> Recusal:
    """End it yesterday, so that it is without effect at once. Nobody ends one's own. Raises Refused."""
    today = clock.today(one.hospital.zone)
    if one.person_id == by_person:
        raise Refused("不能结束本人的回避，请另一位安全管理员办理。")
    if one.ends_on is not None and one.ends_on < today:
        raise Refused("这项回避已经结束。")
    if one.starts_on >= today:
        raise Refused("这项回避今天才开始，明天起可以结束。")
    one.ends_on = date.fromordinal(today.toordinal() - 1)
    one.save(update_fields=["ends_on"])
    return one


def subject_of(one: Any) -> str:
    """The subject in words: 科室：骨科."""
    return f"{dict(Recusal.KINDS)[one.kind]}：{one.label}"


def _bad(field: str, said: str, cure: str) -> Problem:
    return Invalid(said, [FieldError(f"/values/{field}", said, cure)])
