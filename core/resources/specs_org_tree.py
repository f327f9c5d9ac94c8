"""Departments and Party organisations, listed as the trees they are."""

import json
from typing import Any
from urllib.parse import quote

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from core.kernel import clock
from core.kernel.errors import FieldError, Invalid
from core.org.domain import health, trees
from core.org.models import Campus, Department, Hospital, PartyOrg, Post
from core.policy.decide import may
from core.policy.roles import ROLES
from core.resources import panels, present, registry
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row
from core.resources.specs_org_place import STATES, campuses, campuses_in_use, chosen, hospital_of

IN_USE, OUT = frozenset({"active"}), frozenset({"retired"})
HEADED = {"yes": "有", "no": "没有", "none": "不需要"}
#: A level of a tree is shown by an indentation that no browser swallows.
INDENT, BRANCH = "\u3000", "└ "


def register() -> None:
    """Make both trees known."""
    register_resource(
        _department(),
        ModelSource(
            Department,
            label="name",
            state="state",
            base=departments_of,
            annotations={"headed": False, "people": False},
        ),
    )
    register_resource(
        _party_org(),
        ModelSource(
            PartyOrg,
            label="name",
            state="state",
            base=party_orgs_of,
            annotations={"led": False, "people": False},
        ),
    )


def departments_of(hospital_id: int) -> QuerySet[Any]:
    """Departments, whether each has somebody in charge today, and how many people."""
    day = _today(hospital_id)
    return Department.objects.filter(hospital_id=hospital_id).annotate(
        headed=Case(
            When(Q(state="retired") | Q(kind__in=health.HEADLESS_KINDS), then=Value("none")),
            When(Exists(health.heads_above(hospital_id, day)), then=Value("yes")),
            default=Value("no"),
            output_field=TextField(),
        ),
        people=_people(hospital_id, "department", day),
    )


def party_orgs_of(hospital_id: int) -> QuerySet[Any]:
    """Party organisations, whether each branch has a secretary today, and how many people."""
    day = _today(hospital_id)
    return PartyOrg.objects.filter(hospital_id=hospital_id).annotate(
        led=Case(
            When(Q(state="retired") | ~Q(kind="branch"), then=Value("none")),
            When(Exists(health.secretaries(hospital_id, day)), then=Value("yes")),
            default=Value("no"),
            output_field=TextField(),
        ),
        people=_people(hospital_id, "party_org", day),
    )


def indented(row: Any) -> str:
    """A name with one step of indentation for each level above it."""
    depth = row["path"].count("/") - 2
    return f"{INDENT * depth}{BRANCH if depth > 0 else ''}{row['name']}"


def peer_groups(principal: Any) -> list[tuple[str, str]]:
    """The hospital's list, or the names in use while it has none."""
    hospital = Hospital.objects.get(pk=principal.hospital_id)
    used = (
        Department.objects.exclude(peer_group="").order_by("peer_group").values_list("peer_group", flat=True)
    )
    return [(name, name) for name in hospital.peer_groups or dict.fromkeys(used)]


def _people(hospital_id: int, place: str, day: Any) -> Any:
    held = (
        Post.objects.filter(health.held_on(day), hospital_id=hospital_id, **{place: OuterRef("pk")})
        .order_by()
        .values(place)
        .annotate(n=Count("person", distinct=True))
        .values("n")
    )
    return Coalesce(Subquery(held, output_field=IntegerField()), Value(0))


def _department() -> ResourceSpec:
    name = FormField("name", "名称", required=True, max_length=120)
    inputs = (
        FormField("code", "代码", required=True, max_length=60, help="业务系统在处方明细上写的名称或代码。"),
        FormField("kind", "类别", "choice", True, choices=tuple(Department.KINDS)),
        FormField("campus", "院区", "choice", choices=campuses_in_use, initial="campus_uid"),
        FormField(
            "peer_group", "同类组", "choice", choices=peer_groups, help="与哪些科室比较；不开处方的科室不填。"
        ),
    )
    return ResourceSpec(
        key="org.department",
        label="科室",
        label_plural="科室",
        data_class=2,
        icon="科",
        group="组织",
        question="医院有哪些科室，谁在谁下面，各属哪个院区？",
        fields=(
            Field("tree", "科室", compute=indented, needs=("name", "path"), role="primary"),
            Field("name", "名称", filterable=True, sortable=True, order_path="sort_key", column=False),
            Field("place", "层级", path="tree_key", sortable=True, column=False),
            Field("code", "代码", "code", filterable=True, sortable=True, role="secondary"),
            Field("kind", "类别", "code", filterable=True, labels=dict(Department.KINDS), role="secondary"),
            Field("parent", "上级科室", path="parent__name", filterable=True, column=False),
            Field("campus", "院区", path="campus__name"),
            Field("campus_uid", "院区", "uid", path="campus__uid", filterable=True, column=False),
            Field("peer_group", "同类组", filterable=True),
            Field("people", "人数", "number"),
            Field("headed", "负责人", "code", filterable=True, labels=HEADED),
            Field("state", "状态", "state", filterable=True, labels=STATES),
            Field("merged_into", "已并入", path="merged_into__name", column=False),
        ),
        filters=(
            Filter("kind"),
            Filter("campus_uid", "院区", "choice", campuses),
            Filter("headed"),
            Filter("state"),
        ),
        orders=(("place", "按层级"), ("name", "按名称"), ("code", "按代码")),
        default_order="place",
        search=("name", "code"),
        export=True,
        actions=(
            Action(
                "add",
                "新增科室",
                _add_department,
                style="primary",
                scope="list",
                form=Form(
                    "新增科室",
                    (name, *inputs, FormField("parent", "上级科室", "department", help="不选则为最上一级。")),
                ),
            ),
            Action("edit", "修改", _edit_department, form=Form("修改科室", inputs), states=IN_USE),
            *_tree_actions("科室", "org.department", "department", name),
        ),
        panels=_department_panels,
        empty={"title": "没有科室", "hint": "新增，或导入科室目录后会显示在这里。"},
    )


