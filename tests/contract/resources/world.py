"""Two hospitals, their people, and one set of rows that each source holds in its own way."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import models

from core.kernel.clock import now
from core.kernel.context import Actor, acting, hospital_scope
from core.kernel.errors import Refused
from core.org.models import Department, Hospital, HospitalModel, Person, Post, User
from core.org.models.tree import named
from core.policy.models import PluginActivation
from core.policy.principal import Principal, principal_for
from core.policy.table import load_table
from core.policy.types import TypePolicy, register_type
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec

KEY = "contract.thing"
PLUGIN = "contract_plugin"
N = 1103  # above the cap of counts
POLICY = """role,type,action,relation,state,max_class,effect,note
inspector,contract.thing,view,hospital,*,3,allow,test
inspector,contract.thing,export,hospital,*,3,allow,test
inspector,contract.thing,edit,hospital,*,3,allow,test
inspector,contract.thing,close,hospital,open,3,allow,test
inspector,contract.thing,add,hospital,*,3,allow,test
leader,contract.thing,view,hospital,*,2,allow,test
leader,contract.thing,export,hospital,*,2,allow,test
department_head,contract.thing,view,department,*,3,allow,test
department_head,contract.thing,add,department,*,3,allow,test
party_office,contract.thing,view,hospital,*,3,mask,test
"""
EMPTY_POLICY = POLICY.splitlines()[0] + "\n"
STATES = {"open": "待处理", "closed": "已办结"}
SYSTEM = Actor.system("test")


class Thing(HospitalModel):
    """The test's own table; made by the fixture, not by a migration."""

    number = models.IntegerField()
    name = models.CharField(max_length=80)
    state = models.CharField(max_length=10, default="open")
    department = models.ForeignKey(Department, on_delete=models.PROTECT, null=True)
    day = models.DateField(null=True)
    amount = models.BigIntegerField(null=True)
    note = models.CharField(max_length=80, null=True)

    class Meta(HospitalModel.Meta):
        app_label = "resources_contract"


@dataclass
class World:
    """What the cases need."""

    hospital: Hospital
    other: Hospital
    department: Department
    inner: Department
    outside: Department
    people: dict[str, Principal] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[dict[str, Any]] = field(default_factory=list)

    def seen(self, who: str) -> list[dict[str, Any]]:
        """The rows of the hospital that the person may see, by an own reading of the table above."""
        if who == "foreign":
            return self.foreign
        if who == "department_head":
            inside = {self.department.id, self.inner.id}
            return [r for r in self.rows if r["department"] in inside]
        return [] if who == "staff" else self.rows


def make_world(folder: Path) -> World:
    """Hospitals, departments, people and rows; types and policy registered."""
    register_type(
        TypePolicy(
            KEY,
            "物件",
            3,
            attrs={"department": "department_id", "state": "state"},
            lines={"department": "department", "state": "state"},
        )
    )
    path = folder / "policy.csv"
    path.write_text(POLICY, encoding="utf-8")
    load_table(path, "contract")
    with acting(SYSTEM):
        hospital = _new(named(Hospital, name="青莲测试医院", slug="contract-a"))
        other = _new(named(Hospital, name="别处医院", slug="contract-b"))
        department = _department(hospital, None, "内科")
        inner = _department(hospital, department, "心内科")
        outside = _department(hospital, None, "外科")
        far = _department(other, None, "内科")
        world = World(hospital, other, department, inner, outside)
        for role in ("inspector", "leader", "department_head", "party_office", "staff"):
            at = department if role == "department_head" else None
            world.people[role] = _person(hospital, role, at)
        world.people["foreign"] = _person(other, "inspector", None)
        for where in (hospital, other):
            PluginActivation.unscoped.create(
                hospital=where, plugin=PLUGIN, enabled=True, changed_at=now(), changed_by="test"
            )
    world.rows = _rows(N, [department.id, inner.id, outside.id, None], random.Random(7))
    world.foreign = _rows(40, [far.id], random.Random(8))
    return world


