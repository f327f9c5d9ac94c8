"""The page of a rule: what it asks, why, who answers for it, when it warns; the file as it stands below."""

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat

from core.plugin_api import Department, Hospital, Principal
from core.plugin_api.resources import Row
from plugins.warning.domain.tuning import said
from plugins.warning.models import SUBJECT_KINDS, RuleSetting, RuleVersion

if TYPE_CHECKING:
    from plugins.warning.domain.rules import Rule


def rule_versions(hospital_id: int) -> QuerySet[RuleVersion]:
    """All versions with the hospital's say: `current`, `own` values, `version` (moves with each setting) and `place`:
    "old", "fixed" (nothing to set), or what may be set ("hospital", "department"), "_own" behind it when something is."""
    newer = RuleVersion.objects.filter(code=OuterRef("code"), id__gt=OuterRef("id"))
    mine = RuleSetting.objects.filter(hospital_id=hospital_id, rule_code=OuterRef("code")).order_by("-number")
    old = Exists(newer)
    return RuleVersion.objects.annotate(
        current=Case(When(old, then=Value(False)), default=Value(True), output_field=BooleanField()),
        own=Coalesce(Subquery(mine.values("own")[:1]), Value(False), output_field=BooleanField()),
        version=Coalesce(Subquery(mine.values("number")[:1]), Value(0), output_field=IntegerField())
        + Value(1),
        place=Case(
            When(old, then=Value("old")),
            When(tunes="", then=Value("fixed")),
            When(own=True, then=Concat("tunes", Value("_own"))),
            default=F("tunes"),
        ),
    )


def rule_panels(row: Row, principal: Principal) -> list[dict[str, Any]]:
    """A rule version in words, then its text."""
    from plugins.warning.domain.rules import RuleError, load_rule  # loads the engine

    text = str(row.values["text"])
    whole = {
        "kind": "text",
        "id": "text",
        "place": "main",
        "title": "规则原文",
        "body": text,
        "format": "code",
    }
    try:
        rule = load_rule(text, str(row.values["code"]))
    except RuleError as error:  # an old version that today's schema no longer takes
        return [
            {"kind": "say", "id": "say", "place": "main", "text": f"这一版规则已不能解读：{error.reason}。"},
            whole,
        ]
    ends = f" 至 {rule.effective_to}" if rule.effective_to else " 起"
    about = [
        ("依据", f"{rule.regulation}（默认值，待医院确认）"),
        ("负责部门", rule.owner),
        ("施行", f"{rule.effective_from}{ends}"),
        ("编写", rule.author),
        ("复核", f"{rule.checker}，下次复核 {rule.next_review}"),
    ]
    bands = [
        {"uid": band.code, "values": {"level": band.level, "reason": _spoken(band.reason, rule)}}
        for band in rule.bands
    ]
    panels: list[dict[str, Any]] = [
        {"kind": "say", "id": "say", "place": "main", "text": f"{rule.question.rstrip('？')}？"},
        _table(
            "bands", "什么时候提醒", [("level", "级别", "level"), ("reason", "原因的写法", "text")], bands
        ),
        *_values(rule, principal, row.state == "old"),
        {
            "kind": "fields",
            "id": "about",
            "place": "side",
            "title": "规则信息",
            "items": [
                {"key": label, "label": label, "type": "text", "value": value} for label, value in about
            ],
        },
    ]
    if rule.notes:
        panels.append({"kind": "text", "id": "notes", "place": "main", "title": "说明", "body": rule.notes})
    panels.append(whole)
    return [panel for panel in panels if panel.get("rows") != []]


def _values(rule: "Rule", principal: Principal, old: bool) -> list[dict[str, Any]]:
    """The rule's values: default, this hospital's, unit, range; single departments'; who changed what and why."""
    history = list(
        RuleSetting.objects.filter(hospital_id=principal.hospital_id, rule_code=rule.code).order_by("-number")
    )
    now = history[0] if history and not old else None
    values = now.values if now else {}
    rows = [
        {
            "uid": name,
            "values": {
                "label": one.label,
                "mine": said(values[name]) if name in values else "同默认",
                "default": said(one.default),
                "unit": one.unit or "—",
                "allowed": one.allowed,
            },
        }
        for name, one in rule.parameters.items()
    ]
    columns = [
        ("label", "名称", "text"),
        ("mine", "本院数值", "text"),
        ("default", "默认值", "text"),
        ("unit", "单位", "text"),
        ("allowed", "允许范围", "text"),
    ]
    if old:
        columns = [column for column in columns if column[0] != "mine"]
    table = _table("parameters", "本规则使用的数值" if old else "本院数值", columns, rows)
    table["columns"][0]["primary"] = True
    for column in table["columns"][1:3]:
        column["secondary"] = True
    return [table, *([] if old else [*_departments(rule, now), *_history(history, principal)])]


def _departments(rule: "Rule", now: RuleSetting | None) -> list[dict[str, Any]]:
    given = now.departments if now else {}
    names = {one.code: one.name for one in Department.objects.filter(code__in=list(given))}
    rows = [
        {
            "uid": f"{code}|{name}",
            "values": {
                "department": names.get(code, code),
                "label": rule.parameters[name].label,
                "value": f"{said(value)} {rule.parameters[name].unit}".strip(),
            },
        }
        for code, values in sorted(given.items())
        for name, value in values.items()
        if name in rule.parameters
    ]
    columns = [("department", "科室", "text"), ("label", "名称", "text"), ("value", "数值", "text")]
    return [_table("departments", "科室数值", columns, rows)] if rows else []


def _history(history: list[RuleSetting], principal: Principal) -> list[dict[str, Any]]:
    if not history:
        return []
    zone = ZoneInfo(Hospital.objects.get(pk=principal.hospital_id).zone)
    rows = [
        {
            "uid": str(one.uid),
            "values": {
                "at": f"{one.set_at.astimezone(zone):%Y-%m-%d %H:%M}",
                "by": one.set_by,
                "what": "；".join(f"{c['label']}：{c['from']} → {c['to']}" for c in one.changes),
                "why": one.reason,
            },
        }
        for one in history[:50]
    ]
    columns = [
        ("what", "改动", "text"),
        ("why", "理由", "text"),
        ("by", "调整人", "text"),
        ("at", "时间", "text"),
    ]
    table = _table("history", "调整记录", columns, rows)
    table["columns"][0]["primary"] = True
    return [table]


def _table(
    key: str, title: str, columns: list[tuple[str, str, str]], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "kind": "table",
        "id": key,
        "place": "main",
        "title": title,
        "count": len(rows),
        "columns": [{"key": name, "label": label, "type": kind} for name, label, kind in columns],
        "rows": rows,
    }


def _spoken(template: str, rule: "Rule") -> str:
    """A reason's template with words where the figures will stand: a parameter's default, or what the figure is."""
    words = WORDS | {"subject": "某" + SUBJECT_KINDS.get(rule.levels[0], "对象")}
    words |= {
        key: one.label if one.default is None else str(one.default) for key, one in rule.parameters.items()
    }
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], "…"), template)


WORDS = {
    "threshold": "界限",
    "n": "样本数",
    "unit": "",
    "numerator": "分子",
    "denominator": "分母",
    "period": "本期",
}
