"""The hospital's own data, its campuses, and the days that are not what their weekday says."""

from typing import Any

from django.db.models import Case, Q, QuerySet, TextField, Value, When

from core.kernel.errors import FieldError, Invalid
from core.org.domain import place
from core.org.models import CalendarDay, Campus, Hospital
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec

STATES = {"active": "在用", "retired": "停用"}
OWNERS = {"common": "全国", "own": "本院"}
WORKS = (("rest", "休息"), ("work", "上班"))

#: Zones of the country, as people call them.
ZONES = (("Asia/Shanghai", "北京时间"), ("Asia/Urumqi", "新疆时间"))


def register() -> None:
    """Make the three known."""
    register_resource(_hospital(), ModelSource(Hospital, label="name", base=_one))
    register_resource(_campus(), ModelSource(Campus, label="name", state="state"))
    register_resource(
        _day(),
        ModelSource(
            CalendarDay,
            label="name",
            state="owner",
            base=_days,
            annotations={"owner": False, "kind": False},
        ),
    )


def campuses(principal: Any) -> list[tuple[str, str]]:
    """Campuses of the hospital in context, as choices."""
    return [(str(uid), name) for uid, name in Campus.objects.order_by("id").values_list("uid", "name")]


def campuses_in_use(principal: Any) -> list[tuple[str, str]]:
    """Campuses that something new can be put in."""
    found = Campus.objects.filter(state="active").order_by("id")
    return [(str(uid), name) for uid, name in found.values_list("uid", "name")]


def hospital_of(command: Command) -> Hospital:
    """The hospital the command is about."""
    return Hospital.objects.get(pk=command.principal.hospital_id)


def chosen(model: Any, command: Command, key: str, word: str) -> Any:
    """The row a form names by its uid, or None when nothing was chosen. Raises Invalid."""
    uid = command.values.get(key)
    if not uid:
        return None
    found = model.objects.filter(uid=uid).first()
    if found is None:
        raise Invalid(f"没有这个{word}。", [FieldError(f"/values/{key}", f"没有这个{word}", "请重新选择")])
    return found


def _one(hospital_id: int) -> QuerySet[Any]:
    return Hospital.objects.filter(pk=hospital_id)


def _days(hospital_id: int) -> QuerySet[Any]:
    return CalendarDay.objects.filter(Q(hospital=None) | Q(hospital_id=hospital_id)).annotate(
        owner=Case(When(hospital=None, then=Value("common")), default=Value("own"), output_field=TextField()),
        kind=Case(When(works=True, then=Value("work")), default=Value("rest"), output_field=TextField()),
    )


def _hospital() -> ResourceSpec:
    return ResourceSpec(
        key="org.hospital",
        label="医院资料",
        label_plural="医院资料",
        data_class=2,
        icon="院",
        group="组织",
        question="本院叫什么，夜间从几点到几点，科室分哪些同类组？",
        fields=(
            Field("name", "名称", role="primary"),
            Field("short_name", "简称", role="secondary"),
            Field("zone", "时区", "code", labels=dict(ZONES)),
            Field("night_starts", "夜间开始（时）", "number"),
            Field("night_ends", "夜间结束（时）", "number"),
            Field("opened_on", "开院日期", "date"),
            Field("groups", "同类组", compute=_groups_text, needs=("peer_groups",)),
        ),
        actions=(
            Action(
                "edit",
                "修改资料",
                _edit_hospital,
                style="primary",
                form=Form(
                    "修改医院资料",
                    (
                        FormField("name", "名称", required=True, max_length=120),
                        FormField("short_name", "简称", max_length=40),
                        FormField("zone", "时区", "choice", True, choices=ZONES),
                        FormField("night_starts", "夜间开始（时）", "number", True, "0 至 23，例如 22。"),
                        FormField("night_ends", "夜间结束（时）", "number", True, "0 至 23，例如 7。"),
                        FormField("opened_on", "开院日期", "date", help="任职的开始日期不能早于它。"),
                        FormField(
                            "groups",
                            "同类组",
                            "textarea",
                            help="每行一个，科室只能选这里列出的同类组；留空则不限制。",
                        ),
                    ),
                    help="夜间时段用于“夜间不打扰”和夜间用药的统计。",
                ),
            ),
        ),
    )


def _groups_text(row: Any) -> str:
    return "\n".join(row["peer_groups"] or [])


def _edit_hospital(command: Command, hospital: Any) -> Done:
    given = command.values
    hours = {}
    for key in ("night_starts", "night_ends"):
        if given[key] != int(given[key]):
            raise Invalid("钟点应为整数。", [FieldError(f"/values/{key}", "钟点应为整数", "例如 22")])
        hours[key] = int(given[key])
    place.describe_hospital(
        hospital,
        name=given["name"],
        short_name=given["short_name"] or given["name"][:40],
        zone=given["zone"],
        opened_on=given["opened_on"],
        peer_groups=[line.strip() for line in (given["groups"] or "").splitlines() if line.strip()],
        **hours,
    )
    return Done(message="医院资料已修改。")


