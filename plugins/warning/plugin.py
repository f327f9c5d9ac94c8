"""What the plugin registers at start: policy types, resources, the run job."""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from core.plugin_api import Hospital, TypePolicy, current_hospital, register_type
from core.plugin_api.flow import flow
from core.plugin_api.http import register_router
from core.plugin_api.jobs import JobContext, job
from core.plugin_api.resources import (
    Action,
    Field,
    Filter,
    Form,
    FormField,
    ModelSource,
    ResourceSpec,
    Row,
    register,
)
from plugins.warning import notices, searchable
from plugins.warning import rankings as rankings
from plugins.warning.domain import cases, tuning
from plugins.warning.http import router
from plugins.warning.models import (
    LEVELS,
    SUBJECT_KINDS,
    IndicatorValue,
    NotEvaluated,
    RuleVersion,
    Warning,
    WarningRun,
)
from plugins.warning.queries.panels import FAIR, number, panels, subtitle
from plugins.warning.queries.rules import rule_panels, rule_versions

CLASSES = {
    "A": "A 水平与结构",
    "B": "B 异常变化",
    "C": "C 同行偏离与集中",
    "D": "D 处方合规",
    "E": "E 采购与接触",
}
register_type(
    TypePolicy(
        "warning.warning",
        "预警",
        2,
        {
            "department": "department_id",
            "person": "doctor_code",
            "state": "flow__state",
            "object": "uid",
        },
        person_by="source_code",
    )
)
register_type(TypePolicy("warning.rule", "预警规则", 2))
register_type(TypePolicy("warning.run", "运行记录", 2))
register_type(TypePolicy("warning.unevaluated", "未评估", 2))
register_type(TypePolicy("warning.indicator", "处方指标", 2))


@job("warning.run", label="计算预警", plugin="warning")
def run_job(ctx: JobContext) -> dict[str, Any]:
    """Evaluate all rules on the newest data (or as of a time) and open warnings."""
    from plugins.warning.domain.start import start_run  # loads the engine

    return start_run(ctx)


def _actions() -> tuple[Action, ...]:
    declared = flow("warning.case")
    return tuple(
        Action(
            verb=transition.verb,
            label=transition.label,
            handler=cases.step(transition.verb),
            style=transition.style,
            states=frozenset(transition.sources),
            form=Form(
                title=transition.label,
                help=transition.help,
                submit_label=transition.label,
                fields=tuple(
                    FormField(
                        key=field.key,
                        label=field.label,
                        type="files" if field.type == "file" else field.type,
                        required=field.required,
                        help=field.help,
                        choices=tuple(field.choices.items()),
                        max_length=field.max_length,
                        resource="org.department" if field.type == "department" else "",
                        initial="department_uid" if field.type == "department" else "",
                    )
                    for field in transition.fields
                ),
            ),
        )
        for transition in declared.transitions
    )


def _shown(name: str) -> Callable[[Mapping[str, Any]], str]:
    """A decimal text of a row with thousands separators and two places."""
    return lambda values: number(values[name], 2)


def _run_title(row: Row) -> str:
    hospital = current_hospital()
    zone = Hospital.objects.get(pk=hospital.id).zone if hospital else "Asia/Shanghai"
    return f"按 {row.values['as_of'].astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} 的数据计算"


def _title(row: Row) -> str:
    return str(row.label)


def _subtitle(row: Row) -> str:
    warning = Warning.unscoped.select_related("finding__rule", "finding__run", "hospital").get(uid=row.uid)
    return subtitle(warning)


def _badges(row: Row) -> list[dict[str, Any]]:
    level = str(row.values["level"])
    return [
        {"kind": "level", "value": level, "label": dict(LEVELS)[level]},
        {"kind": "tag", "value": "fair", "label": FAIR[str(row.values["rule_class"])]},
        {"kind": "tag", "value": row.state, "label": STATES.get(row.state, row.state)},
    ]


STATES = {state.code: state.label for state in flow("warning.case").states}

