"""The detail page of a warning: one sentence, figures, the chart with its table, the lines, the handling."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from core.plugin_api import Principal, clock, max_class, may, read_event, viewers
from core.plugin_api.flow import steps_panel
from core.plugin_api.resources import Row
from plugins.warning.domain.catalogue import installed
from plugins.warning.domain.tuning import said
from plugins.warning.models import Finding, Warning

#: Classes whose wording must stay fair: a deviation is a lead, never a verdict.
FAIR = {
    "A": "偏离常态，需核实",
    "B": "偏离同行，需核实",
    "C": "偏离同行，需核实",
    "D": "处方需点评",
    "E": "线索，需核实",
}


def panels(row: Row, principal: Principal) -> list[dict[str, Any]]:
    """All panels of one warning, for this person."""
    warning = (
        Warning.unscoped.select_related(
            "finding__rule", "finding__run", "flow__flow", "flow__department", "hospital"
        )
        .prefetch_related("flow__steps")
        .get(uid=row.uid, hospital_id=principal.hospital_id)
    )
    finding = warning.finding
    today = clock.today(warning.hospital.zone)
    if row.values["person"] is None:  # the gateway records a look only where it shows a person
        read_event(principal, "warning.warning", row.uid, what="详情", rows=1)
    found: list[dict[str, Any]] = [
        {"kind": "say", "id": "say", "place": "main", "text": _sentence(finding)},
        {"kind": "facts", "id": "facts", "place": "main", "items": _facts(finding)},
    ]
    chart = _chart(finding)
    if chart:
        found.append(chart)
    found += [*_lines(warning, principal), *_peers(finding), _rule(finding), _periods(warning)]
    found += _after(warning)
    found += [steps_panel(warning.flow, today), *_subject(row)]
    found.append(_why(finding, warning))
    if may(principal, "viewers", "audit.event"):
        found.append(_seen(warning))
    return found


def _steps(warning: Warning, principal: Principal, today: date) -> dict[str, Any]:
    """The handling; attachments are class 3 and are not offered to those who may not open them."""
    panel = steps_panel(warning.flow, today)
    if max_class(principal, "view", "warning.warning") < 3:
        for item in panel["items"]:
            item.pop("files", None)
    return panel


def subtitle(warning: Warning) -> str:
    """Rule, version, period, and the date the data stand for."""
    finding = warning.finding
    zone = ZoneInfo(warning.hospital.zone)
    return (
        f"{finding.rule.code} {finding.rule.title} · 规则第 {finding.rule.number} 版 · {finding.period}"
        f" · 数据截至 {finding.run.as_of.astimezone(zone):%Y-%m-%d}"
    )


def number(text: str | None, places: int) -> str:
    """A decimal text with thousands separators and fixed places, half up; "—" without one."""
    return "—" if text in (None, "") else f"{Decimal(rounded(text, places)):,f}"


def rounded(text: str | None, places: int) -> str:
    """A decimal text at fixed places, half up."""
    return str(Decimal(text or "0").quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _sentence(finding: Finding) -> str:
    return f"{finding.reason}"


def _facts(finding: Finding) -> list[dict[str, str]]:
    places, peers = _places(finding), finding.detail.get("peers")
    items = [
        {
            "label": "本期",
            "value": number(finding.value, places),
            "unit": finding.unit,
            "hint": finding.period,
        }
    ]
    if _limited(finding):
        items.append(
            {
                "label": "界限",
                "value": number(finding.threshold, places),
                "unit": finding.unit,
                "hint": "；".join(_own(finding, limit=True)),
            }
        )
    if peers and peers["median"] is not None:
        items.append(
            {
                "label": f"同行中位数（n={peers['n']}）",
                "value": number(peers["median"], places),
                "unit": finding.unit,
                "hint": "",
            }
        )
    if finding.n is not None:
        items.append({"label": "样本", "value": f"{finding.n:,}", "unit": "", "hint": _sample(finding)})
    return items


def _own(finding: Finding, limit: bool = False) -> list[str]:
    """Values that were not the rule's defaults, `limit`: of those only what the limit is made of."""
    whose = {"hospital": "本院数值", "department": "本科室数值"}
    return [
        f"{whose[one['of']]}：{one['label']} {said(one['value'])}{one['unit']}（默认 {said(one['default'])}）"
        for one in finding.detail.get("own") or []
        if one["limit"] or not limit
    ]


