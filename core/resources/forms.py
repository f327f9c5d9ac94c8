"""What was sent against the form that was declared: cleaned values, or every wrong place at once."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from core.kernel.errors import FieldError, Invalid
from core.kernel.money import parse_yuan
from core.resources.spec import Form, FormField

_TEXT_LIMIT = 10_000
_LIST_LIMIT = 100


def clean(form: Form | None, values: Any, principal: Any) -> dict[str, Any]:
    """Typed values: Decimal, date, bool, str (uids as str). Raises Problem "invalid" naming each field."""
    if not isinstance(values, Mapping):
        raise Invalid("提交的内容格式不对。", [FieldError("/values", "这里应当是一个对象")])
    known = {f.key: f for f in form.fields} if form else {}
    errors = [
        FieldError(f"/values/{key}", "表单中没有这一项", "请刷新页面后重试")
        for key in values
        if key not in known
    ]
    found: dict[str, Any] = {}
    for key, item in known.items():
        asked = not item.only_with or found.get(item.only_with[0]) in item.only_with[1:]
        try:
            found[key] = _one(item, values.get(key), principal) if asked else None
        except ValueError as error:
            errors.append(FieldError(f"/values/{key}", f"{item.label}：{error}", item.help))
    if errors:
        raise Invalid(
            "有几处需要修改，请看各项下的说明。" if len(errors) > 1 else errors[0].message + "。", errors
        )
    return found


def choices(item: Any, principal: Any) -> list[tuple[str, str]]:
    """The choices of a form field or filter for this person."""
    return list(item.choices(principal) if callable(item.choices) else item.choices)


def _one(item: FormField, value: Any, principal: Any) -> Any:
    if isinstance(value, str):
        value = value.strip()
    if value in (None, "", []):
        if item.required:
            raise ValueError("必须填写")
        return {"bool": False, "choices": [], "files": []}.get(item.type)
    if item.type == "bool":
        if not isinstance(value, bool):
            raise ValueError("应为是或否")
        return value
    if item.type in ("choices", "files"):
        if not isinstance(value, list) or len(value) > _LIST_LIMIT:
            raise ValueError("应为一列值")
        return [_single(item, v, principal) for v in value]
    return _single(item, value, principal)


def _single(item: FormField, value: Any, principal: Any) -> Any:
    if item.type in ("number", "money"):
        return _number(item, value)
    if not isinstance(value, str):
        raise ValueError("应为文字")
    if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise ValueError("含有不能使用的字符")
    if item.type in ("text", "textarea"):
        limit = item.max_length or (200 if item.type == "text" else _TEXT_LIMIT)
        if len(value) > limit:
            raise ValueError(f"最多 {limit} 字，现有 {len(value)} 字")
        return value
    if item.type == "date":
        try:
            if len(value) != 10:
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("不是日期，应如 2024-03-01") from None
    if item.type == "month":
        try:
            return date.fromisoformat(f"{value}-01").strftime("%Y-%m")
        except ValueError:
            raise ValueError("不是月份，应如 2024-03") from None
    if item.type in ("choice", "choices"):
        if value not in {code for code, _ in choices(item, principal)}:
            raise ValueError("请从给出的选项中选择")
        return value
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("没有这一项，请重新选择") from None


def _number(item: FormField, value: Any) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, int | str):
        raise ValueError("应为数值，小数请写成文字")
    try:
        found = parse_yuan(str(value)) if item.type == "money" else Decimal(str(value))
    except (ValueError, InvalidOperation):
        raise ValueError("不是数值") from None
    exponent = found.as_tuple().exponent
    if (
        not found.is_finite()
        or abs(found) >= Decimal(10) ** 15
        or not isinstance(exponent, int)
        or exponent < -8
    ):
        raise ValueError("超出范围")
    if item.type == "money" and exponent < -2:
        raise ValueError("金额最多两位小数")
    return found
