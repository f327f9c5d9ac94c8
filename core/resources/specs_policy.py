"""Delegations (委托) and recusals (回避) as lists with forms. What they do is in core.policy.domain."""

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Case, Q, QuerySet, TextField, Value, When

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid
from core.org.models import Department, Hospital, Person, Post
from core.policy.domain import delegation, recusal
from core.policy.domain.delegation import posts_on
from core.policy.models import Delegation, Recusal
from core.policy.roles import ROLES, role_label
from core.resources import panels, present
from core.resources.model_source import ModelSource
from core.resources.registry import everything
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row
from core.resources.specs_org_place import chosen, hospital_of

PHASES = {"planned": "未开始", "active": "生效中", "ended": "已结束", "revoked": "已撤回"}
#: Colleagues offered in a form, at most.
OFFERED = 500


def register() -> None:
    """Make both known."""
    register_resource(
        _delegation(),
        ModelSource(
            Delegation, label="giver__name", state="phase", base=delegations_of, annotations={"phase": False}
        ),
    )
    register_resource(
        _recusal(),
        ModelSource(
            Recusal, label="person__name", state="phase", base=recusals_of, annotations={"phase": False}
        ),
    )


def delegations_of(hospital_id: int) -> QuerySet[Any]:
    """Delegations with how they stand today."""
    return Delegation.objects.filter(hospital_id=hospital_id).annotate(phase=_phase(revocable=True))


def recusals_of(hospital_id: int) -> QuerySet[Any]:
    """Recusals with how they stand today."""
    return Recusal.objects.filter(hospital_id=hospital_id).annotate(phase=_phase(revocable=False))


def _phase(*, revocable: bool) -> Case:
    day = clock.today()
    revoked = [When(revoked_on__isnull=False, then=Value("revoked"))] if revocable else []
    return Case(
        *revoked,
        When(starts_on__gt=day, then=Value("planned")),
        When(ends_on__lt=day, then=Value("ended")),
        default=Value("active"),
        output_field=TextField(),
    )


def own_roles(principal: Any) -> list[tuple[str, str]]:
    """Roles that the person may entrust today."""
    found = delegation.delegable(principal.person_id, Hospital.objects.get(pk=principal.hospital_id))
    return [(code, role_label(code)) for code in found]


def colleagues(principal: Any) -> list[tuple[str, str]]:
    """Who may be chosen: people of the departments and Party organisations in reach, and all who head or administer."""
    day = clock.today()
    own = posts_on(principal.person_id, principal.hospital_id, day)
    near = Q(department_id__in=[n for n in own.values_list("department_id", flat=True) if n])
    near |= Q(party_org_id__in=[n for n in own.values_list("party_org_id", flat=True) if n])
    for post in principal.posts:
        near |= Q(department_id__in=post.department_ids) if post.department_ids else Q(pk__in=[])
    near |= ~Q(role__in=("staff", "member", "masses", "applicant", "doctor", "correspondent"))
    held = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    rows = (
        Post.objects.filter(near & held)
        .exclude(person_id=principal.person_id)
        .order_by("person__sort_key", "person_id")
        .values_list("person__uid", "person__name", "department__name")
    )
    found: dict[str, str] = {}
    for uid, name, department in rows[: OFFERED * 2]:
        found.setdefault(str(uid), f"{name}（{department}）" if department else name)
    return list(found.items())[:OFFERED]


def object_types(principal: Any) -> list[tuple[str, str]]:
    """Types of which one object can be kept away from."""
    return [(policy.key, policy.label) for policy in recusal.covered("object") if policy.key in everything()]


