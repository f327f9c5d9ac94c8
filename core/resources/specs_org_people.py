"""Persons and their dated posts. Ordinary posts belong to the hospital's administrator, the others to the security one's."""

from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, TextField, Value, When

from core.kernel import clock
from core.kernel.errors import FieldError, Forbidden, Invalid, Refused
from core.org.domain import health, people
from core.org.models import Department, Enrolment, PartyOrg, Person, Post
from core.policy.decide import can, max_class, may
from core.policy.principal import VISITOR
from core.policy.roles import PRIVILEGED_ROLES, ROLES, role_label
from core.resources import panels, present, registry
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row
from core.resources.specs_org_place import chosen, hospital_of
from core.resources.specs_org_tree import source, where_is

ORDINARY, PRIVILEGED = "ordinary", "privileged"
PHASES = {"held": "在任", "planned": "未开始", "ended": "已结束"}
YES_NO = {"yes": "有", "no": "没有"}
AT_ONCE = "不填则立即结束：从现在起，这项任职带来的权限全部失效。填写日期则到那天结束时失效。"


def register() -> None:
    """Make persons and posts known."""
    register_resource(
        _person(),
        ModelSource(
            Person,
            label="name",
            base=persons_of,
            annotations={
                "department_here": True,
                "campus_here": True,
                "department_name": True,
                "title_here": True,
                "role_here": True,
                "number_here": True,
                "posted": False,
            },
            reach={"department_name": "posts__department__name"},
        ),
    )
    register_resource(
        _post(),
        ModelSource(
            Post,
            label="person__name",
            state="phase",
            base=posts_of,
            annotations={"phase": False, "grade": False, "placed": False},
        ),
    )


def persons_of(hospital_id: int) -> QuerySet[Any]:
    """Persons with a post in the hospital today or a place on its roll; the latest post, one in a department first."""
    day = clock.today()
    posts = Post.objects.filter(
        health.held_on(day), person_id=OuterRef("pk"), hospital_id=hospital_id
    ).order_by(Case(When(department=None, then=Value(1)), default=Value(0)), "-starts_on", "-id")
    roll = Enrolment.objects.filter(
        Q(left_on__isnull=True) | Q(left_on__gte=day), person_id=OuterRef("pk"), hospital_id=hospital_id
    )
    return Person.objects.filter(Exists(posts) | Exists(roll)).annotate(
        department_here=Subquery(posts.values("department_id")[:1]),
        campus_here=Subquery(posts.values("campus_id")[:1]),
        department_name=Subquery(posts.values("department__name")[:1]),
        title_here=Subquery(posts.values("title")[:1]),
        role_here=Subquery(posts.values("role")[:1]),
        number_here=Subquery(roll.values("number")[:1]),
        posted=Case(When(Exists(posts), then=Value("yes")), default=Value("no"), output_field=TextField()),
    )


def posts_of(hospital_id: int) -> QuerySet[Any]:
    """Posts with how they stand today, who gives them, and whether their place is still in use."""
    day = clock.today()
    # by keys, not by joins, which text search of the list would carry along
    retired = Q(department__in=Department.objects.filter(state="retired").values("pk")) | Q(
        party_org__in=PartyOrg.objects.filter(state="retired").values("pk")
    )
    return Post.objects.filter(hospital_id=hospital_id).annotate(
        phase=Case(
            When(starts_on__gt=day, then=Value("planned")),
            When(ends_on__lt=day, then=Value("ended")),
            default=Value("held"),
            output_field=TextField(),
        ),
        grade=Case(
            When(role__in=sorted(PRIVILEGED_ROLES), then=Value(PRIVILEGED)),
            default=Value(ORDINARY),
            output_field=TextField(),
        ),
        placed=Case(
            When(health.held_on(day) & retired, then=Value("retired")),
            default=Value("in_use"),
            output_field=TextField(),
        ),
    )


def grade_of(role: str) -> str:
    """Who gives posts of this role, as the policy table names it."""
    return PRIVILEGED if role in PRIVILEGED_ROLES else ORDINARY


