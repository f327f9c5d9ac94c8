"""The audit administrator's pages: who read what, what happened, and who looked at unusually much."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform

from core.audit import bulk
from core.audit.events import READ
from core.audit.models import Event, ReadingDay
from core.kernel import clock
from core.kernel.context import acting, hospital_scope
from core.policy.types import TypePolicy, all_types, register_type
from core.resources import ports, registry
from core.resources.model_source import ModelSource
from core.resources.registry import register as register_resource
from core.resources.spec import Action, Command, Done, Field, Filter, Form, FormField, ResourceSpec, Row

READING, EVENT, BULK = "audit.reading", "audit.event", "audit.bulk"
COUNT = "audit.bulk"
STATES = dict(ReadingDay.State.choices)
#: What happened, where no verb of a resource says it.
KINDS = {
    "accounts.code.used": "用登录码设置了新密码",
    "accounts.devices.signed_out": "退出登录的设备",
    "accounts.factor.added": "启用两步登录",
    "accounts.factor.removed": "停用两步登录",
    "accounts.factor.renewed": "重新生成恢复码",
    "accounts.password.changed": "更改密码",
    "accounts.token.create": "建立接口令牌",
    "audit.copy_restarted": "签名副本重新开始",
    "backup.drilled": "恢复演练",
    "backup.made": "备份",
    "backup.restored": "恢复备份",
    "cms.published": "页面发布",
    "cms.taken_down": "页面下线",
    "cms.unpublished": "页面下线",
    "database.migrated": "更新数据表",
    "demo.loaded": "装入演示数据",
    "demo.started": "开始装入演示数据",
    "export.asked": "导出：申请",
    "export.refused": "导出：未制作",
    "export.taken": "导出：下载",
    "plugin.disabled": "停用插件",
    "plugin.enabled": "启用插件",
    "publications.frozen": "冻结公示名单",
    "roster.applied": "应用名册变动",
    "roster.undone": "撤销名册变动",
    "view_as.ended": "结束以他人身份查看",
    "view_as.started": "开始以他人身份查看",
    "warning.run": "计算预警",
}
#: What the facts of an event are called on the page; the rest keeps its own name.
FACTS = {
    "as_of": "数据时点",
    "changed": "改动",
    "day": "日期",
    "ended": "结束原因",
    "expires_at": "有效至",
    "found": "发现",
    "from": "从",
    "kind": "种类",
    "live": "未结",
    "number": "编号",
    "opened": "新预警",
    "person": "人员编号",
    "plugin": "插件",
    "purpose": "用途",
    "reason": "理由",
    "rows": "行数",
    "state": "状态",
    "step": "步骤编号",
    "to": "到",
    "until": "到期",
    "verb": "动作",
    "version": "版本",
}


def register() -> None:
    """Make types, pages and the hourly count known."""
    from core.jobs.registry import every, job

    register_type(TypePolicy(READING, "查看记录", 3))
    register_type(TypePolicy(EVENT, "审计记录", 3))
    register_type(TypePolicy(BULK, "批量查看", 3, {"state": "state"}))
    told = {"reason_said": True, "what_said": True, "rows_said": True}
    register_resource(_reading(), ModelSource(Event, label="subject_type", base=readings, annotations=told))
    register_resource(_event(), ModelSource(Event, label="kind", base=events))
    register_resource(_bulk(), ModelSource(ReadingDay, label="label", state="state", base=bulk_days))
    job(COUNT, label="统计查看次数")(count)
    every(3600, COUNT, per_hospital=True)


def readings(hospital_id: int) -> QuerySet[Any]:
    """Readings of sensitive data in the hospital."""
    return Event.objects.filter(hospital=hospital_id, kind=READ).annotate(
        reason_said=KeyTextTransform("reason", "data"),
        what_said=KeyTextTransform("what", "data"),
        rows_said=KeyTextTransform("rows", "data"),
    )


def events(hospital_id: int) -> QuerySet[Any]:
    """Everything else that happened there."""
    return Event.objects.filter(hospital=hospital_id).exclude(kind=READ)


def bulk_days(hospital_id: int) -> QuerySet[Any]:
    """Days over the limit."""
    return ReadingDay.objects.filter(hospital_id=hospital_id, over=True)


def count(ctx: Any) -> dict[str, Any]:
    """Count today and yesterday; tell of those that are newly over their limit."""
    today = clock.now().astimezone(ZoneInfo(ctx.hospital.zone)).date()
    told = 0
    with hospital_scope(ctx.hospital):
        for day in (today - timedelta(days=1), today):
            with acting(ctx.actor):
                for row in bulk.refresh(ctx.hospital, day):
                    facts = {"uid": str(row.uid), "day": day.isoformat(), "lookups": row.lookups}
                    ports.emit("audit.bulk", facts, ctx.hospital)
                    told += 1
    return {"over": told}


def type_label(key: str) -> str:
    """What a type is called on the page; the key itself when its program is gone."""
    known = all_types().get(key)
    found = registry.get(key)
    return known.label if known else found.spec.label if found else key


def kind_label(kind: str) -> str:
    """What happened, in words: the verb's label on its resource; else the kind itself."""
    words = {"export": "导出", "asked": "申请导出", "taken": "下载", "refused": "未制作"}
    key, _, verb = kind.rpartition(".")
    found = registry.get(key)
    action = found.spec.action(verb) if found else None
    if action is not None:
        return f"{found.spec.label}：{action.label}"  # type: ignore[union-attr]
    if kind in KINDS:
        return KINDS[kind]
    if key == "export":
        return f"导出：{words.get(verb, verb)}"
    return f"{type_label(key)}：{words[verb]}" if verb in words else kind