def _limited(finding: Finding) -> bool:
    """Whether there is a limit worth showing: one of 0 only says that any is too many."""
    return bool(finding.threshold) and Decimal(finding.threshold) != 0


def _chart(finding: Finding) -> dict[str, Any] | None:
    series = _without_gaps(finding.detail.get("series") or [])
    if len(series) < 2:
        return None
    places = _places(finding)
    months = [point["month"] for point in series]
    empty = [point.get("value") is None for point in series]
    band = None
    if any(point.get("p10") is not None for point in series):
        band = {
            "label": "同行第 10–90 百分位",
            "low": [point.get("p10") for point in series],
            "high": [point.get("p90") for point in series],
        }
    limits = [{"label": "界限", "value": rounded(finding.threshold, places)}] if _limited(finding) else []
    columns = [
        {"key": "month", "label": "月份", "type": "month"},
        {"key": "value", "label": f"值（{finding.unit}）", "type": "number", "align": "right"},
        {"key": "median", "label": "同行中位数", "type": "number", "align": "right"},
        {"key": "limit", "label": "界限", "type": "number", "align": "right"},
    ]
    rows = [
        {
            "month": point["month"],
            "value": number(point.get("value"), places),
            "median": number(point.get("median"), places),
            "limit": number(point.get("limit"), places),
        }
        for point in series
    ]
    return {
        "kind": "chart",
        "id": "chart",
        "place": "main",
        "title": f"{len(series)} 个月走势",
        "hint": "；".join(
            [*(["灰绿带为同行第 10–90 百分位"] if band else []), *(["断开处没有数据"] if any(empty) else [])]
        ),
        "unit": finding.unit,
        "x": months,
        "series": [
            {"key": "value", "label": "本对象", "role": "subject", "values": [p.get("value") for p in series]}
        ],
        "band": band,
        "limits": limits,
        "notes": [
            {"x": month, "text": "无数据"}
            for place, month in enumerate(months)
            if empty[place] and not (place and empty[place - 1])
        ],
        "table": {"columns": columns, "rows": rows},
    }