def roles_to_give(principal: Any) -> list[tuple[str, str]]:
    """Roles this person may appoint to, as choices."""
    open_to = {
        grade: can(principal, "add", "org.post", {"state": grade}).allowed for grade in (ORDINARY, PRIVILEGED)
    }
    return [(code, label) for code, label in ROLES.items() if code != VISITOR and open_to[grade_of(code)]]


def _person() -> ResourceSpec:
    name = FormField("name", "姓名", required=True, max_length=60)
    born = FormField("born_on", "出生日期", "date", help="只用于核对任职日期，按敏感信息保护。")
    number = FormField("number", "工号", max_length=60)
    return ResourceSpec(
        key="org.person",
        label="人员",
        label_plural="人员",
        data_class=2,
        icon="人",
        group="组织",
        question="谁在本院，任什么职，在哪个科室？",
        fields=(
            Field(
                "name",
                "姓名",
                "person",
                filterable=True,
                sortable=True,
                order_path="sort_key",
                role="primary",
            ),
            Field("department", "科室", path="department_name", filterable=True, role="secondary"),
            Field("title", "职务", path="title_here", filterable=True, role="secondary"),
            Field("role", "角色", "code", path="role_here", filterable=True, labels=ROLES),
            Field("posted", "任职", "code", filterable=True, labels=YES_NO),
            Field("number", "工号", "code", path="number_here", data_class=3, column=False),
            Field("born_on", "出生日期", "date", data_class=3, column=False),
        ),
        filters=(Filter("department"), Filter("role"), Filter("posted")),
        orders=(("name", "按姓名"),),
        default_order="name",
        search=("name", "department"),
        export=True,
        actions=(
            Action(
                "add",
                "新增人员",
                _add_person,
                style="primary",
                scope="list",
                form=Form(
                    "新增人员",
                    (
                        name,
                        number,
                        born,
                        FormField("joined_on", "入院日期", "date", help="不填则为今天。"),
                        FormField(
                            "role",
                            "角色",
                            "choice",
                            choices=roles_to_give,
                            help="同时登记一项任职；也可以以后再登记。",
                        ),
                        FormField("title", "职务", max_length=60),
                        FormField("department", "科室", "department"),
                    ),
                    help="同名的人请先查找，确认不是同一个人再新增。",
                ),
            ),
            Action("rename", "改名", _rename_person, form=Form("人员改名", (name,))),
            Action("edit", "更正资料", _edit_person, form=Form("更正资料", (number, born))),
            Action(
                "leave",
                "办理离院",
                _leave,
                form=Form(
                    "办理离院",
                    (FormField("last_day", "最后一天", "date", help=AT_ONCE),),
                    submit_label="离院",
                    help="结束此人在本院的全部任职。历史记录保留。",
                ),
            ),
        ),
        panels=_person_panels,
        empty={"title": "没有人员", "hint": "新增，或导入人员名册后会显示在这里。"},
    )