def spec(**changed: Any) -> ResourceSpec:
    """The resource under test."""
    values: dict[str, Any] = {
        "key": KEY,
        "label": "物件",
        "data_class": 2,
        "plugin": PLUGIN,
        "question": "有哪些物件？",
        "fields": (
            Field("number", "编号", "number", filterable=True, sortable=True, summable=True),
            Field("name", "名称", filterable=True, sortable=True, role="primary"),
            Field("state", "状态", "state", filterable=True, labels=STATES),
            Field("department", "科室", "number", path="department_id", filterable=True),
            Field("day", "日期", "date", filterable=True, sortable=True),
            Field("amount", "金额", "money", scale=2, filterable=True, sortable=True, summable=True),
            Field("note", "备注", data_class=3, filterable=True, sortable=True),
            Field("double", "双倍", "number", compute=lambda one: one["number"] * 2, needs=("number",)),
        ),
        "filters": (Filter("state"), Filter("day"), Filter("amount"), Filter("note")),
        "orders": (("number", "编号"), ("-day", "日期"), ("note", "备注")),
        "default_order": "-day",
        "search": ("name",),
        "export": True,
    }
    return ResourceSpec(**(values | changed))


_FORM = Form(
    "修改",
    (
        FormField("name", "名称", required=True, max_length=20),
        FormField("amount", "金额", "money"),
        FormField("state", "状态", "choice", choices=tuple(STATES.items())),
    ),
)
_NEW = Form(
    "新建",
    (FormField("name", "名称", required=True), FormField("department", "科室", "number", required=True)),
)


def edit(command: Command, thing: Any) -> Done:
    """The handler of `edit`."""
    thing.name = command.values["name"]
    if command.values["amount"] is not None:
        thing.amount = int(command.values["amount"] * 100)
    thing.save()
    if thing.name == "坏":
        raise Refused("不能叫这个名字。")
    return Done(message="已修改。", event={"why": "test"})


def close(command: Command, thing: Any) -> Done:
    """The handler of `close`."""
    thing.state = "closed"
    thing.save()
    return Done(message="已办结。")


def add(command: Command, thing: Any) -> Done:
    """The handler of `add`."""
    assert thing is None
    made = Thing.objects.create(
        number=9000, name=command.values["name"], department_id=int(command.values["department"])
    )
    return Done(uid=str(made.uid), message="已新建。")


ACTIONS = (
    Action("edit", "修改", edit, form=_FORM),
    Action("close", "办结", close, states=frozenset({"open"}), confirm="确定办结？"),
    Action("add", "新建", add, scope="list", form=_NEW),
)


def _rows(n: int, departments: list[Any], dice: random.Random) -> list[dict[str, Any]]:
    names = ["头孢", "ＡＢＣ 针", "abc 片", "阿莫西林", "=1+1", "+说明", "普通"]
    return [
        {
            "number": i,
            "name": f"{dice.choice(names)}{dice.randrange(30)}",
            "state": dice.choice(["open", "closed"]),
            "department": dice.choice(departments),
            # few days and many nulls: ties everywhere
            "day": None if dice.random() < 0.3 else date(2024, 1, 1) + timedelta(days=dice.randrange(9)),
            "amount": None if dice.random() < 0.2 else Decimal(dice.randrange(-5000, 100000)).scaleb(-2),
            "note": None if dice.random() < 0.5 else f"密 {dice.randrange(5)}",
        }
        for i in range(n)
    ]


def _new(thing: Any) -> Any:
    thing.save()
    return thing


def _department(hospital: Hospital, parent: Department | None, name: str) -> Department:
    with hospital_scope(hospital):
        made = named(Department, hospital=hospital, parent=parent, name=name, code=name, path="")
        made.save()
        made.path = f"{parent.path if parent else '/'}{made.id}/"
        made.save()
    return made


def _person(hospital: Hospital, role: str, department: Department | None) -> Principal:
    person = _new(named(Person, name=f"测试{role}"))
    user = User.objects.create(username=f"{hospital.slug}-{role}", person=person)
    Post.unscoped.create(
        hospital=hospital, person=person, role=role, department=department, starts_on=date(2020, 1, 1)
    )
    found = principal_for(user, hospital)
    assert found is not None
    return found
