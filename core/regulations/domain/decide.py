"""A hospital confirms a default, or decides its own values: a new version from a day on, never a change of an old one."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Max

from core.kernel import clock
from core.kernel.context import Actor
from core.kernel.errors import FieldError, Invalid, Problem, Refused
from core.org.models import Hospital
from core.regulations.domain.value import RuleValue, value
from core.regulations.models import HospitalVersion

MAX_ROWS = 100


def confirm(code: str, *, hospital: Hospital, by: Actor, note: str = "") -> HospitalVersion:
    """The hospital takes the default in force today as it is. Raises Refused when it is confirmed already."""
    now = value(code, on=clock.today(hospital.zone), hospital=hospital)
    if now.confirmed:
        raise Refused(f"“{now.title}”已经确认过（{now.own.confirmed_by if now.own else ''}），不必再确认。")
    return _write(now, "confirm", dict(now.default.params), now.default.starts_on, "", note, hospital, by)


def revise(
    code: str,
    params: Mapping[str, Any],
    *,
    starts_on: date,
    hospital: Hospital,
    by: Actor,
    basis: str,
    note: str = "",
    ends_on: date | None = None,
) -> HospitalVersion:
    """The hospital's own values from a day on, with the document they stand on.

    Raises Invalid: beyond what the regulation allows, a day in the past (what was computed stays), no basis, nothing
    changed.
    """
    today = clock.today(hospital.zone)
    if starts_on < today:
        raise _wrong(
            "starts_on", "生效日期不能早于今天", "已经算出的期限和名额不追溯；请从今天或以后的日期起生效"
        )
    if ends_on is not None and ends_on < starts_on:
        raise _wrong("ends_on", "失效日期早于生效日期", "请改正其中一个日期；长期有效的不填失效日期")
    if not basis.strip():
        raise _wrong("basis", "请写明本院依据的文件或会议", "例如：院发〔2026〕3号，或党委会 2026-03-05 决定")
    now = value(code, on=starts_on, hospital=hospital)
    clean = cleaned(now, params)
    if now.own is not None and clean == dict(now.params) and ends_on is None:
        raise Invalid("数值没有变化。", [FieldError("", "数值没有变化", "如只需确认，请用“确认”")])
    return _write(now, "revise", clean, starts_on, basis.strip(), note, hospital, by, ends_on)


def cleaned(now: RuleValue, params: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the declared kinds within the bounds of the regulation. Raises Invalid naming each place."""
    shape = now.default.shape
    errors = [
        FieldError(f"/values/{key}", "没有这个数值", "请刷新页面后重试") for key in params if key not in shape
    ]
    found = {}
    for key, kind in shape.items():
        try:
            found[key] = _one(kind, params.get(key, now.params[key]))
        except ValueError as error:
            errors.append(FieldError(f"/values/{key}", f"{kind['label']}：{error}", _cure(kind)))
    if errors:
        raise Invalid(f"{errors[0].message}。" if len(errors) == 1 else "有几处需要修改。", errors)
    return found


def _write(
    now: RuleValue,
    kind: str,
    params: dict[str, Any],
    starts_on: date,
    basis: str,
    note: str,
    hospital: Hospital,
    by: Actor,
    ends_on: date | None = None,
) -> HospitalVersion:
    Hospital.objects.select_for_update().filter(
        pk=hospital.pk
    ).first()  # two deciding at once get two numbers
    mine = HospitalVersion.unscoped.filter(hospital=hospital, rule_id=now.default.rule_id)
    last = mine.aggregate(last=Max("number"))["last"] or 0
    return HospitalVersion.unscoped.create(
        hospital=hospital,
        rule_id=now.default.rule_id,
        number=last + 1,
        kind=kind,
        based_on=now.default,
        params=params,
        basis=basis,
        note=note,
        starts_on=starts_on,
        ends_on=ends_on,
        confirmed_by=by.label,
        confirmed_by_actor=str(by),
        confirmed_at=clock.now(),
    )


def _one(kind: Mapping[str, Any], given: Any) -> Any:
    if kind["kind"] == "table":
        return _table(kind, given)
    text = str(given if given is not None else "").strip()
    if not text:
        raise ValueError("必须填写")
    if kind["choices"]:
        if text not in kind["choices"]:
            raise ValueError(f"只能是{'、'.join(kind['choices'])}")
        return text
    if kind["kind"] == "text":
        if len(text) > 1000:
            raise ValueError("最多 1000 字")
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("不是数值") from None
    if not number.is_finite() or abs(number) > 10**9:
        raise ValueError("超出范围")
    if kind["kind"] == "whole" and number != int(number):
        raise ValueError("应为整数")
    low, high = kind["min"], kind["max"]
    unit = f" {kind['unit']}" if kind["unit"] else ""
    if low is not None and number < Decimal(str(low)):
        raise ValueError(f"规定的下限是 {low}{unit}，不能更少")
    if high is not None and number > Decimal(str(high)):
        raise ValueError(f"规定的上限是 {high}{unit}，不能更多")
    return int(number) if kind["kind"] == "whole" else format(number, "f")


def _table(kind: Mapping[str, Any], given: Any) -> list[list[str]]:
    rows = (
        [
            [cell.strip() for cell in line.replace("，", ",").split(",")]
            for line in given.splitlines()
            if line.strip()
        ]
        if isinstance(given, str)
        else given
    )
    columns = kind["columns"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise ValueError(f"应有 1 至 {MAX_ROWS} 行")
    for n, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"第 {n} 行应有 {len(columns)} 项：{'，'.join(columns)}")
    return [[str(cell) for cell in row] for row in rows]


def _cure(kind: Mapping[str, Any]) -> str:
    if kind["kind"] == "table":
        return f"每行一条，各项用逗号隔开：{'，'.join(kind['columns'])}"
    if kind["min"] is not None or kind["max"] is not None:
        return "国家规定的节点不能缩短，本院只能定得更严"
    return ""


def _wrong(place: str, said: str, cure: str) -> Problem:
    return Invalid(f"{said}。", [FieldError(f"/values/{place}", said, cure)])
