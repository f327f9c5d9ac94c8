"""The page of a rule: what it asks, why, who answers for it, when it warns; the file as it stands below."""

import re
from typing import TYPE_CHECKING, Any

from core.plugin_api import Principal
from core.plugin_api.resources import Row
from plugins.warning.models import SUBJECT_KINDS

if TYPE_CHECKING:
    from plugins.warning.domain.rules import Rule


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
    parameters = [
        {
            "uid": key,
            "values": {"label": one.label, "value": "未设定" if one.default is None else str(one.default)},
        }
        for key, one in rule.parameters.items()
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
        _table(
            "parameters",
            "本规则使用的数值",
            [("label", "名称", "text"), ("value", "默认值", "text")],
            parameters,
        ),
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