def _party_org() -> ResourceSpec:
    name = FormField("name", "名称", required=True, max_length=120)
    inputs = (
        FormField("code", "代码", required=True, max_length=60),
        FormField("formed_on", "成立日期", "date"),
    )
    kind = FormField("kind", "类别", "choice", True, choices=tuple(PartyOrg.KINDS))
    return ResourceSpec(
        key="org.party_org",
        label="党组织",
        label_plural="党组织",
        data_class=2,
        icon="党",
        group="组织",
        question="医院有哪些党组织，谁在谁下面，各有多少人？",
        fields=(
            Field("tree", "党组织", compute=indented, needs=("name", "path"), role="primary"),
            Field("name", "名称", filterable=True, sortable=True, order_path="sort_key", column=False),
            Field("place", "层级", path="tree_key", sortable=True, column=False),
            Field("kind", "类别", "code", filterable=True, labels=dict(PartyOrg.KINDS), role="secondary"),
            Field("code", "代码", "code", column=False),
            Field(
                "parent", "上级党组织", path="parent__name", filterable=True, role="secondary", column=False
            ),
            Field("people", "人数", "number"),
            Field("led", "书记", "code", filterable=True, labels=HEADED),
            Field("formed_on", "成立日期", "date", filterable=True, sortable=True),
            Field("state", "状态", "state", filterable=True, labels=STATES),
            Field("dissolved_on", "撤销日期", "date", column=False),
            Field("merged_into", "已并入", path="merged_into__name", column=False),
        ),
        filters=(Filter("kind"), Filter("led"), Filter("state"), Filter("formed_on")),
        orders=(("place", "按层级"), ("name", "按名称"), ("-formed_on", "最近成立在前")),
        default_order="place",
        search=("name",),
        actions=(
            Action(
                "add",
                "新增党组织",
                _add_party_org,
                style="primary",
                scope="list",
                form=Form(
                    "新增党组织",
                    (
                        name,
                        kind,
                        *inputs,
                        FormField(
                            "parent",
                            "上级党组织",
                            "lookup",
                            resource="org.party_org",
                            help="党小组必须选择所属党支部。",
                        ),
                    ),
                ),
            ),
            Action("edit", "修改", _edit_party_org, form=Form("修改党组织", inputs), states=IN_USE),
            *_tree_actions("党组织", "org.party_org", "lookup", name),
        ),
        panels=_party_panels,
        empty={"title": "没有党组织", "hint": "先新增党委，再新增党总支和党支部。"},
    )


def _tree_actions(word: str, resource: str, kind: str, name: FormField) -> tuple[Action, ...]:
    """What both trees can do, with the same words."""
    return (
        Action("rename", "改名", _rename, form=Form(f"{word}改名", (name,)), states=IN_USE),
        Action(
            "move",
            "移动",
            _move,
            form=Form(
                f"移动{word}",
                (
                    FormField(
                        "parent", f"新的上级{word}", kind, resource=resource, help="不选则移到最上一级。"
                    ),
                ),
                submit_label="移动",
                help=f"它下面的{word}一起移动。",
            ),
            states=IN_USE,
        ),
        Action(
            "merge",
            "合并",
            _merge,
            form=Form(
                f"并入另一个{word}",
                (
                    FormField("into", f"并入哪个{word}", kind, True, resource=resource),
                    FormField("on", "从哪天起", "date", help="不填则从今天起。"),
                ),
                submit_label="合并",
                help="在任的人和下级一起转过去，原来的停用并保留历史，原来的负责人改由新的一方管理。",
            ),
            states=IN_USE,
        ),
        Action(
            "retire",
            "停用",
            _retire,
            style="quiet",
            confirm="停用后不能再安排人员，原有记录保留。",
            states=IN_USE,
        ),
        Action("restore", "恢复使用", _restore, states=OUT),
    )


