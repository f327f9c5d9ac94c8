"""Entrusting one's own role to another for a time (委托), and taking it back. Called inside `acting`."""

from datetime import date, timedelta
from typing import Any

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid, Problem, Refused
from core.org.domain.health import held_on
from core.org.models import Department, Hospital, Person, Post
from core.policy.models import Delegation
from core.policy.roles import PRIVILEGED_ROLES, role_label
from core.policy.table import table

#: The longest delegation, days: who is away longer is replaced by a post.
LONGEST = 183
#: Rights of these lie in groups of the page administration that follow from posts alone.
BY_POST_ONLY = frozenset({"editor", "reviewer"})


def delegable(person_id: int, hospital: Hospital) -> list[str]:
    """Roles that the person holds today by a post of their own and may entrust."""
    held = posts_on(person_id, hospital.id, clock.today(hospital.zone)).values_list("role", flat=True)
    return sorted(set(held) - PRIVILEGED_ROLES - BY_POST_ONLY)


def by_department(role: str) -> bool:
    """Whether a department bounds all that the role may do: a narrowing would be no more than words otherwise."""
    rows = [row for row in table() if row.role == role and row.effect != "deny"]
    return all(row.relation in {"department", "own"} for row in rows)


def posts_on(person_id: int, hospital_id: int, day: date) -> Any:
    """The person's own posts on a day."""
    return Post.unscoped.filter(held_on(day), person_id=person_id, hospital_id=hospital_id)


def entrust(
    *,
    hospital: Hospital,
    giver: Person,
    receiver: Person,
    role: str,
    department: Department | None,
    starts_on: date,
    ends_on: date,
    reason: str,
) -> Delegation:
    """A new delegation. Raises Invalid naming the field and the cure."""
    today = clock.today(hospital.zone)
    if role in PRIVILEGED_ROLES:
        raise _bad("role", f"“{role_label(role)}”不能委托。", "请安全管理员另行任职。")
    if role in BY_POST_ONLY:
        raise _bad(
            "role", f"“{role_label(role)}”不能委托。", "页面的编写和审核按任职授权，请医院管理员任职。"
        )
    if receiver.pk == giver.pk:
        raise _bad("receiver", "不能委托给本人。", "请选择另一位同事。")
    if starts_on < today:
        raise _bad("starts_on", "开始日期不能早于今天。", f"请填 {today} 或以后的日期。")
    if ends_on < starts_on:
        raise _bad("ends_on", "结束日期早于开始日期。", "请改正其中一个日期。")
    if ends_on > starts_on + timedelta(days=LONGEST):
        raise _bad("ends_on", f"一次委托最长 {LONGEST} 天。", "时间更长的，请医院管理员另行任职。")
    if not reason.strip():
        raise _bad("reason", "请写明事由。", "例如：外出学习两周。")
    held = list(posts_on(giver.pk, hospital.id, starts_on).filter(role=role).select_related("department"))
    if not held:
        raise _bad("role", f"{starts_on} 您没有担任“{role_label(role)}”。", "只能委托自己当日担任的角色。")
    if department is not None and not by_department(role):
        said = f"“{role_label(role)}”的权限不按科室划分，不能限于一个科室。"
        raise _bad("department", said, "请不填科室，或请医院管理员另行任职。")
    if department is not None and not any(
        post.department is not None and department.path.startswith(post.department.path) for post in held
    ):
        raise _bad("department", "这个科室不在您的任职范围内。", "请选择本科室或下级科室，或者不填。")
    if not posts_on(receiver.pk, hospital.id, starts_on).exists():
        raise _bad("receiver", f"{receiver.name} {starts_on} 在本院没有任职。", "请选择当日在职的同事。")
    same = Delegation.unscoped.filter(hospital=hospital, giver=giver, receiver=receiver, role=role)
    if same.filter(revoked_on__isnull=True, starts_on__lte=ends_on, ends_on__gte=starts_on).exists():
        raise _bad("receiver", "这段时间已有同样的委托。", "请先撤回原来的，或改日期。")
    return Delegation.unscoped.create(
        hospital=hospital,
        giver=giver,
        receiver=receiver,
        role=role,
        department=department,
        starts_on=starts_on,
        ends_on=ends_on,
        reason=reason.strip(),
    )


def revoke(one: Delegation, *, by: str) -> Delegation:
    """Take it back: without effect from the next request on. Raises Refused where it has ended already."""
    today = clock.today(one.hospital.zone)
    if one.revoked_on is not None or one.ends_on < today:
        raise Refused("这项委托已经结束，不需要撤回。")
    one.revoked_on, one.revoked_by = today, by
    one.save(update_fields=["revoked_on", "revoked_by"])
    return one


def state_of(one: Any, today: date) -> str:
    """planned | active | ended | revoked, from a row or a mapping-like thing with its dates."""
    if one.revoked_on is not None:
        return "revoked"
    if one.ends_on < today:
        return "ended"
    return "planned" if one.starts_on > today else "active"


def _bad(field: str, said: str, cure: str) -> Problem:
    return Invalid(said, [FieldError(f"/values/{field}", said, cure)])