def _post() -> ResourceSpec:
    place = (
        FormField("department", "科室", "department", initial="department_uid"),
        FormField("party_org", "党组织", "lookup", resource="org.party_org", initial="party_org_uid"),
    )
    title = FormField("title", "职务", max_length=60)
    code = FormField("source_code", "业务系统代码", max_length=60, help="例如处方明细上的医师代码。")
    starts = FormField("starts_on", "开始日期", "date", True)
    ends = FormField("ends_on", "结束日期", "date", help="当天仍在任。没有定下来就不填。")
    now = frozenset({"held", "planned"})
    return ResourceSpec(
        key="org.post",
        label="任职",
        label_plural="任职",
        data_class=2,
        group="组织",
        question="谁从何时起担任什么角色？",
        fields=(
            Field("person", "姓名", "person", path="person__name", filterable=True, role="primary"),
            Field("role", "角色", "code", filterable=True, labels=ROLES, role="secondary"),
            Field("title", "职务", filterable=True),
            Field("department", "科室", path="department__name", filterable=True, role="secondary"),
            Field("party_org", "党组织", path="party_org__name"),
            Field("campus", "院区", path="campus__name"),
            Field("source_code", "业务系统代码", "code", data_class=3, filterable=True),
            Field("starts_on", "开始日期", "date", filterable=True, sortable=True),
            Field("ends_on", "结束日期", "date", filterable=True, sortable=True),
            Field("phase", "状态", "state", filterable=True, labels=PHASES),
            Field(
                "placed",
                "所在单位",
                "code",
                filterable=True,
                labels={"in_use": "在用", "retired": "已停用"},
                column=False,
            ),
            Field("person_uid", "姓名", "uid", path="person__uid", filterable=True, column=False),
            Field("department_uid", "科室", "uid", path="department__uid", filterable=True, column=False),
            Field("party_org_uid", "党组织", "uid", path="party_org__uid", filterable=True, column=False),
        ),
        filters=(Filter("role"), Filter("phase"), Filter("placed"), Filter("starts_on"), Filter("ends_on")),
        # not by name: the name lies in another table, so no index serves it; people are found by name in org.person
        orders=(("-starts_on", "最近任职在前"), ("ends_on", "将到期在前")),
        default_order="-starts_on",
        search=("person", "department", "title"),
        actions=(
            Action(
                "add",
                "登记任职",
                _add_post,
                style="primary",
                scope="list",
                form=Form(
                    "登记任职",
                    (
                        FormField("person", "人员", "person", True),
                        FormField("role", "角色", "choice", True, choices=roles_to_give),
                        title,
                        *place,
                        code,
                        FormField("starts_on", "开始日期", "date", help="不填则为今天。"),
                        ends,
                    ),
                    help="权限从开始日期起生效。",
                ),
            ),
            Action("edit", "更正", _edit_post, form=Form("更正任职", (title, code, starts, ends))),
            Action(
                "move",
                "调动",
                _move_post,
                form=Form(
                    "调动",
                    (
                        *place,
                        FormField("title", "职务", max_length=60),
                        FormField("on", "从哪天起", "date", True),
                    ),
                    submit_label="调动",
                    help="原任职到前一天结束，新的从这天开始。",
                ),
                states=frozenset({"held"}),
            ),
            Action(
                "end",
                "结束任职",
                _end_post,
                form=Form(
                    "结束任职",
                    (FormField("last_day", "最后一天", "date", help=AT_ONCE),),
                    submit_label="结束",
                ),
                states=now,
            ),
        ),
        empty={"title": "没有任职", "hint": ""},
    )


def _add_person(command: Command, thing: Any) -> Done:
    given, hospital = command.values, hospital_of(command)
    department = chosen(Department, command, "department", "科室")
    if given["role"] is None and (given["title"] or department):
        raise Invalid(
            "填写了职务或科室，还要选择角色。",
            [FieldError("/values/role", "请选择角色", "或者不填职务和科室，以后再登记任职")],
        )
    person = people.add_person(given["name"], born_on=given["born_on"])
    people.enrol(person, hospital, number=given["number"] or "", joined_on=given["joined_on"])
    if given["role"]:
        _may_give(command, given["role"])
        people.appoint(
            person,
            hospital,
            given["role"],
            starts_on=given["joined_on"],
            title=given["title"] or "",
            department=department,
            campus=department.campus if department else None,
        )
    return Done(str(person.uid), f"已新增{person.name}。")


def _rename_person(command: Command, person: Any) -> Done:
    hospital = hospital_of(command)
    if people.elsewhere(person, hospital):
        raise Invalid(
            "此人也在别的医院任职，不能由一家医院改名。",
            [FieldError("/values/name", "此人也在别的医院任职", "请由平台的系统管理员与各医院核对后办理")],
        )
    people.rename_person(person, command.values["name"])
    return Done(message="已改名。")


def _edit_person(command: Command, person: Any) -> Done:
    if not _sees_class_3(command, "org.person"):
        raise Forbidden("更正工号和出生日期，需要能查看它们的权限。")
    people.set_birth(person, command.values["born_on"])
    people.set_number(person, hospital_of(command), command.values["number"] or "")
    return Done(message="资料已更正。")


def _leave(command: Command, person: Any) -> Done:
    ended = people.leave(
        person, hospital_of(command), last_day=command.values["last_day"], guarded=PRIVILEGED_ROLES
    )
    return Done(
        message=f"已办理离院，结束 {len(ended)} 项任职。", event={"posts": [str(post.uid) for post in ended]}
    )