register(
    ResourceSpec(
        key="warning.warning",
        label="预警",
        label_plural="预警",
        plugin="warning",
        data_class=2,
        question="哪些地方偏离常态，需要请科室说明？",
        icon="警",
        fields=(
            Field("title", "预警", path="title", filterable=True, role="primary"),
            Field("level", "级别", "level", labels=dict(LEVELS), filterable=True),
            Field("level_rank", "级别高低", "number", sortable=True, column=False),
            Field("state", "状态", "state", path="flow__state", labels=STATES, filterable=True),
            Field(
                "department",
                "科室",
                path="department__name",
                filterable=True,
                sortable=True,
                order_path="department__sort_key",
                role="secondary",
            ),
            Field("department_uid", "科室编号", "uid", path="department__uid", column=False),
            Field("person", "人员", "person", path="person_label", data_class=3),
            Field("subject_kind", "对象", labels=SUBJECT_KINDS, filterable=True),
            Field("rule_class", "类别", labels=CLASSES, filterable=True),
            Field("rule_code", "规则", "code", filterable=True, column=False),
            Field("period", "最近期间", "month", filterable=True, sortable=True, role="secondary"),
            Field("first_period", "首次期间", "month", sortable=True),
            Field("opened_at", "发出时间", "datetime", sortable=True, column=False),
            Field("due_on", "期限", "date", path="flow__due_on", sortable=True),
        ),
        filters=(
            Filter("state", "状态", "choice"),
            Filter("level", "级别", "choice"),
            Filter("rule_class", "类别", "choice"),
            Filter("subject_kind", "对象", "choice"),
            Filter("period", "期间"),
        ),
        orders=(
            ("-level_rank", "级别从高到低"),
            ("-period", "最近期间"),
            ("due_on", "期限"),
            ("-opened_at", "发出时间"),
        ),
        default_order="-level_rank",
        search=("title",),
        export=True,
        actions=_actions(),
        panels=panels,
        title=_title,
        subtitle=_subtitle,
        badges=_badges,
        empty={
            "title": "没有符合条件的预警",
            "hint": "可以放宽筛选条件；如果从未有过预警，请先导入处方明细，再到“运行记录”里计算。",
        },
    ),
    ModelSource(Warning, label="title", state="flow__state"),
)

register(
    ResourceSpec(
        key="warning.rule",
        label="规则",
        plugin="warning",
        data_class=2,
        question="预警按哪些规则发出？",
        icon="规",
        fields=(
            Field("title", "规则", role="primary", filterable=True),
            Field("code", "编码", "code", filterable=True, sortable=True, role="secondary"),
            Field("rule_class", "类别", labels=CLASSES, filterable=True),
            Field("dimension", "维度", labels=SUBJECT_KINDS, filterable=True),
            Field("number", "版次", "number", sortable=True),
            Field("current", "现行", "bool", filterable=True),
            Field("own", "本院数值", "bool", filterable=True, role="secondary"),
            Field("stored_at", "存入时间", "datetime", sortable=True),
            Field("text", "原文", column=False),
        ),
        filters=(
            Filter("rule_class", "类别", "choice"),
            Filter("dimension", "维度", "choice"),
            Filter("current", "现行"),
            Filter("own", "本院数值"),
        ),
        orders=(("code", "编码"),),
        default_order="code",
        search=("title",),
        actions=(
            Action(
                verb="tune",
                label="调整数值",
                handler=tuning.tune,
                style="primary",
                form=tuning.tune_form,
                states=frozenset({"hospital", "hospital_own", "department", "department_own"}),
            ),
            Action(
                verb="tune_department",
                label="设科室数值",
                handler=tuning.tune_department,
                form=tuning.department_form,
                right="tune",
                states=frozenset({"department", "department_own"}),
            ),
            Action(
                verb="reset",
                label="恢复默认",
                handler=tuning.reset,
                style="quiet",
                form=tuning.RESET,
                right="tune",
                states=frozenset({"hospital_own", "department_own"}),
            ),
        ),
        panels=rule_panels,
        empty={"title": "还没有规则版本", "hint": "第一次计算预警时存入。"},
    ),
    ModelSource(
        RuleVersion,
        label="title",
        uid="digest",
        state="place",
        base=rule_versions,
        annotations={"current": False, "own": False, "version": False, "place": False},
    ),
)