def _add_department(command: Command, thing: Any) -> Done:
    given = command.values
    made = trees.add_department(
        hospital=hospital_of(command),
        code=given["code"],
        name=given["name"],
        kind=given["kind"],
        parent=chosen(Department, command, "parent", "科室"),
        campus=chosen(Campus, command, "campus", "院区"),
        peer_group=given["peer_group"] or "",
    )
    return Done(str(made.uid), "科室已新增。")


def _edit_department(command: Command, department: Any) -> Done:
    given = command.values
    trees.recode(department, given["code"])
    Department.objects.filter(pk=department.pk).update(
        kind=given["kind"],
        campus=chosen(Campus, command, "campus", "院区"),
        peer_group=given["peer_group"] or "",
    )
    return Done(message="科室已修改。")


def _add_party_org(command: Command, thing: Any) -> Done:
    given = command.values
    made = trees.add_party_org(
        hospital=hospital_of(command),
        code=given["code"],
        name=given["name"],
        kind=given["kind"],
        formed_on=_not_ahead(command, "formed_on"),
        parent=chosen(PartyOrg, command, "parent", "党组织"),
    )
    return Done(str(made.uid), "党组织已新增。")


def _edit_party_org(command: Command, org: Any) -> Done:
    trees.recode(org, command.values["code"])
    PartyOrg.objects.filter(pk=org.pk).update(formed_on=_not_ahead(command, "formed_on"))
    return Done(message="党组织已修改。")


def _rename(command: Command, node: Any) -> Done:
    trees.rename(node, command.values["name"])
    return Done(message="已改名。")


def _move(command: Command, node: Any) -> Done:
    trees.move(node, chosen(type(node), command, "parent", node._meta.verbose_name))
    return Done(message="已移动，下级一起移动。")


def _merge(command: Command, node: Any) -> Done:
    into = chosen(type(node), command, "into", node._meta.verbose_name)
    moved = trees.merge(node, into, on=command.values["on"])
    return Done(
        message=f"已并入“{into.name}”，转过去 {moved} 项任职。", event={"into": str(into.uid), "posts": moved}
    )


def _retire(command: Command, node: Any) -> Done:
    trees.retire(node)
    return Done(message="已停用，历史记录保留。")


def _restore(command: Command, node: Any) -> Done:
    trees.restore(node)
    return Done(message="已恢复使用。")


def _not_ahead(command: Command, key: str) -> Any:
    day = command.values[key]
    if day is not None and day > clock.today():
        raise Invalid(
            "成立日期不能晚于今天。", [FieldError(f"/values/{key}", "成立日期不能晚于今天", "请核对日期")]
        )
    return day


def _today(hospital_id: int) -> Any:
    zone = Hospital.objects.filter(pk=hospital_id).values_list("zone", flat=True).first()
    return clock.today(zone or "Asia/Shanghai")


def _department_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    return _panels("org.department", "department", "下级科室", row, principal)


def _party_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    return _panels("org.party_org", "party_org", "下级党组织", row, principal)


def _panels(key: str, place: str, below: str, row: Row, principal: Any) -> list[dict[str, Any]]:
    """What it is, who is there (for those who see posts), and what lies below."""
    found = registry.get(key)
    assert found is not None
    slug = principal.hospital.slug
    facts = present.fields_panel(found.spec, row)
    facts["items"] = [item for item in facts["items"] if item["key"] not in ("tree", "place")]
    shown = [facts]
    if may(principal, "view", "org.post"):
        columns: list[dict[str, Any]] = [
            {"key": "person", "label": "姓名", "type": "person", "primary": True},
            {"key": "role", "label": "角色", "type": "code", "labels": ROLES},
            {"key": "title", "label": "职务", "type": "text"},
            {"key": "starts_on", "label": "开始日期", "type": "date"},
            {"key": "ends_on", "label": "结束日期", "type": "date"},
        ]
        where = where_is(f"{place}_uid", row.uid)
        shown.append(panels.table("posts", "任职", columns, source=source(slug, "org.post", where)))
    model = Department if key == "org.department" else PartyOrg
    children = (
        model.objects.filter(parent__uid=row.uid).order_by("tree_key").values_list("uid", "name", "state")
    )
    if children:
        shown.append(
            panels.links(
                "below",
                below,
                [
                    {
                        "label": name,
                        "href": f"/h/{slug}/r/{key}/{uid}",
                        "hint": "" if state == "active" else STATES[state],
                    }
                    for uid, name, state in children
                ],
            )
        )
    return shown


def where_is(field: str, value: str) -> dict[str, Any]:
    """The condition that a field has a value."""
    return {"op": "eq", "args": [{"field": field}, {"value": value}]}


def source(slug: str, key: str, where: dict[str, Any]) -> str:
    """The address of a list's rows under a condition, for a table in a page."""
    return f"/api/v1/h/{slug}/resources/{key}/rows?where={quote(json.dumps(where, separators=(',', ':')))}"
