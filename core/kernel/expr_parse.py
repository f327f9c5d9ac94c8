"""JSON → typed expression. Every refusal is a `Problem` whose pointer names the place in the tree."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.kernel.expr_nodes import (
    COMPARISONS,
    MAX_DEPTH,
    MAX_LIST,
    MAX_NODES,
    MAX_TEXT,
    NUMERIC,
    OPERATORS,
    ORDERED,
    TEXT_TESTS,
    Call,
    Expr,
    Field,
    Value,
    fail,
)

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,8})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_UNTYPED = "?"


def parse(tree: Any, fields: Mapping[str, str], *, wants: str | None = "bool") -> Expr:
    """Validate `tree` against `fields` (key → type) and give its typed form.

    `wants` is the type of the whole; None takes any. Raises Problem "invalid" (422) with a JSON pointer.
    """
    expr = _Reader(fields).read(tree, "", 1)
    if isinstance(expr, Value) and expr.type == _UNTYPED:
        expr = _settle(expr, wants or _own_type(expr), "")
    if wants and expr.type != wants:
        raise fail("", "整个条件应当是一个判断" if wants == "bool" else f"结果应当是 {wants}")
    if wants == "bool" and not isinstance(expr, Call):
        raise fail("", "条件应当由运算组成", '例如 {"op":"eq","args":[{"field":"…"},{"value":"…"}]}')
    return expr


class _Reader:
    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields
        self.nodes = 0

    def read(self, node: Any, pointer: str, depth: int) -> Expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise fail(pointer, f"条件过多，最多 {MAX_NODES} 项", "请减少条件")
        if depth > MAX_DEPTH:
            raise fail(pointer, f"条件嵌套过深，最多 {MAX_DEPTH} 层", "请减少嵌套")
        if not isinstance(node, dict):
            raise fail(pointer, "这里应当是一个对象")
        keys = set(node)
        if keys == {"field"}:
            return self._field(node["field"], pointer)
        if keys == {"value"}:
            return Value(node["value"], _UNTYPED)
        if keys in ({"op", "args"}, {"op"}):
            return self._call(node["op"], node.get("args", []), pointer, depth)
        raise fail(pointer, "这里只能是 field、value，或 op 与 args")

    def _field(self, key: Any, pointer: str) -> Field:
        if not isinstance(key, str) or key not in self.fields:
            raise fail(f"{pointer}/field", f"没有可供筛选的字段“{_shown(key)}”", "请使用列表给出的筛选字段")
        return Field(key, self.fields[key])

    def _call(self, op: Any, args: Any, pointer: str, depth: int) -> Call:
        if not isinstance(op, str) or op not in OPERATORS:
            raise fail(f"{pointer}/op", f"没有“{_shown(op)}”这种运算")
        rule = OPERATORS[op]
        if not isinstance(args, list):
            raise fail(f"{pointer}/args", "args 应当是一个数组")
        if not rule.least <= len(args) <= rule.most:
            many = str(rule.least) if rule.least == rule.most else f"{rule.least} 至 {rule.most}"
            raise fail(f"{pointer}/args", f"“{op}”需要 {many} 个参数，这里有 {len(args)} 个")
        found = [self.read(a, f"{pointer}/args/{i}", depth + 1) for i, a in enumerate(args)]
        return _typed(op, found, pointer)


def _typed(op: str, args: list[Expr], pointer: str) -> Call:
    def at(i: int) -> str:
        return f"{pointer}/args/{i}"

    def want(i: int, kind: str) -> Expr:
        arg = args[i]
        arg = _settle(arg, kind, at(i)) if _open(arg) else arg
        if arg.type != kind:
            raise fail(at(i), f"这里应当是{_NAMES[kind]}，而不是{_NAMES[arg.type]}")
        return arg

    def alike(indexes: list[int], allowed: tuple[str, ...]) -> list[Expr]:
        known = {args[i].type for i in indexes if not _open(args[i])}
        if not known:
            known = {_own_type(args[i]) for i in indexes}
        kind = "double" if known == set(NUMERIC) else next(iter(known))
        if len(known) > 1 and known != set(NUMERIC):
            raise fail(pointer, f"“{op}”两边的类型不同：{'、'.join(sorted(_NAMES[k] for k in known))}")
        if kind not in allowed:
            raise fail(pointer, f"{_NAMES[kind]}不能用“{op}”")
        settled = [_settle(args[i], kind, at(i)) if _open(args[i]) else args[i] for i in indexes]
        for i, arg in zip(indexes, settled, strict=True):
            if arg.type == "bool" and isinstance(arg, Call):
                raise fail(at(i), "判断不能当作值来比较", "请改用 and、or、not")
        return settled

    every = list(range(len(args)))
    values = tuple(t for t in _NAMES if t != "bool")
    if op in ("and", "or", "not"):
        for i, arg in enumerate(args):
            if not (isinstance(arg, Call) and arg.type == "bool"):
                raise fail(at(i), f"“{op}”的参数应当是判断")
        return Call(op, tuple(args), "bool")
    if op in COMPARISONS:
        return Call(op, tuple(alike(every, tuple(_NAMES) if op in ("eq", "ne") else ORDERED)), "bool")
    if op == "between":
        return Call(op, tuple(alike(every, ORDERED)), "bool")
    if op == "in":
        return Call(op, _membership(args, pointer), "bool")
    if op == "is_null":
        if _open(args[0]) or (isinstance(args[0], Call) and args[0].type == "bool"):
            raise fail(at(0), "“is_null”只问字段或算式")
        return Call(op, (args[0],), "bool")
    if op in TEXT_TESTS:
        if not _open(args[1]):
            raise fail(at(1), "这里应当是写定的文字")
        return Call(op, (want(0, "text"), want(1, "text")), "bool")
    if op in ("add", "sub", "mul", "div", "abs"):
        found = tuple(alike(every, NUMERIC))
        kind = "double" if op == "div" or any(a.type == "double" for a in found) else "number"
        return Call(op, found, kind)
    if op == "coalesce":
        found = tuple(alike(every, values))
        return Call(op, found, _widest(found))
    if op == "if":
        if not (isinstance(args[0], Call) and args[0].type == "bool"):
            raise fail(at(0), "“if”的第一个参数应当是判断")
        found = tuple(alike([1, 2], values))
        return Call(op, (args[0], *found), _widest(found))
    if op == "length":
        return Call(op, (want(0, "text"),), "number")
    if op in ("year", "month"):
        return Call(op, (want(0, "date"),), "number")
    if op == "days_between":
        return Call(op, (want(0, "date"), want(1, "date")), "number")
    if op == "add_days":
        days = want(1, "number")
        if not isinstance(days, Value) or days.value != int(days.value) or abs(days.value) > 36600:
            raise fail(at(1), "天数应当是写定的整数，绝对值不超过 36600")
        return Call(op, (want(0, "date"), days), "date")
    return Call(op, (), "date")  # today


def _membership(args: list[Expr], pointer: str) -> tuple[Expr, ...]:
    subject, listed = args
    at = f"{pointer}/args/1"
    if not (isinstance(listed, Value) and isinstance(listed.value, list)):
        raise fail(at, "“in”的第二个参数应当是一列写定的值")
    if len(listed.value) > MAX_LIST:
        raise fail(at, f"最多列 {MAX_LIST} 个值", "请改用范围")
    if _open(subject) or subject.type in ("bool", "double"):
        raise fail(f"{pointer}/args/0", "这里应当是文字、数值、日期或编号字段")
    found = [_literal(v, subject.type, f"{at}/value/{i}") for i, v in enumerate(listed.value)]
    return subject, Value(tuple(found), subject.type)


def _widest(found: tuple[Expr, ...]) -> str:
    return "double" if any(a.type == "double" for a in found) else found[0].type


def _open(expr: Expr) -> bool:
    return isinstance(expr, Value) and expr.type == _UNTYPED


def _own_type(expr: Expr) -> str:
    value = expr.value if isinstance(expr, Value) else None
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "text"


def _settle(expr: Expr, kind: str, pointer: str) -> Value:
    return Value(_literal(expr.value, kind, f"{pointer}/value"), kind)  # type: ignore[union-attr]


def _literal(value: Any, kind: str, pointer: str) -> Any:
    if value is None:
        raise fail(pointer, "不能与空值比较", "请改用 is_null")
    if kind == "bool":
        if not isinstance(value, bool):
            raise fail(pointer, "这里应当是 true 或 false")
        return value
    if kind in NUMERIC:
        if isinstance(value, bool) or not isinstance(value, int | str) or not _NUMBER.fullmatch(str(value)):
            cure = '小数请写成文字，如 "12.50"；整数至多 18 位，小数至多 8 位'
            raise fail(pointer, f"“{_shown(value)}”不是数值", cure)
        return Decimal(str(value)) if kind == "number" else float(Decimal(str(value)))
    if not isinstance(value, str):
        raise fail(pointer, f"这里应当是{_NAMES[kind]}，写成文字")
    if kind == "text":
        if len(value) > MAX_TEXT:
            raise fail(pointer, f"文字过长，最多 {MAX_TEXT} 字")
        if any(c == "\0" or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise fail(pointer, "文字中有不能使用的字符")
        return value
    try:
        return _CAST[kind](value)
    except (ValueError, OverflowError):
        raise fail(pointer, f"“{_shown(value)}”不是{_NAMES[kind]}", _EXAMPLE[kind]) from None


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no offset")
    return found.astimezone(UTC)


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError(text)
    return text


_CAST: dict[str, Callable[[str], Any]] = {"date": _date, "datetime": _instant, "month": _month, "uid": UUID}
_EXAMPLE = {
    "date": "应如 2024-03-01",
    "datetime": "应如 2024-03-01T08:00:00+08:00，须带时区",
    "month": "应如 2024-03",
    "uid": "应为 UUID",
}
_NAMES = {
    "text": "文字",
    "number": "数值",
    "double": "比值",
    "bool": "是否",
    "date": "日期",
    "datetime": "时刻",
    "month": "月份",
    "uid": "编号",
}


def _shown(value: Any) -> str:
    return str(value)[:40]