def _delegation() -> ResourceSpec:
    return ResourceSpec(
        key="policy.delegation",
        label="委托",
        label_plural="委托",
        data_class=2,
        icon="托",
        group="权限",
        question="谁把哪个角色委托给了谁，到哪一天？",
        fields=(
            Field("giver", "委托人", "person", path="giver__name", filterable=True, role="primary"),
            Field("receiver", "受托人", "person", path="receiver__name", filterable=True, role="secondary"),
            Field("role", "角色", "code", filterable=True, labels=ROLES, role="secondary"),
            Field("department", "限于科室", path="department__name"),
            Field("starts_on", "开始日期", "date", filterable=True, sortable=True),
            Field("ends_on", "结束日期", "date", filterable=True),
            Field("phase", "状态", "state", filterable=True, labels=PHASES),
            Field("reason", "事由", column=False),
            Field("revoked_on", "撤回日期", "date", column=False),
            Field("revoked_by", "撤回人", column=False),
        ),
        filters=(Filter("phase"), Filter("role"), Filter("starts_on")),
        orders=(("-starts_on", "最近开始在前"),),
        default_order="-starts_on",
        actions=(
            Action(
                "add",
                "委托角色",
                _entrust,
                style="primary",
                scope="list",
                form=Form(
                    "把自己的角色委托给同事",
                    (
                        FormField("role", "角色", "choice", True, choices=own_roles),
                        FormField("receiver", "受托人", "choice", True, choices=colleagues),
                        FormField("department", "限于科室", "department", help="不填则与您的任职范围相同。"),
                        FormField("starts_on", "开始日期", "date", True),
                        FormField(
                            "ends_on",
                            "结束日期",
                            "date",
                            True,
                            help=f"含当天，最长 {delegation.LONGEST} 天。",
                        ),
                        FormField("reason", "事由", required=True, max_length=200),
                    ),
                    submit_label="委托",
                    help="受托人以自己的账号办理，记录中写明受您委托；不能再转委托。您的任职结束，委托即失效。",
                ),
            ),
            Action(
                "revoke",
                "撤回",
                _revoke,
                states=frozenset({"planned", "active"}),
                confirm="撤回后，受托人立即失去这项权限。",
            ),
        ),
        empty={"title": "没有委托", "hint": "外出或休假时，可以把自己的角色委托给同事。"},
    )


def _recusal() -> ResourceSpec:
    subject = (
        FormField("about", "回避什么", "choice", True, choices=tuple(Recusal.KINDS)),
        FormField(
            "about_person", "涉及人员", "choice", True, choices=colleagues, only_with=("about", "person")
        ),
        FormField("department", "涉及科室", "department", True, only_with=("about", "department")),
        FormField(
            "uid",
            "事项网址",
            "text",
            True,
            "打开那件事项的页面，把浏览器里的网址整段复制到这里。",
            max_length=300,
            only_with=("about", "object"),
        ),
        FormField(
            "type",
            "事项类型",
            "choice",
            help="填了网址可以不选。",
            choices=object_types,
            only_with=("about", "object"),
        ),
    )
    rest = (
        FormField("starts_on", "开始日期", "date", help="不填则从今天开始。"),
        FormField("ends_on", "结束日期", "date", help="不填则长期有效。"),
        FormField("reason", "事由", required=True, max_length=200),
    )
    help_ = "登记后立即生效：有关事项不再显示，也不能办理。"
    return ResourceSpec(
        key="policy.recusal",
        label="回避",
        label_plural="回避",
        data_class=2,
        icon="避",
        group="权限",
        question="谁回避哪些人员、科室或事项？",
        fields=(
            Field("person", "回避人", "person", path="person__name", filterable=True, role="primary"),
            Field("kind", "回避对象", "code", filterable=True, labels=dict(Recusal.KINDS), role="secondary"),
            Field("label", "对象", role="secondary"),
            Field("starts_on", "开始日期", "date", filterable=True, sortable=True),
            Field("ends_on", "结束日期", "date", filterable=True),
            Field("phase", "状态", "state", filterable=True, labels=PHASES),
            Field("reason", "事由", column=False),
        ),
        filters=(Filter("phase"), Filter("kind"), Filter("starts_on")),
        orders=(("-starts_on", "最近开始在前"),),
        default_order="-starts_on",
        panels=_recusal_panels,
        actions=(
            Action(
                "declare",
                "申报回避",
                _declare,
                style="primary",
                scope="list",
                form=Form("申报本人回避", (*subject, *rest), submit_label="申报", help=help_),
            ),
            Action(
                "add",
                "登记回避",
                _add,
                scope="list",
                form=Form(
                    "登记他人回避",
                    (FormField("person", "回避人", "person", True, resource="org.person"), *subject, *rest),
                    submit_label="登记",
                    help=help_,
                ),
            ),
            Action(
                "end",
                "结束回避",
                _end,
                states=frozenset({"planned", "active"}),
                confirm="结束后，此人重新看到有关事项。",
            ),
        ),
        empty={"title": "没有回避", "hint": "与经办事项有利害关系时，请先申报回避。"},
    )