def _without_gaps(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The points with an empty one for each month that is missing between them, so that a gap is seen as a gap."""
    found: list[dict[str, Any]] = []
    for point in series:
        while found and (following := _next(found[-1]["month"])) < point["month"]:
            found.append({"month": following, "value": None})
        found.append(point)
    return found


def _next(month: str) -> str:
    count = int(month[:4]) * 12 + int(month[5:])
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def _lines(warning: Warning, principal: Principal) -> list[dict[str, Any]]:
    """The tab of the lines, for those who may read any."""
    from plugins.warning.queries.evidence import lines_type  # loads the engine

    assert principal.hospital is not None
    if not may(principal, "view", lines_type(warning.finding.evidence["dataset"])):
        return []
    url = f"/api/v1/h/{principal.hospital.slug}/p/warning/warnings/{warning.uid}/lines"
    return [
        {
            "kind": "table",
            "id": "lines",
            "place": "main",
            "tabs": "evidence",
            "title": "依据明细",
            "source": {"url": url},
            "columns": [],
        }
    ]


def _peers(finding: Finding) -> list[dict[str, Any]]:
    peers = finding.detail.get("peers")
    if not peers or not peers.get("values"):
        return []
    places = _places(finding)
    return [
        {
            "kind": "table",
            "id": "peers",
            "place": "main",
            "tabs": "evidence",
            "title": "同行数值",
            "count": len(peers["values"]),
            "columns": [
                {"key": "label", "label": "同行", "type": "text", "primary": True},
                {"key": "value", "label": f"值（{finding.unit}）", "type": "number", "align": "right"},
            ],
            "rows": [
                {
                    "uid": str(place),
                    "values": {"label": peer.get("label", ""), "value": number(peer["value"], places)},
                }
                for place, peer in enumerate(peers["values"])
            ],
        }
    ]


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "kind": "text",
        "id": "rule",
        "place": "main",
        "tabs": "evidence",
        "title": "规则原文",
        "body": finding.rule.text,
        "format": "code",
    }


def _periods(warning: Warning) -> dict[str, Any]:
    rows = Finding.unscoped.filter(
        hospital_id=warning.hospital_id,
        run_id=warning.finding.run_id,
        rule_id=warning.finding.rule_id,
        subject_key=warning.subject_key,
    ).order_by("period")
    places = _places(warning.finding)
    return {
        "kind": "table",
        "id": "periods",
        "place": "main",
        "tabs": "evidence",
        "title": "各期发现",
        "count": len(rows),
        "columns": [
            {"key": "period", "label": "期间", "type": "month", "primary": True},
            {"key": "level", "label": "级别", "type": "level"},
            {"key": "value", "label": f"值（{warning.finding.unit}）", "type": "number", "align": "right"},
        ],
        "rows": [
            {
                "uid": str(one.uid),
                "values": {"period": one.period, "level": one.level, "value": number(one.value, places)},
            }
            for one in rows
        ],
    }


def _after(warning: Warning) -> list[dict[str, Any]]:
    """What later runs found of a closed warning's subject and did not warn of."""
    if warning.flow.closed_at is None:
        return []
    rows = Finding.unscoped.filter(
        hospital_id=warning.hospital_id,
        run__live=True,
        run__state="done",
        rule__code=warning.rule_code,
        subject_key=warning.subject_key,
        period__gt=warning.period,
    ).order_by("period", "-run_id")
    newest: dict[str, Finding] = {}
    for one in rows:
        newest.setdefault(one.period, one)
    opened = Warning.unscoped.filter(
        hospital_id=warning.hospital_id,
        rule_code=warning.rule_code,
        subject_key=warning.subject_key,
        id__gt=warning.id,
    ).exists()
    if not newest or opened:  # a new warning shows them
        return []
    places = _places(warning.finding)
    return [
        {
            "kind": "table",
            "id": "after",
            "place": "main",
            "title": "结案后的发现（冷却期内，只记录，不另发预警）",
            "count": len(newest),
            "columns": [
                {"key": "period", "label": "期间", "type": "month", "primary": True},
                {"key": "level", "label": "级别", "type": "level"},
                {
                    "key": "value",
                    "label": f"值（{warning.finding.unit}）",
                    "type": "number",
                    "align": "right",
                },
            ],
            "rows": [
                {
                    "uid": str(one.uid),
                    "values": {"period": one.period, "level": one.level, "value": number(one.value, places)},
                }
                for one in newest.values()
            ],
        }
    ]


def _why(finding: Finding, warning: Warning) -> dict[str, Any]:
    rule = installed().get(finding.rule.code)
    lines = [f"第 {finding.rule.rule_class} 类，{finding.rule.title}。"]
    if rule is not None:
        lines.append(rule.question)
        lines.append(f"依据：{rule.regulation}（默认值，待医院确认）。")
        lines.append(f"负责部门：{rule.owner}。")
    own = _own(finding)
    if own:
        lines.append(f"与默认值不同：{'；'.join(own)}。")
    lines.append(f"首次发现：{warning.first_period}。")
    return {"kind": "text", "id": "why", "place": "side", "title": "为什么提醒", "body": "\n".join(lines)}


def _seen(warning: Warning) -> dict[str, Any]:
    found = viewers("warning.warning", warning.uid)
    zone = ZoneInfo(warning.hospital.zone)
    return {
        "kind": "list",
        "id": "seen",
        "place": "side",
        "title": "谁看过",
        "items": [
            {
                "label": f"{one.label}　{one.times} 次",
                "hint": f"最近 {one.last_at.astimezone(zone):%m-%d %H:%M}",
            }
            for one in found[:8]
        ],
        "empty": "还没有人打开过。",
    }


def _subject(row: Row) -> list[dict[str, Any]]:
    """Department and person, as far as this reader may see them."""
    items = [
        {"key": key, "label": label, "type": kind, "value": row.values[key], "masked": key in row.masked}
        for key, label, kind in (("department", "科室", "text"), ("person", "人员", "person"))
        if row.values[key] or key in row.masked
    ]
    return (
        [{"kind": "fields", "id": "subject", "place": "side", "title": "对象", "items": items}]
        if items
        else []
    )


def _sample(finding: Finding) -> str:
    numerator, denominator = finding.detail.get("numerator"), finding.detail.get("denominator")
    if numerator is None or denominator is None:
        return ""
    return f"{number(numerator, 2)} ÷ {number(denominator, 2)}"


def _places(finding: Finding) -> int:
    rule = installed().get(finding.rule.code)
    return rule.decimals if rule else 2