def happened(kind: str, subject_type: str) -> str:
    """The same for a row of the list: a step of a flow is called as the verb of what it moved."""
    first, _, verb = kind.partition(".")
    if first == "flow":
        said = kind_label(f"{subject_type}.{verb}")
        return f"{said}（流转）" if "：" in said else f"{type_label(subject_type)}：流转"
    return kind_label(kind)


def facts(data: dict[str, Any], subject_type: str) -> str:
    """The facts of an event, one a line, with Chinese names; what the heading says already is left out."""
    found = registry.get(subject_type)
    words = {"state": {}} if found is None else {"state": _state_words(found.spec)}
    words |= {"from": words["state"], "to": words["state"]}
    said = []
    for key, value in sorted(data.items()):
        if key not in ("verb", "version") and value not in (None, "", [], {}):
            shown = words.get(key, {}).get(str(value)) or _plain(value)
            said.append(f"{FACTS.get(key, key)}：{shown}")
    return "\n".join(said)


def _state_words(spec: ResourceSpec) -> dict[str, str]:
    """The labels of whatever stands for the state."""
    return {code: label for one in spec.fields for code, label in dict(one.labels or {}).items()}


def _plain(value: Any) -> str:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "、".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def types(principal: Any) -> list[tuple[str, str]]:
    """Types of things that may be read, as choices."""
    return sorted(((key, one.label) for key, one in all_types().items()), key=lambda pair: pair[1])


def check(command: Command, thing: ReadingDay) -> Done:
    """Note what came of asking."""
    thing.state = ReadingDay.State.CHECKED
    thing.note = str(command.values["note"])  # type: ignore[assignment]  # a sealed field takes text
    thing.save(update_fields=["state", "note"])
    return Done(uid=str(thing.uid), message="已记下核对意见。", event={"day": thing.day.isoformat()})


def _subject() -> tuple[Field, ...]:
    return (
        Field(
            "thing",
            "对象种类",
            compute=lambda one: type_label(one["subject_type"]),
            needs=("subject_type",),
            role="secondary",
        ),
        Field("subject_type", "对象种类代码", "code", filterable=True, column=False),
        Field("subject_uid", "对象编号", "code", filterable=True, column=False),
        Field("actor", "账号", "code", filterable=True, column=False),
    )


def _reading() -> ResourceSpec:
    return ResourceSpec(
        key=READING,
        label="查看记录",
        label_plural="谁看过什么",
        data_class=3,
        icon="eye",
        group="审计",
        question="谁在什么时候看过哪些敏感内容，为什么看？",
        fields=(
            Field("label", "查看人", "person", filterable=True, role="primary"),
            *_subject(),
            Field("at", "时间", "datetime", filterable=True, sortable=True, role="secondary"),
            Field("what", "方式", path="what_said"),
            Field("rows", "条数", path="rows_said", align="right"),
            Field("reason", "理由", path="reason_said"),
        ),
        filters=(
            Filter("label", "查看人", "text"),
            Filter("subject_type", "对象种类", "choice", types),
            Filter("subject_uid", "对象编号", "text"),
            Filter("at", "日期"),
        ),
        orders=(("-at", "最近在前"), ("at", "最早在前")),
        default_order="-at",
        search=("label",),
        title=lambda row: "查看记录",
        panels=lambda row, principal: _told(
            row, "查看记录", ("label", "thing", "at", "what", "rows", "reason")
        ),
        empty={"title": "没有查看记录", "hint": "有人查看敏感内容后，会列在这里。"},
    )


def _event() -> ResourceSpec:
    return ResourceSpec(
        key=EVENT,
        label="审计记录",
        label_plural="审计记录",
        data_class=3,
        icon="list",
        group="审计",
        question="谁在什么时候办了什么？",
        fields=(
            Field(
                "happened",
                "事项",
                compute=lambda one: happened(one["kind"], one["subject_type"]),
                needs=("kind", "subject_type"),
                role="primary",
            ),
            Field("kind", "事项代码", "code", filterable=True, column=False),
            Field("label", "办理人", "person", filterable=True, role="secondary"),
            *_subject(),
            Field("at", "时间", "datetime", filterable=True, sortable=True, role="secondary"),
            Field(
                "data",
                "内容",
                compute=lambda one: facts(one["data"], one["subject_type"]),
                needs=("data", "subject_type"),
                column=False,
            ),
        ),
        filters=(
            Filter("label", "办理人", "text"),
            Filter("kind", "事项代码", "text"),
            Filter("subject_type", "对象种类", "choice", types),
            Filter("subject_uid", "对象编号", "text"),
            Filter("at", "日期"),
        ),
        orders=(("-at", "最近在前"), ("at", "最早在前")),
        default_order="-at",
        search=("label", "kind"),
        title=lambda row: str(row.values.get("happened") or "审计记录"),
        panels=lambda row, principal: _told(row, "审计记录", ("happened", "label", "thing", "at")),
        empty={"title": "没有审计记录", "hint": ""},
    )


