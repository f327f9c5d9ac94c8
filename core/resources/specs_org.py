"""Lists of the organisation: persons, departments, posts, Party organisations. Read-only in this form."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from core.kernel import clock
from core.org.models import Campus, Department, PartyOrg, Person, Post
from core.policy.roles import ROLES
from core.policy.types import TypePolicy, register_type
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Field, Filter, ResourceSpec

STATES = {"active": "在用", "retired": "停用"}


def register() -> None:
    """Make types and lists known."""
    register_type(
        TypePolicy("org.department", "科室", 2, {"department": "id", "campus": "campus_id", "state": "state"})
    )
    register_type(
        TypePolicy(
            "org.person",
            "人员",
            2,
            {"department": "department_here", "campus": "campus_here", "person": "id"},
        )
    )
    register_type(
        TypePolicy(
            "org.post",
            "任职",
            2,
            {"department": "department_id", "campus": "campus_id", "person": "person_id"},
        )
    )
    register_type(TypePolicy("org.party_org", "党组织", 2, {}))
    register_resource(_department(), ModelSource(Department, label="name", state="state"))
    here = {
        "department_here": True,
        "campus_here": True,
        "department_name": True,
        "title_here": True,
        "role_here": True,
    }
    register_resource(_person(), ModelSource(Person, label="name", base=persons_of, annotations=here))
    register_resource(_post(), ModelSource(Post, label="person__name"))
    register_resource(_party_org(), ModelSource(PartyOrg, label="name"))


def persons_of(hospital_id: int) -> QuerySet[Any]:
    """Persons with a post in the hospital today, with the department, title and role of the latest one."""
    day = clock.today()
    held = Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gte=day))
    posts = Post.objects.filter(held, person_id=OuterRef("pk"), hospital_id=hospital_id).order_by(
        "-starts_on", "-id"
    )
    return Person.objects.filter(Exists(posts)).annotate(
        department_here=Subquery(posts.values("department_id")[:1]),
        campus_here=Subquery(posts.values("campus_id")[:1]),
        department_name=Subquery(posts.values("department__name")[:1]),
        title_here=Subquery(posts.values("title")[:1]),
        role_here=Subquery(posts.values("role")[:1]),
    )


def _department() -> ResourceSpec:
    return ResourceSpec(
        key="org.department",
        label="科室",
        label_plural="科室",
        data_class=2,
        icon="科",
        group="组织",
        question="医院有哪些科室，各属哪个院区？",
        fields=(
            Field("name", "名称", filterable=True, sortable=True, order_path="sort_key", role="primary"),
            Field("code", "代码", "code", filterable=True, sortable=True, role="secondary"),
            Field("kind", "类别", "code", filterable=True, labels=dict(Department.KINDS), role="secondary"),
            Field("parent", "上级科室", path="parent__name"),
            Field("campus", "院区", path="campus__name"),
            Field("campus_uid", "院区", "uid", path="campus__uid", filterable=True, column=False),
            Field("peer_group", "同类组", filterable=True),
            Field("state", "状态", "state", filterable=True, labels=STATES),
        ),
        filters=(Filter("kind"), Filter("campus_uid", "院区", "choice", campuses), Filter("state")),
        orders=(("name", "按名称"), ("code", "按代码")),
        default_order="name",
        search=("name", "code"),
        export=True,
        empty={"title": "没有科室", "hint": "导入科室目录后会显示在这里。"},
    )


def _person() -> ResourceSpec:
    return ResourceSpec(
        key="org.person",
        label="人员",
        label_plural="人员",
        data_class=2,
        icon="人",
        group="组织",
        question="谁在本院任职，在哪个科室？",
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
        ),
        filters=(Filter("department"), Filter("role")),
        orders=(("name", "按姓名"),),
        default_order="name",
        search=("name", "department"),
        export=True,
        empty={"title": "没有人员", "hint": "登记任职后会显示在这里。"},
    )


def _post() -> ResourceSpec:
    return ResourceSpec(
        key="org.post",
        label="任职",
        label_plural="任职",
        data_class=2,
        group="组织",
        question="谁从何时起担任什么角色？",
        fields=(
            Field(
                "person",
                "姓名",
                "person",
                path="person__name",
                filterable=True,
                role="primary",
            ),
            Field("role", "角色", "code", filterable=True, labels=ROLES, role="secondary"),
            Field("title", "职务", filterable=True),
            Field("department", "科室", path="department__name", filterable=True, role="secondary"),
            Field("campus", "院区", path="campus__name"),
            Field("source_code", "业务系统代码", "code", data_class=3, filterable=True),
            Field("starts_on", "开始日期", "date", filterable=True, sortable=True),
            Field("ends_on", "结束日期", "date", filterable=True, sortable=True),
        ),
        filters=(Filter("role"), Filter("starts_on"), Filter("ends_on")),
        # not by name: the name lies in another table, so no index serves it; people are found by name in org.person
        orders=(("-starts_on", "最近任职在前"), ("ends_on", "将到期在前")),
        default_order="-starts_on",
        search=("person", "department", "title"),
        export=True,
        empty={"title": "没有任职", "hint": ""},
    )


def _party_org() -> ResourceSpec:
    return ResourceSpec(
        key="org.party_org",
        label="党组织",
        label_plural="党组织",
        data_class=2,
        group="组织",
        question="医院有哪些党组织，各属哪个上级？",
        fields=(
            Field("name", "名称", filterable=True, sortable=True, order_path="sort_key", role="primary"),
            Field("kind", "类别", "code", filterable=True, labels=dict(PartyOrg.KINDS), role="secondary"),
            Field("parent", "上级党组织", path="parent__name", role="secondary"),
            Field("formed_on", "成立日期", "date", filterable=True, sortable=True),
        ),
        filters=(Filter("kind"), Filter("formed_on")),
        orders=(("name", "按名称"), ("-formed_on", "最近成立在前")),
        default_order="name",
        search=("name",),
        empty={"title": "没有党组织", "hint": ""},
    )


def campuses(principal: Any) -> list[tuple[str, str]]:
    """Campuses of the hospital in context, as choices."""
    return [(str(uid), name) for uid, name in Campus.objects.order_by("id").values_list("uid", "name")]