def _add_post(command: Command, thing: Any) -> Done:
    given, hospital = command.values, hospital_of(command)
    _may_give(command, given["role"])
    person = _person_here(command)
    _not_oneself(command, person.pk, given["role"])
    department = chosen(Department, command, "department", "科室")
    post = people.appoint(
        person,
        hospital,
        given["role"],
        starts_on=given["starts_on"],
        ends_on=given["ends_on"],
        title=given["title"] or "",
        department=department,
        campus=department.campus if department else None,
        party_org=chosen(PartyOrg, command, "party_org", "党组织"),
        source_code=given["source_code"] or "",
    )
    return Done(
        str(post.uid), f"已登记{person.name}为{role_label(post.role)}。", event={"person": str(person.uid)}
    )


def _edit_post(command: Command, post: Any) -> Done:
    given = command.values
    _not_oneself(command, post.person_id, post.role)
    changed = {key: given[key] for key in ("starts_on", "ends_on")} | {"title": given["title"] or ""}
    if _sees_class_3(command, "org.post"):  # whoever is not shown the code sends none, and must not empty it
        changed["source_code"] = given["source_code"] or ""
    people.correct_post(post, **changed)
    return Done(message="任职已更正。")


def _move_post(command: Command, post: Any) -> Done:
    given = command.values
    _not_oneself(command, post.person_id, post.role)
    department = chosen(Department, command, "department", "科室")
    made = people.transfer(
        post,
        on=given["on"],
        department=department,
        campus=department.campus if department else None,
        party_org=chosen(PartyOrg, command, "party_org", "党组织"),
        title=given["title"] or post.title,
    )
    return Done(message=f"已调动，从 {made.starts_on.isoformat()} 起。", event={"new": str(made.uid)})


def _end_post(command: Command, post: Any) -> Done:
    asked = command.values["last_day"]
    last = people.end_post(post, last_day=asked)
    if last is None:
        said = "这项任职还没有满一天，已撤销。"
    elif asked is None:
        said = "任职已立即结束。"
    else:
        said = f"任职到 {last.isoformat()} 结束。"
    return Done(message=said, event={"role": post.role, "person": str(post.person.uid)})


def _sees_class_3(command: Command, type_key: str) -> bool:
    return max_class(command.principal, "view", type_key) >= 3


def _may_give(command: Command, role: str) -> None:
    """The form offers only these roles; a hand-made request is refused with the reason."""
    if not can(command.principal, "add", "org.post", {"state": grade_of(role)}).allowed:
        raise Forbidden(f"“{role_label(role)}”由{'安全' if role in PRIVILEGED_ROLES else '医院'}管理员任免。")


def _not_oneself(command: Command, person_id: int, role: str) -> None:
    """Nobody gives or prolongs the own privileged post: the security administrator would see what is secret."""
    if role in PRIVILEGED_ROLES and person_id == command.principal.person_id:
        raise Refused(f"不能为本人办理“{role_label(role)}”的任职，请由另一位安全管理员办理。")


def _person_here(command: Command) -> Person:
    """A person of this hospital, or who was once; nobody is found through another hospital."""
    uid, hospital_id = command.values["person"], command.principal.hospital_id
    here = Q(posts__hospital_id=hospital_id) | Q(enrolments__hospital_id=hospital_id)
    found = Person.objects.filter(here, uid=uid).first()
    if found is None:
        raise Invalid(
            "没有这个人。", [FieldError("/values/person", "没有这个人", "请重新选择，或先在“人员”中新增")]
        )
    return found


def _person_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    found = registry.get("org.person")
    assert found is not None
    shown = [present.fields_panel(found.spec, row)]
    if may(principal, "view", "org.post"):
        columns: list[dict[str, Any]] = [
            {"key": "role", "label": "角色", "type": "code", "labels": ROLES, "primary": True},
            {"key": "title", "label": "职务", "type": "text"},
            {"key": "department", "label": "科室", "type": "text"},
            {"key": "party_org", "label": "党组织", "type": "text"},
            {"key": "starts_on", "label": "开始日期", "type": "date"},
            {"key": "ends_on", "label": "结束日期", "type": "date"},
            {"key": "phase", "label": "状态", "type": "state", "labels": PHASES},
        ]
        address = source(principal.hospital.slug, "org.post", where_is("person_uid", row.uid))
        shown.append(panels.table("posts", "任职", columns, source=address))
    return shown