def _told(row: Row, title: str, first: tuple[str, ...]) -> list[dict[str, Any]]:
    """What a person reads first; then the facts; then the codes, for those who compare them."""
    found = registry.everything()[READING if "what" in first else EVENT].spec
    panels = [_fields("fields", title, [found.by_key[key] for key in first], row)]
    if row.values.get("data"):
        panels.append(
            {"id": "data", "kind": "text", "place": "main", "title": "内容", "body": row.values["data"]}
        )
    codes = [one for one in found.fields if one.type == "code"]
    return [*panels, _fields("codes", "编号与代码（核对时使用）", codes, row)]


def _fields(uid: str, title: str, shown: list[Field], row: Row) -> dict[str, Any]:
    items = [
        {
            "key": one.key,
            "label": one.label,
            "type": one.type,
            "value": row.values.get(one.key),
            "masked": one.key in row.masked,
        }
        for one in shown
        if row.values.get(one.key) not in (None, "") or one.key in row.masked
    ]
    return {"id": uid, "kind": "fields", "place": "main", "title": title, "items": items}


def _bulk() -> ResourceSpec:
    return ResourceSpec(
        key=BULK,
        label="批量查看",
        label_plural="批量查看",
        data_class=2,
        icon="alert",
        group="审计",
        question="谁在一天里看的敏感内容，比本人平时多得多？",
        fields=(
            Field("label", "查看人", "person", data_class=3, role="primary"),
            Field("day", "日期", "date", filterable=True, sortable=True, role="secondary"),
            Field("lookups", "查看条数", "number", sortable=True, role="secondary"),
            Field("usual", "平时条数", "number"),
            Field("limit", "界限", "number"),
            Field("state", "状态", "state", filterable=True, labels=STATES),
            Field("actor", "账号", "code", filterable=True, column=False),
            Field("note", "核对意见", data_class=3, column=False),
        ),
        actions=(
            Action(
                verb="check",
                label="记下核对意见",
                handler=check,
                style="primary",
                states=frozenset({ReadingDay.State.OPEN}),
                form=Form(
                    "核对批量查看",
                    (FormField("note", "核对意见", "textarea", required=True, max_length=500),),
                    "保存",
                    "向本人了解原因后填写。超过界限不等于不当查看。",
                ),
            ),
        ),
        filters=(Filter("state"), Filter("day")),
        orders=(("-day", "最近在前"), ("-lookups", "最多在前")),
        default_order="-day",
        panels=bulk_panels,
        empty={"title": "没有超过界限的查看", "hint": "一天内查看的条数超过本人平时三倍时，会列在这里。"},
    )


def bulk_panels(row: Row, principal: Any) -> list[dict[str, Any]]:
    """The figures, and the way to what was read that day."""
    values = row.values
    said = (
        f"这一天查看 **{values['lookups']}** 条，本人平时 {values['usual']} 条，界限 {values['limit']} 条。"
    )
    day = values["day"].isoformat()
    where = {
        "op": "and",
        "args": [
            {"op": "eq", "args": [{"field": "actor"}, {"value": values["actor"]}]},
            {"op": "ge", "args": [{"field": "at"}, {"value": f"{day}T00:00:00+08:00"}]},
            {"op": "le", "args": [{"field": "at"}, {"value": f"{day}T23:59:59+08:00"}]},
        ],
    }
    source = f"/api/v1/h/{principal.hospital.slug}/resources/{READING}/rows?where="
    panels: list[dict[str, Any]] = [
        {"id": "say", "kind": "say", "place": "main", "text": said},
        {
            "id": "what",
            "kind": "table",
            "place": "main",
            "title": "这一天看过的内容",
            "columns": [
                {"key": "at", "label": "时间", "type": "datetime"},
                {"key": "thing", "label": "对象种类", "type": "text"},
                {"key": "what", "label": "方式", "type": "text"},
                {"key": "rows", "label": "条数", "type": "text"},
                {"key": "reason", "label": "理由", "type": "text"},
            ],
            "source": {"url": source + _quoted(where)},
        },
    ]
    if values.get("note"):
        panels.insert(
            1, {"id": "note", "kind": "text", "place": "main", "title": "核对意见", "body": values["note"]}
        )
    return panels


def _quoted(where: Any) -> str:
    return quote(json.dumps(where, ensure_ascii=False, separators=(",", ":")))