def _campus() -> ResourceSpec:
    form = Form(
        "院区",
        (
            FormField("name", "名称", required=True, max_length=80),
            FormField("code", "代码", required=True, max_length=40, help="与业务系统里的写法一致。"),
        ),
    )
    return ResourceSpec(
        key="org.campus",
        label="院区",
        label_plural="院区",
        data_class=2,
        icon="区",
        group="组织",
        question="医院有哪些院区？",
        fields=(
            Field("name", "名称", filterable=True, sortable=True, role="primary"),
            Field("code", "代码", "code", filterable=True, sortable=True, role="secondary"),
            Field("state", "状态", "state", filterable=True, labels=STATES),
        ),
        filters=(Filter("state"),),
        orders=(("code", "按代码"), ("name", "按名称")),
        default_order="code",
        search=("name", "code"),
        actions=(
            Action("add", "新增院区", _add_campus, style="primary", scope="list", form=form),
            Action("edit", "修改", _edit_campus, form=form, states=frozenset({"active"})),
            Action(
                "retire",
                "停用",
                _retire_campus,
                style="quiet",
                confirm="停用后不能再选这个院区，原有记录保留。",
                states=frozenset({"active"}),
            ),
            Action("restore", "恢复使用", _restore_campus, states=frozenset({"retired"})),
        ),
        empty={"title": "没有院区", "hint": "只有一个院区的医院也请登记一个。"},
    )


def _add_campus(command: Command, thing: Any) -> Done:
    made = place.add_campus(
        hospital=hospital_of(command), code=command.values["code"], name=command.values["name"]
    )
    return Done(str(made.uid), "院区已新增。")


def _edit_campus(command: Command, campus: Any) -> Done:
    place.change_campus(campus, code=command.values["code"], name=command.values["name"])
    return Done(message="院区已修改。")


def _retire_campus(command: Command, campus: Any) -> Done:
    place.retire_campus(campus)
    return Done(message="院区已停用。")


def _restore_campus(command: Command, campus: Any) -> Done:
    place.restore_campus(campus)
    return Done(message="院区已恢复使用。")


def _day() -> ResourceSpec:
    inputs = (
        FormField("kind", "这一天", "choice", True, choices=WORKS),
        FormField("name", "名称", required=True, max_length=60, help="例如：国庆节、院庆。"),
        FormField("source", "依据", max_length=120, help="例如：院发〔2026〕3号。不填则记为“本院安排”。"),
    )
    own = frozenset({"own"})
    return ResourceSpec(
        key="org.calendar_day",
        label="工作日历",
        label_plural="工作日历",
        data_class=1,
        icon="历",
        group="组织",
        question="哪些日子放假，哪些周末上班？期限按这里的工作日计算。",
        fields=(
            Field("day", "日期", "date", filterable=True, sortable=True, role="primary"),
            Field("kind", "这一天", "code", filterable=True, labels=dict(WORKS), role="secondary"),
            Field("name", "名称", filterable=True, role="secondary"),
            Field("owner", "适用", "state", filterable=True, labels=OWNERS),
            Field("source", "依据"),
        ),
        filters=(Filter("day"), Filter("kind"), Filter("owner")),
        orders=(("-day", "最近的在前"), ("day", "最早的在前")),
        default_order="-day",
        search=("name",),
        actions=(
            Action(
                "add",
                "登记一天",
                _add_day,
                style="primary",
                scope="list",
                form=Form(
                    "登记本院的一天",
                    (FormField("day", "日期", "date", True), *inputs),
                    help="只写与星期不同、或与全国安排不同的日子。本院的安排优先于全国的。",
                ),
            ),
            Action("edit", "修改", _edit_day, form=Form("修改这一天", inputs), states=own),
            Action(
                "remove",
                "删除",
                _remove_day,
                style="quiet",
                confirm="删除后，这一天按全国安排或星期计算；已经算出的期限不变。",
                states=own,
            ),
        ),
        empty={"title": "没有登记节假日", "hint": "没有登记的年份，期限按周一至周五暂算。"},
    )


def _add_day(command: Command, thing: Any) -> Done:
    given = command.values
    made = place.set_day(
        hospital_of(command),
        given["day"],
        works=given["kind"] == "work",
        name=given["name"],
        source=given["source"] or "",
    )
    return Done(str(made.uid), "已登记。")


def _edit_day(command: Command, row: Any) -> Done:
    given = command.values
    place.change_day(row, works=given["kind"] == "work", name=given["name"], source=given["source"] or "")
    return Done(message="已修改。")


def _remove_day(command: Command, row: Any) -> Done:
    row.delete()
    return Done(message="已删除。")