register(
    ResourceSpec(
        key="warning.run",
        label="运行记录",
        plugin="warning",
        data_class=2,
        question="什么时候按哪一天的数据计算过？",
        icon="算",
        fields=(
            Field("as_of", "数据时点", "datetime", sortable=True, role="primary"),
            Field(
                "state", "状态", "state", labels=dict(WarningRun.STATES), filterable=True, role="secondary"
            ),
            Field("live", "正式运行", "bool", filterable=True),
            Field("rules", "规则数", "number"),
            Field("found", "发现数", "number", role="secondary"),
            Field("opened", "新预警", "number"),
            Field("unevaluated", "未评估", "number"),
            Field("requested_by", "发起人"),
            Field("started_at", "开始时间", "datetime", sortable=True),
            Field("finished_at", "完成时间", "datetime"),
        ),
        orders=(("-started_at", "开始时间"),),
        default_order="-started_at",
        filters=(Filter("state", "状态", "choice"),),
        actions=(
            Action(
                verb="start",
                label="计算预警",
                handler=cases.start,
                style="primary",
                scope="list",
                confirm="将按现有数据计算全部规则，几分钟内完成，可以随时取消。",
            ),
        ),
        title=_run_title,
        empty={"title": "还没有计算过", "hint": "导入处方明细等数据后，点“计算预警”。"},
    ),
    ModelSource(WarningRun, label="requested_by", state="state"),
)

register(
    ResourceSpec(
        key="warning.unevaluated",
        label="未评估",
        plugin="warning",
        data_class=2,
        question="哪些规则没有给出答案，为什么？",
        icon="缺",
        fields=(
            Field("rule_title", "规则", role="primary", filterable=True),
            Field("rule_code", "编码", "code", filterable=True, sortable=True),
            Field("subject_label", "对象", filterable=True),
            Field("periods", "期间"),
            Field("reason", "原因", role="secondary"),
            Field("count", "次数", "number", sortable=True),
            Field("run_at", "数据时点", "datetime", path="run__as_of", sortable=True),
        ),
        orders=(("-run_at", "数据时点"), ("rule_code", "规则"), ("-count", "次数")),
        default_order="-run_at",
        search=("rule_title", "subject_label"),
        empty={"title": "没有未评估的规则", "hint": "全部规则都给出了答案。"},
    ),
    ModelSource(NotEvaluated, label="rule_title"),
)

register(
    ResourceSpec(
        key="warning.indicator",
        label="处方指标",
        plugin="warning",
        data_class=2,
        question="各机构的处方指标是多少，在同行中处于什么位置？",
        icon="标",
        fields=(
            Field("title", "指标", filterable=True, role="primary"),
            Field("practice_name", "机构", filterable=True, sortable=True, role="secondary"),
            Field("month", "月份", "month", filterable=True, sortable=True),
            Field(
                "shown",
                "值",
                "text",
                compute=_shown("value"),
                needs=("value",),
                align="right",
                role="secondary",
            ),
            Field("unit", "单位"),
            Field(
                "place", "百分位", "text", compute=_shown("percentile"), needs=("percentile",), align="right"
            ),
            Field("top", "分子", "text", compute=_shown("numerator"), needs=("numerator",), align="right"),
            Field(
                "base", "分母", "text", compute=_shown("denominator"), needs=("denominator",), align="right"
            ),
            Field("code", "编码", "code", filterable=True, column=False),
        ),
        orders=(("-month", "月份"), ("practice_name", "机构")),
        default_order="-month",
        search=("title", "practice_name"),
        filters=(Filter("month", "月份"),),
        empty={"title": "还没有处方指标", "hint": "导入“汇总处方”和“登记人数”后，到“运行记录”里计算。"},
    ),
    ModelSource(IndicatorValue, label="title"),
)

register_router("warning", router)
searchable.register()
notices.register()
