"""A hospital's own values of a rule's parameters: a history, of which the newest set by an instant counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from core.plugin_api import Department, FieldError, Hospital, Invalid, Refused, clock
from core.plugin_api.resources import Command, Done, Form, FormField, Row
from plugins.warning.domain.catalogue import installed
from plugins.warning.models import RuleSetting, RuleVersion

if TYPE_CHECKING:
    from plugins.warning.domain.rules import Parameter, Rule

PREFIX = "own_"
REASON = FormField(
    "reason", "理由", "textarea", required=True, max_length=500, help="为什么要改，依据哪项规定或哪次会议。"
)


def settings_at(hospital: Hospital, as_of: datetime) -> dict[str, RuleSetting]:
    """Per rule the setting in force at an instant; rules on their defaults are left out."""
    rows = RuleSetting.objects.filter(hospital=hospital, set_at__lte=as_of).order_by("number")
    newest = {row.rule_code: row for row in rows}
    return {code: row for code, row in newest.items() if row.own}


def pinned(settings: Mapping[str, RuleSetting], rules: Mapping[str, Rule]) -> dict[str, dict[str, Any]]:
    """What a run keeps of the settings: {rule: {number, values, departments}}, parameters that the rule still has."""
    kept = {}
    for code, row in settings.items():
        if code not in rules:
            continue
        rule = rules[code]
        kept[code] = {
            "number": row.number,
            "values": {name: value for name, value in row.values.items() if name in rule.parameters},
            "departments": {
                department: known
                for department, given in row.departments.items()
                if (known := {name: value for name, value in given.items() if name in rule.local})
            },
        }
    return kept


def newest(hospital_id: int, code: str) -> RuleSetting | None:
    """The last setting of a rule in the hospital."""
    return RuleSetting.objects.filter(hospital_id=hospital_id, rule_code=code).order_by("-number").first()


# ---- forms


def tune_form(row: Row, principal: Any) -> Form:
    """One input a parameter, filled with what counts now."""
    rule = _rule(str(row.values["code"]))
    now = newest(principal.hospital_id, rule.code)
    values = now.values if now else {}
    fields = [
        FormField(
            PREFIX + name,
            f"{one.label}（{one.unit}）" if one.unit else one.label,
            "number" if one.numeric else "text",
            required=one.default is not None,
            help=f"默认 {said(one.default)}；允许：{one.allowed}。",
            value=written(values.get(name, one.default)),
        )
        for name, one in rule.parameters.items()
    ]
    return Form(
        "调整数值",
        (*fields, REASON),
        "保存",
        "只改本院。新的数值从下一次计算起使用；以前的预警保留当时的数值。",
    )


def department_form(row: Row, principal: Any) -> Form:
    """One parameter for one department."""
    rule = _rule(str(row.values["code"]))
    choices = tuple((name, rule.parameters[name].label) for name in rule.local)
    return Form(
        "设科室数值",
        (
            FormField("department", "科室", "department", required=True, resource="org.department"),
            FormField("parameter", "数值名称", "choice", required=True, choices=choices),
            FormField("value", "数值", "number", help="不填表示这个科室不再单独设定，改用全院的数值。"),
            REASON,
        ),
        "保存",
        "只用于这个科室，优先于全院的数值。",
    )


RESET = Form(
    "恢复默认", (REASON,), "恢复默认", "本院和各科室单独设定的数值都不再使用；以前的预警保留当时的数值。"
)


# ---- commands


def tune(command: Command, version: RuleVersion) -> Done:
    """Set the hospital's values. Raises Invalid naming each field that is out of its range."""
    rule, before = _open(command, version)
    values, errors = {}, []
    for name, one in rule.parameters.items():
        key = PREFIX + name
        given = command.values.get(key)
        if given is None:
            continue
        try:
            value = parsed(one, given)
        except ValueError as error:
            errors.append(FieldError(f"/values/{key}", f"{one.label}：{error}", f"允许：{one.allowed}"))
            continue
        if value != one.default:
            values[name] = value
    if errors:
        raise Invalid(
            "有几处需要修改，请看各项下的说明。" if len(errors) > 1 else f"{errors[0].message}。", errors
        )
    return _keep(
        command, rule, before, values, before.departments if before else {}, "已保存，从下一次计算起使用。"
    )