def _entrust(command: Command, thing: Any) -> Done:
    values = command.values
    made = delegation.entrust(
        hospital=hospital_of(command),
        giver=Person.objects.get(pk=command.principal.person_id),
        receiver=Person.objects.get(uid=values["receiver"]),
        role=values["role"],
        department=chosen(Department, command, "department", "科室"),
        starts_on=values["starts_on"],
        ends_on=values["ends_on"],
        reason=values["reason"],
    )
    facts = {"receiver": str(made.receiver.uid), "role": made.role, "ends_on": str(made.ends_on)}
    return Done(str(made.uid), f"已委托给{made.receiver.name}，到 {made.ends_on} 为止。", event=facts)


def _revoke(command: Command, thing: Any) -> Done:
    row = Delegation.objects.select_related("hospital").get(pk=thing.pk)
    delegation.revoke(row, by=command.principal.label)
    return Done(message="已撤回，受托人立即失去这项权限。", event={"receiver": str(row.receiver.uid)})


def _declare(command: Command, thing: Any) -> Done:
    return _keep_away(command, Person.objects.get(pk=command.principal.person_id))


def _add(command: Command, thing: Any) -> Done:
    person = Person.objects.filter(
        uid=command.values["person"], posts__hospital_id=command.principal.hospital_id
    ).first()
    if person is None:
        raise Invalid(
            "没有这位人员。", [FieldError("/values/person", "没有这位人员", "请选择在本院任职的人员")]
        )
    return _keep_away(command, person)


def _keep_away(command: Command, person: Person) -> Done:
    values = command.values
    about = values.get("about_person")
    type_key, uid = _thing(values)
    made = recusal.keep_away(
        hospital=hospital_of(command),
        person=person,
        reason=values["reason"],
        starts_on=values.get("starts_on"),
        ends_on=values.get("ends_on"),
        about_person=Person.objects.get(uid=about) if about else None,
        department=chosen(Department, command, "department", "科室"),
        type_key=type_key,
        uid=uid,
        label=f"一件{everything()[type_key].spec.label}" if type_key in everything() and uid else "",
    )
    return Done(str(made.uid), "已登记回避，立即生效。", event={"kind": made.kind})


def _thing(values: Mapping[str, Any]) -> tuple[str, str]:
    """Type and uid of one thing: out of the address of its page, or as they were given."""
    given = str(values.get("uid") or "").strip()
    page = re.search(r"/r/([a-z_.]+)/([0-9a-f-]{36})(?:[/?#]|$)", given)
    return (page[1], page[2]) if page else (str(values.get("type") or ""), given)


def _end(command: Command, thing: Any) -> Done:
    row = Recusal.objects.select_related("hospital").get(pk=thing.pk)
    recusal.end(row, by_person=command.principal.person_id)
    return Done(message="回避已结束。")


def _recusal_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    found = everything()["policy.recusal"].spec
    kind = str(row.values["kind"])
    covered = "、".join(policy.label for policy in recusal.covered(kind)) or "（暂无）"
    return [
        present.fields_panel(found, row),
        panels.text("covered", "生效范围", f"以下事项带有可比对的信息，受本回避约束：{covered}。"),
    ]