def tune_department(command: Command, version: RuleVersion) -> Done:
    """Set or take back one value of one department."""
    rule, before = _open(command, version)
    name, given = command.values["parameter"], command.values.get("value")
    department = Department.objects.filter(uid=command.values["department"]).first()
    if department is None:
        raise Invalid("没有这个科室。", [FieldError("/values/department", "没有这个科室，请重新选择")])
    departments = {code: dict(values) for code, values in (before.departments if before else {}).items()}
    own = departments.setdefault(department.code, {})
    own.pop(name, None)
    if given is not None:
        one = rule.parameters[name]
        try:
            own[name] = parsed(one, given)
        except ValueError as error:
            raise Invalid(
                f"{one.label}：{error}。",
                [FieldError("/values/value", f"{one.label}：{error}", f"允许：{one.allowed}")],
            ) from None
    departments = {code: values for code, values in departments.items() if values}
    return _keep(
        command, rule, before, before.values if before else {}, departments, "已保存，从下一次计算起使用。"
    )


def reset(command: Command, version: RuleVersion) -> Done:
    """Back to the rule's defaults; the history stays."""
    rule, before = _open(command, version)
    return _keep(command, rule, before, {}, {}, "已恢复默认，从下一次计算起使用。")


# ---- values


def parsed(one: Parameter, given: Any) -> Any:
    """A value as the engine takes it. Raises ValueError with a Chinese reason."""
    if not one.numeric:
        parts = [part for part in re.split(r"[、,，;；\s]+", str(given)) if part]
        if not parts:
            raise ValueError("至少写一个")
        return parts if isinstance(one.default, (list, tuple)) else str(given).strip()
    try:
        number = given if isinstance(given, Decimal) else Decimal(str(given))
    except InvalidOperation:
        raise ValueError("不是数值") from None
    if one.whole and number != number.to_integral_value():
        raise ValueError(f"应为整数，现在是 {said(number)}")
    if one.least is not None and number < Decimal(str(one.least)):
        raise ValueError(f"不能小于 {one.least:,g}，现在是 {said(number)}")
    if one.most is not None and number > Decimal(str(one.most)):
        raise ValueError(f"不能大于 {one.most:,g}，现在是 {said(number)}")
    return int(number) if number == number.to_integral_value() else float(number)


def said(value: Any) -> str:
    """A value for a reader."""
    if value is None:
        return "未设定"
    if isinstance(value, (list, tuple)):
        return "、".join(map(str, value))
    if isinstance(value, str):
        return value
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def written(value: Any) -> str:
    """A value as an input holds it."""
    return "" if value is None else said(value).replace(",", "")


def _rule(code: str) -> Rule:
    found = installed().get(code)
    if found is None:
        raise Refused("这条规则已不再安装，不能调整。")
    return found


def _open(command: Command, version: RuleVersion) -> tuple[Rule, RuleSetting | None]:
    return _rule(version.code), newest(command.principal.hospital_id, version.code)


def _keep(
    command: Command,
    rule: Rule,
    before: RuleSetting | None,
    values: dict[str, Any],
    departments: dict[str, dict[str, Any]],
    message: str,
) -> Done:
    changes = _changes(rule, before, values, departments)
    if not changes:
        raise Refused("没有改动任何数值。")
    made = RuleSetting.unscoped.create(
        hospital_id=command.principal.hospital_id,
        rule_code=rule.code,
        number=before.number + 1 if before else 1,
        values=values,
        departments=departments,
        own=bool(values or departments),
        changes=changes,
        reason=command.values["reason"],
        set_at=clock.now(),
        set_by=command.by.label,
    )
    return Done(message=message, event={"rule": rule.code, "number": made.number})


def _changes(
    rule: Rule,
    before: RuleSetting | None,
    values: Mapping[str, Any],
    departments: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, str]]:
    """From → to of each value that differs, with the labels of today."""
    old_values = before.values if before else {}
    old_departments = before.departments if before else {}
    names = {d.code: d.name for d in Department.objects.filter(code__in={*departments, *old_departments})}
    found = [
        {"label": one.label, "from": said(old), "to": said(new)}
        for name, one in rule.parameters.items()
        if (old := old_values.get(name, one.default)) != (new := values.get(name, one.default))
    ]
    for code in sorted({*departments, *old_departments}):
        was, now = old_departments.get(code, {}), departments.get(code, {})
        found += [
            {
                "label": f"{names.get(code, code)} · {rule.parameters[name].label}",
                "from": said(was[name]) if name in was else "随全院",
                "to": said(now[name]) if name in now else "随全院",
            }
            for name in rule.parameters
            if was.get(name) != now.get(name)
        ]
    return found
